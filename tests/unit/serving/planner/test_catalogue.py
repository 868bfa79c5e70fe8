"""The models and GPUs the planner knows by name."""

from __future__ import annotations

import pytest

from serving.planner import catalogue
from serving.planner.errors import UnknownGpuError, UnknownModelError
from serving.planner.gpus import find_gpu, gpu_names
from serving.planner.weights import checkpoint_bytes

#: Parameters as the model cards count them, in billions.
PARAMETERS = {
    "codellama/CodeLlama-7b-hf": 6.74,
    "deepseek-ai/DeepSeek-V2-Lite-Chat": 15.7,
    "google/gemma-2-2b-it": 2.61,
    "google/gemma-2-9b-it": 9.24,
    "google/gemma-2-27b-it": 27.2,
    "google/gemma-3-4b-it": 4.30,
    "google/gemma-3-12b-it": 12.2,
    "google/gemma-3-27b-it": 27.4,
    "google/gemma-7b": 8.54,
    "ibm-granite/granite-3.1-2b-instruct": 2.53,
    "ibm-granite/granite-3.1-8b-instruct": 8.17,
    "ibm-granite/granite-3.3-8b-instruct": 8.17,
    "meta-llama/Llama-3.1-8B-Instruct": 8.03,
    "meta-llama/Llama-3.1-70B-Instruct": 70.6,
    "meta-llama/Llama-3.3-70B-Instruct": 70.6,
    "meta-llama/Llama-4-Scout-17B-16E-Instruct": 109,
    "meta-llama/Meta-Llama-3-70B-Instruct": 70.6,
    "microsoft/phi-2": 2.78,
    "microsoft/phi-4": 14.7,
    "mistralai/Mistral-Small-3.1-24B-Instruct-2503": 24.0,
    "mistralai/Mixtral-8x7B-Instruct-v0.1": 46.7,
    "moonshotai/Kimi-Dev-72B": 72.7,
    "moonshotai/Kimi-VL-A3B-Instruct": 16.4,
    "Qwen/Qwen1.5-MoE-A2.7B": 14.3,
    "Qwen/Qwen2.5-7B-Instruct": 7.62,
    "Qwen/Qwen2.5-72B-Instruct": 72.7,
    "Qwen/Qwen3-8B": 8.19,
    "Qwen/Qwen3-14B": 14.8,
    "Qwen/Qwen3-30B-A3B": 30.5,
    "Qwen/Qwen3-32B": 32.8,
}
QUANTISED = {
    "openai/gpt-oss-20b",
    "openai/gpt-oss-120b",
    "RedHatAI/Llama-3.3-70B-Instruct-fp8-dynamic",
    "RedHatAI/Qwen2.5-7B-Instruct-fp8-dynamic",
    *(
        f"RedHatAI/{base}-quantized.{scheme}"
        for base in (
            "Meta-Llama-3.1-8B-Instruct",
            "Llama-3.3-70B-Instruct",
            "Mistral-Small-3.1-24B-Instruct-2503",
            "Qwen2.5-7B-Instruct",
        )
        for scheme in ("w8a8", "w4a16")
    ),
}


def test_the_catalogue_has_every_model_that_was_promised() -> None:
    assert set(catalogue.names()) == set(PARAMETERS) | QUANTISED


@pytest.mark.parametrize("name", catalogue.names())
def test_every_entry_can_be_read_and_says_where_it_is_from(name: str) -> None:
    entry = catalogue.find(name.upper())
    assert entry.name == name
    assert entry.source.startswith("https://huggingface.co/")
    assert entry.read_in
    assert checkpoint_bytes(entry.architecture) > 1e9


@pytest.mark.parametrize(("name", "billions"), PARAMETERS.items())
def test_the_shapes_add_up_to_the_parameters_of_the_model_card(name: str, billions: float) -> None:
    parameters = checkpoint_bytes(catalogue.find(name).architecture) / 2 / 1e9
    assert parameters == pytest.approx(billions, rel=0.012)


def test_four_bits_weigh_a_little_more_than_a_quarter() -> None:
    whole = catalogue.find("meta-llama/Llama-3.3-70B-Instruct").architecture
    packed = catalogue.find("RedHatAI/Llama-3.3-70B-Instruct-quantized.w4a16").architecture
    share = checkpoint_bytes(packed) / checkpoint_bytes(whole)
    assert 0.25 < share < 0.30


@pytest.mark.parametrize("name", gpu_names())
def test_a_gpu_reports_less_memory_than_its_brochure(name: str) -> None:
    gpu = find_gpu(name.upper().replace("-", "_"))
    brochure = {"h100-nvl": 94, "h200": 141, "b200": 192, "l40s": 48, "l4": 24, "mi300x": 192}
    gigabytes = {"a100-40": 40, "rtx-4090": 24, "rtx-5090": 32, **brochure}.get(name, 80)
    assert 0.9 * gigabytes < gpu.memory_gib < gigabytes
    assert gpu.source


def test_unknown_names_say_what_to_do() -> None:
    with pytest.raises(UnknownModelError) as missing:
        catalogue.find("nobody/nothing")
    assert "config.json" in missing.value.hint
    with pytest.raises(UnknownGpuError) as unknown:
        find_gpu("abacus")
    assert "h100-sxm" in unknown.value.hint
