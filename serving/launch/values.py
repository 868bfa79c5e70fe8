"""The pure value of what is launched."""

from __future__ import annotations

from dataclasses import dataclass


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
    pipeline_parallel: int = 1
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

    @property
    def gpus(self) -> int:
        """How many GPUs it takes, on all machines together."""
        return self.tensor_parallel * self.pipeline_parallel
