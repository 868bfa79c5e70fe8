"""Starts measured by us: vLLM 0.32.0 on one NVIDIA H200 (139.80 GiB), utilisation 0.95, 2026-11.

With torch 2.11.0 (vLLM 0.32.0 asks for 2.13.0), without FlashInfer, dummy weights of the shapes in
the catalogue, default CUDA graphs; length 8192. `activation` is all of PyTorch's memory beside the
weights at the profile run's peak: what the log calls peak activation without the graphs' estimate,
and what stayed (buffers per sequence, workspaces). `graphs` is the estimate that was taken off.
All but the first were made with a filled compile cache, and twice where `repeats` says so: the two
agreed to the byte, or for the graphs to 2 MiB.
"""

from __future__ import annotations

from dataclasses import dataclass

from serving.planner import catalogue
from serving.planner.request import PlanRequest


@dataclass(frozen=True)
class H200Start:
    """One start. GiB to four decimals, from the process and not from the log's two."""

    name: str
    model: str
    weights: float
    activation: float
    graphs: float
    kv: float
    tokens: int
    concurrency: float
    seqs: int = 1024
    batched: int = 8192
    kv_dtype: str = "auto"
    repeats: int = 1

    def request(self) -> PlanRequest:
        """The same start as a wish."""
        return PlanRequest(
            catalogue.find(self.model).architecture,
            "h200",
            kv_dtype=self.kv_dtype,
            max_model_len=8192,
            utilization=0.95,
            max_num_seqs=self.seqs,
            max_num_batched_tokens=self.batched,
            vllm_version="0.32.0",
        )

    def __str__(self) -> str:
        return self.name


NON_TORCH = 0.2246
#: Models that were loaded and not started to the end: (model, `Model loading took ... GiB`).
LOADED = (
    ("microsoft/phi-4", 27.39),
    ("ibm-granite/granite-3.3-8b-instruct", 15.27),
    ("deepseek-ai/DeepSeek-V2-Lite-Chat", 29.40),
)
FREE_AT_START = 139.286

STARTS = (
    H200Start(
        "llama-3.1-8b-first-compilation",
        "meta-llama/Llama-3.1-8B-Instruct",
        15.0045,
        1.6479,
        0.9160,
        115.0177,
        942_224,
        115.0176,
    ),
    H200Start(
        "llama-3.1-8b-kv-fp8",
        "meta-llama/Llama-3.1-8B-Instruct",
        15.0045,
        1.4194,
        0.9141,
        115.2482,
        1_888_224,
        230.4961,
        kv_dtype="fp8",
        repeats=2,
    ),
    H200Start(
        "llama-3.1-8b-256-sequences",
        "meta-llama/Llama-3.1-8B-Instruct",
        15.0045,
        1.0229,
        0.7559,
        115.8029,
        948_656,
        115.8027,
        seqs=256,
        repeats=2,
    ),
    H200Start(
        "llama-3.1-8b-2048-tokens",
        "meta-llama/Llama-3.1-8B-Instruct",
        15.0045,
        0.8466,
        0.9160,
        115.8190,
        948_784,
        115.8184,
        batched=2048,
        repeats=2,
    ),
    H200Start(
        "qwen3-30b-a3b",
        "Qwen/Qwen3-30B-A3B",
        56.8814,
        1.5093,
        1.2324,
        72.9630,
        796_944,
        97.2832,
        repeats=2,
    ),
    H200Start(
        "gemma-2-9b",
        "google/gemma-2-9b-it",
        17.2180,
        2.1267,
        1.2285,
        112.0128,
        349_218,
        42.6293,
        repeats=2,
    ),
    H200Start(
        "qwen3-8b",
        "Qwen/Qwen3-8B",
        15.2682,
        1.4232,
        0.9375,
        114.9571,
        837_088,
        102.1836,
    ),
)
