"""A launch as a command line."""

from __future__ import annotations

from collections.abc import Iterator

from serving.launch.checking import check
from serving.launch.errors import EngineTooOldError
from serving.launch.flags import BY_NAME, engine_release
from serving.launch.machines import Node, check_node
from serving.launch.values import Launch


def command(launch: Launch, node: Node | None = None) -> tuple[str, ...]:
    """The argv that serves `launch`, `vllm` first, on one machine or as one `node` of several.

    All machines get the same arguments but those that tell them apart: each builds the whole
    engine's configuration for itself. Raises LaunchError kinds.
    """
    check(launch)
    if node:
        check_node(launch.gpus, node)
    version = engine_release(launch.engine_version)
    argv = ["vllm", "serve", launch.model]
    for name, value in _options(launch, node):
        flag = BY_NAME[name]
        if engine_release(flag.since) <= version:
            argv += [name] if value is None else [name, value]
        elif flag.needed:
            raise EngineTooOldError(
                f"vLLM {launch.engine_version} has no {name}; it came with {flag.since}",
                hint=f"deploy vLLM {flag.since} or newer, and measure the model again",
            )
    return tuple(argv)


def _options(launch: Launch, node: Node | None) -> Iterator[tuple[str, str | None]]:
    """Flags and values in the order of a command line; None for a flag that takes no value."""
    yield "--host", launch.host
    yield "--port", str(launch.port)
    yield "--served-model-name", launch.served_name
    if not launch.is_folder:
        yield "--revision", launch.revision
        yield "--code-revision", launch.revision
        yield "--tokenizer-revision", launch.tokenizer_revision or launch.revision
    yield "--tensor-parallel-size", str(launch.tensor_parallel)
    if launch.pipeline_parallel > 1:
        yield "--pipeline-parallel-size", str(launch.pipeline_parallel)
    yield from _sizes(launch)
    yield from _prefix_cache(launch)
    yield "--enable-prompt-tokens-details", None
    yield "--shutdown-timeout", str(launch.shutdown_seconds)
    if launch.release:
        yield "--fingerprint-mode", "custom"
        yield "--fingerprint-value", launch.release
    if node:
        yield from node.options()


def _sizes(launch: Launch) -> Iterator[tuple[str, str | None]]:
    utilization = launch.gpu_memory_utilization
    optional: tuple[tuple[str, str | int | float | None], ...] = (
        ("--dtype", launch.dtype),
        ("--quantization", launch.quantization),
        ("--kv-cache-dtype", launch.kv_dtype),
        ("--max-model-len", launch.max_context),
        ("--max-num-seqs", launch.max_sequences),
        ("--max-num-batched-tokens", launch.max_batched_tokens),
        ("--gpu-memory-utilization", utilization),
        ("--kv-cache-memory-bytes", launch.kv_cache_bytes),
    )
    yield from ((name, str(value)) for name, value in optional if value)


def _prefix_cache(launch: Launch) -> Iterator[tuple[str, str | None]]:
    if not launch.prefix_caching:
        yield "--no-enable-prefix-caching", None
        return
    yield "--enable-prefix-caching", None
    yield "--prefix-caching-hash-algo", launch.hash_algorithm
