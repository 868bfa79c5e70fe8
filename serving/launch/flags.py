"""The flags of `vllm serve` that are used, and the vLLM versions that have them.

Facts are from vLLM 0.32.0's own command line and release notes.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from serving.launch.errors import EngineNotPinnedError

_VERSION = re.compile(r"v?(\d+)\.(\d+)(?:\.(\d+))?(?![\d.])")
#: `--prefix-caching-hash-algo`; the two built on SHA-256 are safe between tenants (CVE-2025-25183).
HASH_ALGORITHMS = ("sha256", "sha256_cbor", "xxhash", "xxhash_cbor")


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
#: than that; 0.11.2 (several machines without Ray, #23691), 0.14.0 (KV bytes), 0.18.0 and 0.22.0
#: (timeouts between machines) and 0.32.0 (custom fingerprint) are releases the flag was seen in.
#: The tests with a real vLLM hold the names against its own parser.
FLAGS = (
    Flag("--host", "0.8.0"),
    Flag("--port", "0.8.0"),
    Flag("--served-model-name", "0.8.0"),
    Flag("--revision", "0.8.0"),
    Flag("--code-revision", "0.8.0"),
    Flag("--tokenizer-revision", "0.8.0"),
    Flag("--tensor-parallel-size", "0.8.0"),
    Flag("--pipeline-parallel-size", "0.8.0"),
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
    Flag("--distributed-executor-backend", "0.8.0"),
    Flag("--nnodes", "0.11.2"),
    Flag("--node-rank", "0.11.2"),
    Flag("--master-addr", "0.11.2"),
    Flag("--master-port", "0.11.2"),
    Flag("--distributed-timeout-seconds", "0.18.0"),
    Flag("--cpu-distributed-timeout-seconds", "0.22.0", needed=False),
    Flag("--headless", "0.11.2"),
)
BY_NAME = {flag.name: flag for flag in FLAGS}


def engine_release(text: str) -> tuple[int, int, int]:
    """(0, 32, 0) for `0.32.0`, `v0.32` or `0.32.0+cpu`. Raises EngineNotPinnedError."""
    found = _VERSION.match(text)
    if found is None:
        said = f"{text!r} is no version of vLLM" if text else ""
        raise EngineNotPinnedError(said)
    major, minor, patch = found.groups(default="0")
    return int(major), int(minor), int(patch)
