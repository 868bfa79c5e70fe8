"""How one pinned model is started: the arguments of `vllm serve`, and nothing left to defaults that
would change what is served.

Facts about flags are from vLLM 0.32.0's own command line and release notes; see `FLAGS`.
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterator
from dataclasses import dataclass

from core.errors import InvalidError

#: A commit of a model hub. Branches and tags move, and would change the model under its name.
_COMMIT = re.compile(r"[0-9a-f]{40}|[0-9a-f]{64}")
_VERSION = re.compile(r"v?(\d+)\.(\d+)(?:\.(\d+))?(?![\d.])")
#: `--prefix-caching-hash-algo`; the two built on SHA-256 are safe between tenants (CVE-2025-25183).
HASH_ALGORITHMS = ("sha256", "sha256_cbor", "xxhash", "xxhash_cbor")


class LaunchError(InvalidError):
    """This model version cannot be launched."""

    code = "launch_invalid"


class RevisionNotPinnedError(LaunchError):
    """The weights are not named by a commit, so another model could be served tomorrow."""

    code = "launch_revision_not_pinned"
    hint = "write the 40-digit commit of the model's repository into models.yaml"


class EngineNotVllmError(LaunchError):
    """Only vLLM is launched; other engines are used where they already run."""

    code = "launch_engine_not_vllm"


class EngineNotPinnedError(LaunchError):
    """The vLLM version is not given, and flags, defaults and answers differ between versions."""

    code = "launch_engine_not_pinned"
    hint = "write engine_version into models.yaml"


class EngineTooOldError(LaunchError):
    """This vLLM version lacks a flag that is needed."""

    code = "launch_engine_too_old"


@dataclass(frozen=True, slots=True)
class Flag:
    """A flag of `vllm serve` and the first version known to have it.

    An older engine is refused when the flag is `needed`, and started without it otherwise.
    """

    name: str
    since: str
    needed: bool = True


#: Every flag used here. Known releases: hash algorithm 0.8.3 (vllm#15297), shutdown timeout 0.18.0
#: (#34730, #36666), which makes 0.18.0 the oldest engine that is launched. 0.8.0 stands for older
#: than that; 0.14.0 (KV bytes) and 0.32.0 (custom fingerprint) are releases the flag was seen in.
#: The tests with a real vLLM hold the names against its own parser.
FLAGS = (
    Flag("--host", "0.8.0"),
    Flag("--port", "0.8.0"),
    Flag("--served-model-name", "0.8.0"),
    Flag("--revision", "0.8.0"),
    Flag("--code-revision", "0.8.0"),
    Flag("--tokenizer-revision", "0.8.0"),
    Flag("--tensor-parallel-size", "0.8.0"),
    Flag("--dtype", "0.8.0"),
    Flag("--quantization", "0.8.0"),
    Flag("--kv-cache-dtype", "0.8.0"),
    Flag("--max-model-len", "0.8.0"),
    Flag("--max-num-seqs", "0.8.0"),
    Flag("--max-num-batched-tokens", "0.8.0"),
    Flag("--gpu-memory-utilization", "0.8.0"),
    Flag("--kv-cache-memory-bytes", "0.14.0"),
    Flag("--enable-prefix-caching", "0.8.0"),
    Flag("--no-enable-prefix-caching", "0.8.0"),
    Flag("--prefix-caching-hash-algo", "0.8.3"),
    Flag("--shutdown-timeout", "0.18.0"),
    Flag("--enable-prompt-tokens-details", "0.8.0", needed=False),
    Flag("--fingerprint-mode", "0.32.0", needed=False),
    Flag("--fingerprint-value", "0.32.0", needed=False),
)
_BY_NAME = {flag.name: flag for flag in FLAGS}


@dataclass(frozen=True, slots=True)
class Launch:
    """One model version as vLLM is to serve it. `None`, 0 and "" leave the engine's default.

    `model` is a hub id or the path of a folder; `release` is our name for what is deployed, which
    the server repeats as `system_fingerprint`. `tokenizer_revision` is `revision` when empty: the
    tokenizer lies beside the weights. Either a share of the GPU's memory or the bytes of the KV
    cache, not both. Bytes and tokens are whole numbers, `shutdown_seconds` is how long running
    requests may go on after SIGTERM.
    """

    model: str
    served_name: str
    revision: str
    engine_version: str
    tokenizer_revision: str = ""
    engine: str = "vllm"
    dtype: str = ""
    quantization: str = ""
    kv_dtype: str = ""
    max_context: int = 0
    tensor_parallel: int = 1
    max_sequences: int = 0
    max_batched_tokens: int = 0
    gpu_memory_utilization: float | None = None
    kv_cache_bytes: int | None = None
    prefix_caching: bool = True
    hash_algorithm: str = "sha256"
    shutdown_seconds: int = 45
    release: str = ""
    host: str = "0.0.0.0"  # noqa: S104 - in a pod; the NetworkPolicy says who may ask
    port: int = 8000

    @property
    def is_folder(self) -> bool:
        """Whether the weights lie in a folder: no hub is asked, and no revision looked up."""
        return self.model.startswith(("/", "./", "../"))


def command(launch: Launch) -> tuple[str, ...]:
    """The argv that serves `launch`, `vllm` first. Raises LaunchError kinds."""
    check(launch)
    version = engine_release(launch.engine_version)
    argv = ["vllm", "serve", launch.model]
    for name, value in _options(launch):
        flag = _BY_NAME[name]
        if engine_release(flag.since) <= version:
            argv += [name] if value is None else [name, value]
        elif flag.needed:
            raise EngineTooOldError(
                f"vLLM {launch.engine_version} has no {name}; it came with {flag.since}",
                hint=f"deploy vLLM {flag.since} or newer, and measure the model again",
            )
    return tuple(argv)


def check(launch: Launch) -> None:
    """Raise the LaunchError kind that says what is wrong, if anything is."""
    if launch.engine.lower() != "vllm":
        raise EngineNotVllmError(f"{launch.served_name} runs on {launch.engine!r}, not on vLLM")
    _check_text(launch)
    _check_revision(launch)
    _check_sizes(launch)


def engine_release(text: str) -> tuple[int, int, int]:
    """(0, 32, 0) for `0.32.0`, `v0.32` or `0.32.0+cpu`. Raises EngineNotPinnedError."""
    found = _VERSION.match(text)
    if found is None:
        said = f"{text!r} is no version of vLLM" if text else ""
        raise EngineNotPinnedError(said)
    major, minor, patch = found.groups(default="0")
    return int(major), int(minor), int(patch)


def _check_text(launch: Launch) -> None:
    """Nothing from models.yaml may pass for an option, or for two arguments."""
    texts = {
        "model": launch.model,
        "served name": launch.served_name,
        "dtype": launch.dtype,
        "quantization": launch.quantization,
        "KV dtype": launch.kv_dtype,
        "release": launch.release,
    }
    for what, text in texts.items():
        if text.startswith("-") or not text.isprintable() or " " in text:
            raise LaunchError(f"the {what} {text[:60]!r} cannot be an argument")
    if not launch.model or not launch.served_name:
        raise LaunchError("a launch needs a model and the name it is served under")


def _check_revision(launch: Launch) -> None:
    if launch.is_folder:
        if not launch.revision:
            raise RevisionNotPinnedError(
                f"the folder {launch.model} has no revision",
                hint="write the hash of its weights into models.yaml, as sha256:…",
            )
        return
    for what, revision in (
        ("revision", launch.revision),
        ("tokenizer revision", launch.tokenizer_revision or launch.revision),
    ):
        if not _COMMIT.fullmatch(revision):
            said = f"is {revision[:60]!r}, which is no commit" if revision else "is missing"
            raise RevisionNotPinnedError(f"the {what} of {launch.model} {said}")


def _check_sizes(launch: Launch) -> None:
    utilization = launch.gpu_memory_utilization
    if utilization is not None and launch.kv_cache_bytes is not None:
        raise LaunchError("give the share of GPU memory or the bytes of the KV cache, not both")
    if utilization is not None and not (math.isfinite(utilization) and 0 < utilization <= 1):
        raise LaunchError(f"a share of GPU memory is above 0 and at most 1, not {utilization}")
    if launch.kv_cache_bytes is not None and launch.kv_cache_bytes <= 0:
        raise LaunchError("a KV cache has at least one byte")
    if launch.tensor_parallel < 1:
        raise LaunchError("a model needs at least one GPU")
    if launch.shutdown_seconds < 1:
        # 0 is vLLM's default: every answer that is being written is cut off at a rolling update.
        raise LaunchError("running requests need at least a second to finish at shutdown")
    if launch.hash_algorithm not in HASH_ALGORITHMS:
        known = ", ".join(HASH_ALGORITHMS)
        raise LaunchError(f"{launch.hash_algorithm!r} is none of {known}")


def _options(launch: Launch) -> Iterator[tuple[str, str | None]]:
    """Flags and values in the order of a command line; None for a flag that takes no value."""
    yield "--host", launch.host
    yield "--port", str(launch.port)
    yield "--served-model-name", launch.served_name
    if not launch.is_folder:
        yield "--revision", launch.revision
        yield "--code-revision", launch.revision
        yield "--tokenizer-revision", launch.tokenizer_revision or launch.revision
    yield "--tensor-parallel-size", str(launch.tensor_parallel)
    yield from _sizes(launch)
    yield from _prefix_cache(launch)
    yield "--enable-prompt-tokens-details", None
    yield "--shutdown-timeout", str(launch.shutdown_seconds)
    if launch.release:
        yield "--fingerprint-mode", "custom"
        yield "--fingerprint-value", launch.release


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
