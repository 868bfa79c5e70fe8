"""The plan against what vLLM really did: every published start, nothing left out."""

from __future__ import annotations

import pytest

from serving.planner import catalogue
from serving.planner.plan import Plan, make_plan
from serving.planner.request import PlanRequest
from tests.unit.serving.planner.measured import STARTS, Start


def off(predicted: float, measured: float) -> float:
    """Per cent."""
    return 100 * (predicted / measured - 1)


def test_the_whole_table_of_predicted_and_measured() -> None:
    plans = [(start, make_plan(start.request())) for start in STARTS]
    print(f"\n{'start':62}  weights     activation  non-torch   KV GiB              requests")
    for start, plan in plans:
        print(
            f"{start!s:62}  {start.weights:5.2f} {plan.weights_gib:5.2f} {start.activation:5.2f} "
            f"{plan.activation_gib:5.2f} {start.non_torch:5.2f} {plan.non_torch_gib:5.2f}  "
            f"{start.kv:6.2f} {plan.kv_gib:6.2f} {off(plan.kv_gib, start.kv):+5.2f} %  "
            f"{start.concurrency:6.2f} {plan.max_concurrency:6.2f} "
            f"{off(plan.max_concurrency, start.concurrency):+5.2f} %"
        )
    kv = [abs(off(plan.kv_gib, start.kv)) for start, plan in plans]
    requests = [abs(off(plan.max_concurrency, start.concurrency)) for start, plan in plans]
    print(f"KV: mean {sum(kv) / len(kv):.2f} %, worst {max(kv):.2f} %; requests: ", end="")
    print(f"mean {sum(requests) / len(requests):.2f} %, worst {max(requests):.2f} %")
    # the goal is 2 % and 4 %; a pipeline's log shows its first rank, the plan its fullest one
    assert max(kv) < 1.5
    assert max(requests) < 0.5


@pytest.mark.parametrize("start", STARTS, ids=str)
def test_a_start_that_happened_is_planned_to_happen_with_every_term_right(start: Start) -> None:
    plan = make_plan(start.request())
    assert plan.fits, plan.reasons
    # exact to the log's rounding but for models with images: Kimi-VL is 0.14 GiB low
    exact = 0.02 if plan.settings.model.vision is None else 0.15
    assert plan.weights_gib == pytest.approx(start.weights, abs=exact)
    assert plan.non_torch_gib == pytest.approx(start.non_torch, abs=0.04)
    assert plan.cudagraph_gib == pytest.approx(start.graphs, abs=0.4)
    if start.pp == 1:
        assert plan.activation_gib == pytest.approx(start.activation, abs=0.16)
    low, high = plan.interval.kv_gib
    assert low <= start.kv <= high or start.pp > 1
    assert plan.interval.is_measured


@pytest.mark.parametrize(
    ("model", "tp", "utilization", "tokens", "requests"),
    [
        ("google/gemma-3-27b-it", 1, 0.95, 36_560, 4.46),
        ("google/gemma-2-27b-it", 1, 0.95, 58_672, 7.16),
        ("openai/gpt-oss-20b", 2, 0.90, 2_591_776, 316.07),
        ("meta-llama/Llama-4-Scout-17B-16E-Instruct", 4, 0.95, 365_968, 44.68),
    ],
)
def test_layers_of_two_kinds_share_one_pool_of_blocks(
    model: str, tp: int, utilization: float, tokens: int, requests: float
) -> None:
    plan = planned(model, tp=tp, utilization=utilization)
    assert plan.kv_tokens == pytest.approx(tokens, rel=0.01)
    assert plan.max_concurrency == pytest.approx(requests, rel=0.01)


@pytest.mark.parametrize(
    ("model", "tp", "gpus", "reason"),
    [
        ("Qwen/Qwen3-14B", 5, 5, "151936 padded, is not divisible by TP 5"),
        ("microsoft/phi-2", 1, 1, "8,192 is more than the 2,048"),
        ("openai/gpt-oss-20b", 1, 1, "out of memory while warming up"),
        ("openai/gpt-oss-20b", 2, 2, "out of memory while warming up"),
        ("meta-llama/Llama-3.1-8B-Instruct", 2, 1, "needs 2 GPUs, there are 1"),
    ],
)
def test_a_start_that_failed_is_refused_for_its_reason(
    model: str, tp: int, gpus: int, reason: str
) -> None:
    plan = planned(model, tp=tp, gpus=gpus)
    assert not plan.fits
    assert reason in " ".join(plan.reasons)


def test_the_same_model_starts_where_it_really_did() -> None:
    assert planned("openai/gpt-oss-20b", tp=2, utilization=0.90).fits


def planned(model: str, *, tp: int = 1, gpus: int | None = None, utilization: float = 0.95) -> Plan:
    architecture = catalogue.find(model).architecture
    return make_plan(
        PlanRequest(
            architecture,
            "h100-sxm",
            gpus=gpus,
            tp=tp,
            max_model_len=8192,
            utilization=utilization,
            vllm_version="0.19.0",
        )
    )
