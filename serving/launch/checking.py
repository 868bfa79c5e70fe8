"""What of a launch is refused before an engine is asked."""

from __future__ import annotations

import math
import re

from serving.launch.errors import EngineNotVllmError, LaunchError, RevisionNotPinnedError
from serving.launch.flags import HASH_ALGORITHMS
from serving.launch.values import Launch

#: A commit of a model hub. Branches and tags move, and would change the model under its name.
_COMMIT = re.compile(r"[0-9a-f]{40}|[0-9a-f]{64}")


def check(launch: Launch) -> None:
    """Raise the LaunchError kind that says what is wrong, if anything is."""
    if not launch.engine:
        raise EngineNotVllmError(
            f"{launch.served_name} does not say what it runs on",
            hint="write engine: vllm into models.yaml",
        )
    if launch.engine.lower() != "vllm":
        raise EngineNotVllmError(f"{launch.served_name} runs on {launch.engine!r}, not on vLLM")
    _check_text(launch)
    _check_revision(launch)
    _check_sizes(launch)


def _check_text(launch: Launch) -> None:
    """Nothing from models.yaml may pass for an option, for two arguments, or for a variable: in the
    arguments of a container Kubernetes would put the hub's token in the place of `$(HF_TOKEN)`.
    """
    texts = {
        "model": launch.model,
        "served name": launch.served_name,
        "dtype": launch.dtype,
        "quantization": launch.quantization,
        "KV dtype": launch.kv_dtype,
        "release": launch.release,
    }
    for what, text in texts.items():
        if text.startswith("-") or not text.isprintable() or " " in text or "$(" in text:
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
    if min(launch.tensor_parallel, launch.pipeline_parallel) < 1:
        raise LaunchError("a model needs at least one GPU")
    if launch.shutdown_seconds < 1:
        # 0 is vLLM's default: every answer that is being written is cut off at a rolling update.
        raise LaunchError("running requests need at least a second to finish at shutdown")
    if launch.hash_algorithm not in HASH_ALGORITHMS:
        known = ", ".join(HASH_ALGORITHMS)
        raise LaunchError(f"{launch.hash_algorithm!r} is none of {known}")
