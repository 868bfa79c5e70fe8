"""Guardrails stop what is shown to be too much, and say so when they cannot tell."""

from __future__ import annotations

import random

import pytest

from evals.domain.gate import GuardrailSample, weigh_guardrails
from registry.domain.policy import GatePolicy, Guardrail


def policy(**limits):
    rails = tuple(Guardrail(name, limit) for name, limit in limits.items())
    return GatePolicy("release", guardrails=rails)


def sample(name, factor, n=300, seed=3, clusters=()):
    rng = random.Random(seed)
    live = [rng.lognormvariate(5, 0.5) for _ in range(n)]
    candidate = [time * factor * rng.lognormvariate(0, 0.2) for time in live]
    return GuardrailSample(name, tuple(candidate), tuple(live), clusters)


def only(factor, name="latency_p95", limit=0.2, **more):
    (found,) = weigh_guardrails([sample(name, factor, **more)], policy(**{name: limit}))
    return found


def test_the_same_speed_holds():
    found = only(1.0)
    assert found.verdict == "PASS"
    assert found.interval.low <= found.increase <= found.interval.high
    assert found.sentence.startswith("guardrail latency_p95 +")
    assert found.sentence.endswith("limit +20.0 %: holds")


@pytest.mark.parametrize("name", ["latency_p95", "ttft_p50", "latency_mean", "tokens", "cost"])
def test_half_as_much_again_fails(name):
    found = only(1.6, name)
    assert found.verdict == "FAIL"
    assert found.interval.low > 0.2
    assert found.adjusted_p <= 0.05
    assert "fails (p = " in found.sentence


def test_above_the_limit_without_proof_is_undecided():
    found = only(1.22, "cost", n=40, seed=6)
    assert found.verdict == "INCONCLUSIVE"
    assert found.increase > 0.2
    assert "above its limit, but not with confidence" in found.sentence


def test_two_guardrails_share_one_promise():
    samples = [sample("cost", 1.22, 40, seed=5), sample("tokens", 1.0, 40, seed=4)]
    (alone,) = weigh_guardrails(samples, policy(cost=0.2))
    cost, tokens = weigh_guardrails(samples, policy(cost=0.2, tokens=0.2))
    assert (alone.verdict, alone.adjusted_p) == ("FAIL", alone.p_value)
    assert cost.adjusted_p == pytest.approx(2 * alone.p_value)
    assert cost.verdict == "INCONCLUSIVE"
    assert tokens.verdict == "PASS"


def test_a_guardrail_without_figures_is_undecided():
    (found,) = weigh_guardrails([], policy(latency_p95=0.2))
    assert (found.verdict, found.increase) == ("INCONCLUSIVE", None)
    assert found.sentence == "guardrail latency_p95 was not measured: undecided"


def test_a_percentile_takes_sixty_pairs_that_stand_alone():
    assert only(1.0, n=59).sentence == (
        "guardrail latency_p95 has 59 pairs that stand alone, this percentile takes 60: undecided"
    )
    repeats = tuple(f"c{i // 10}" for i in range(300))
    assert only(1.0, clusters=repeats).verdict == "INCONCLUSIVE"
    assert only(1.0, n=60).verdict == "PASS"


@pytest.mark.parametrize(
    ("candidate", "baseline", "verdict", "says"),
    [
        ((0.0, 0.0), (0.0, 0.0), "PASS", "+0.0 %"),
        ((1.0, 0.0), (0.0, 0.0), "INCONCLUSIVE", "is nothing for the live version"),
        ((1.0,), (1.0,), "INCONCLUSIVE", "too few answers: 1 pair"),
        ((2.0, 2.0), (1.0, 1.0), "FAIL", "+100.0 %"),
    ],
    ids=["free", "no longer free", "single", "double"],
)
def test_costs_may_be_nothing(candidate, baseline, verdict, says):
    (found,) = weigh_guardrails([GuardrailSample("cost", candidate, baseline)], policy(cost=0.2))
    assert found.verdict == verdict
    assert says in found.sentence


def test_times_of_nothing_are_no_times():
    times = (0.0,) + (1.0,) * 99
    (found,) = weigh_guardrails(
        [GuardrailSample("ttft_p95", times, (1.0,) * 100)], policy(ttft_p95=0.2)
    )
    assert "figures that are not above zero" in found.sentence


def test_samples_nobody_asked_about_are_not_weighed():
    assert weigh_guardrails([sample("cost", 9.0)], policy()) == ()


def test_an_increase_just_at_its_limit_seldom_fails():
    wrong = sum(only(1.2, "latency_p95", n=100, seed=seed).verdict == "FAIL" for seed in range(200))
    assert wrong / 200 <= 0.05
