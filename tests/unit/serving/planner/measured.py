"""Measured starts: vLLM 0.19.0, one node of H100-80GB (79.19 GiB each), utilisation 0.95.

Source: the accuracy runs of llm-d-planner (llm-d-incubation/llm-d-planner#205). GiB as logged.
"""

from __future__ import annotations

from dataclasses import dataclass

from serving.planner import catalogue
from serving.planner.request import PlanRequest


@dataclass(frozen=True)
class Start:
    """One start: what was asked for, and what the log says (the first rank's, with PP)."""

    model: str
    weights: float
    activation: float
    non_torch: float
    graphs: float
    kv: float
    tokens: int
    concurrency: float
    tp: int = 1
    pp: int = 1
    length: int = 8192
    dtype: str = "auto"
    kv_dtype: str = "auto"
    quantization: str | None = None

    def request(self) -> PlanRequest:
        """The same start as a wish."""
        return PlanRequest(
            catalogue.find(self.model).architecture,
            "h100-sxm",
            tp=self.tp,
            pp=self.pp,
            dtype=self.dtype,
            kv_dtype=self.kv_dtype,
            quantization=self.quantization,
            max_model_len=self.length,
            utilization=0.95,
            vllm_version="0.19.0",
        )

    def __str__(self) -> str:
        asked = (self.dtype, f"kv-{self.kv_dtype}", self.quantization or "auto")
        extras = "-".join(word for word in asked if not word.endswith("auto"))
        name = self.model.rsplit("/", 1)[-1]
        return f"{name}-tp{self.tp}-pp{self.pp}-{self.length}{'-' + extras if extras else ''}"


STARTS = (
    Start("codellama/CodeLlama-7b-hf", 12.56, 0.77, 0.25, 0.89, 61.66, 126_256, 15.41),
    Start(
        "RedHatAI/Llama-3.3-70B-Instruct-fp8-dynamic",
        33.88,
        1.96,
        2.1,
        1.79,
        37.28,
        244_304,
        29.82,
        tp=2,
    ),
    Start(
        "RedHatAI/Qwen2.5-7B-Instruct-fp8-dynamic", 8.14, 2.21, 0.24, 0.81, 64.64, 1_210_304, 147.74
    ),
    Start("google/gemma-2-2b-it", 4.9, 3.62, 0.24, 0.71, 66.47, 670_160, 81.73),
    Start("google/gemma-3-12b-it", 23.31, 3.94, 0.25, 0.94, 47.72, 130_304, 15.88),
    Start("google/gemma-3-4b-it", 8.58, 3.89, 0.25, 0.67, 62.51, 468_144, 57.05),
    Start("ibm-granite/granite-3.1-2b-instruct", 4.74, 0.75, 0.46, 0.84, 69.28, 908_048, 110.85),
    Start("ibm-granite/granite-3.3-8b-instruct", 15.25, 0.85, 0.46, 0.98, 58.66, 384_432, 46.93),
    Start(
        "meta-llama/Llama-3.1-8B-Instruct",
        14.99,
        1.89,
        0.25,
        0.91,
        58.11,
        952_032,
        116.21,
        kv_dtype="fp8",
    ),
    Start(
        "meta-llama/Llama-3.1-8B-Instruct",
        8.49,
        1.89,
        0.25,
        0.87,
        64.61,
        529_248,
        64.61,
        quantization="fp8",
    ),
    Start(
        "meta-llama/Llama-3.1-8B-Instruct",
        29.98,
        2.21,
        0.25,
        0.79,
        42.8,
        175_296,
        21.4,
        dtype="float32",
    ),
    Start(
        "meta-llama/Llama-3.1-8B-Instruct",
        14.99,
        1.89,
        0.25,
        0.91,
        58.11,
        476_016,
        116.21,
        length=4096,
    ),
    Start(
        "meta-llama/Llama-3.1-8B-Instruct", 7.51, 1.1, 0.07, 0.65, 66.54, 1_075_312, 131.26, pp=2
    ),
    Start(
        "meta-llama/Llama-3.1-8B-Instruct", 7.51, 1.89, 2.07, 0.76, 63.76, 1_044_688, 127.53, tp=2
    ),
    Start(
        "meta-llama/Llama-3.1-8B-Instruct",
        14.99,
        1.89,
        0.25,
        0.91,
        58.11,
        476_016,
        29.05,
        length=16384,
    ),
    Start(
        "meta-llama/Llama-4-Scout-17B-16E-Instruct",
        53.12,
        3.19,
        2.17,
        1.13,
        16.75,
        365_968,
        44.68,
        tp=4,
    ),
    Start("microsoft/phi-4", 27.39, 1.52, 0.25, 1.07, 46.08, 241_568, 29.49),
    Start(
        "mistralai/Mixtral-8x7B-Instruct-v0.1", 43.51, 1.21, 2.07, 0.93, 28.44, 465_936, 56.88, tp=2
    ),
    Start("moonshotai/Kimi-Dev-72B", 34.01, 2.29, 2.21, 1.54, 36.72, 481_296, 58.75, tp=4),
    Start(
        "moonshotai/Kimi-VL-A3B-Instruct", 15.53, 2.85, 2.07, 1.26, 54.78, 1_890_896, 230.82, tp=2
    ),
    Start("Qwen/Qwen1.5-MoE-A2.7B", 26.67, 2.47, 0.25, 1.1, 45.83, 250_304, 30.55),
    Start("Qwen/Qwen2.5-72B-Instruct", 67.8, 2.29, 2.09, 1.61, 3.04, 19_920, 2.43, tp=2),
    Start(
        "Qwen/Qwen2.5-7B-Instruct", 14.25, 2.21, 0.24, 0.87, 58.53, 1_095_968, 66.89, length=16384
    ),
    Start(
        "Qwen/Qwen2.5-7B-Instruct", 14.25, 2.21, 0.24, 0.87, 58.53, 1_096_000, 535.16, length=2048
    ),
    Start("Qwen/Qwen2.5-7B-Instruct", 7.12, 2.21, 2.06, 0.71, 63.84, 2_390_592, 291.82, tp=2),
    Start("Qwen/Qwen3-30B-A3B", 56.88, 2.68, 0.27, 1.41, 15.41, 168_288, 20.54),
    Start(
        "redhatai/Llama-3.3-70B-Instruct-quantized.w8a8",
        33.88,
        1.96,
        2.11,
        1.85,
        37.28,
        244_304,
        29.82,
        tp=2,
    ),
    Start(
        "RedHatAI/Mistral-Small-3.1-24B-Instruct-2503-quantized.w8a8",
        24.07,
        2.18,
        0.26,
        1.22,
        48.73,
        319_344,
        38.98,
    ),
    Start(
        "RedHatAI/Meta-Llama-3.1-8B-Instruct-quantized.w8a8",
        8.49,
        1.89,
        0.25,
        0.94,
        64.6,
        529_200,
        64.6,
        dtype="float16",
    ),
)
