"""A launch and a place that are right; tests change one thing."""

from __future__ import annotations

from serving.launch import Launch
from serving.manifest import Place

COMMIT = "0e9e39f249a16976918f6564b8830bc894c89659"
LAUNCH = Launch(
    model="meta-llama/Llama-3.1-8B-Instruct",
    served_name="llama-3.1-8b",
    revision=COMMIT,
    engine_version="0.32.0",
    dtype="bfloat16",
    max_context=8192,
    tensor_parallel=2,
    gpu_memory_utilization=0.9,
    release="llama-3.1-8b-r12",
)
PLACE = Place(name="llama-8b", image="vllm:0.32.0")
