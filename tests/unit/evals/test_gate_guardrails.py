"""Guardrails stop what is shown to be too much, and say so when they cannot tell."""

from __future__ import annotations

import random
from dataclasses import replace

import pytest

from evals.domain.gate import GuardrailSample, weigh_guardrails, weigh_guardrails_of_suites
from evals.verdict import SuiteResults, decide_run
from registry.domain.policy import GatePolicy, Guardrail
from tests.unit.evals.arms import pair
from tests.unit.evals.builders import case, suite, tally


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


@pytest.mark.parametrize(
    "name", ["latency_p95", "ttft_p50", "tpot_p95", "tpot_mean", "tokens", "cost"]
)
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


def test_the_suites_of_a_run_share_one_promise_too():
    slow, same = [sample("cost", 1.22, 40, seed=5)], [sample("cost", 1.0, 40, seed=4)]
    rule = policy(cost=0.2)
    [alone] = weigh_guardrails(slow, rule)
    assert alone.verdict == "FAIL"
    [[first], [second], [third]] = weigh_guardrails_of_suites([same, slow, []], rule)
    assert second.adjusted_p == pytest.approx(2 * alone.p_value)  # what was not measured is no test
    assert (first.verdict, second.verdict, third.verdict) == ("PASS", *["INCONCLUSIVE"] * 2)


def test_a_run_of_many_suites_seldom_fails_an_equal_candidate():
    """Each of eight suites is exactly at its limit: alone, one would fail in many runs."""
    rule, runs = policy(cost=0.2), 150
    together = alone = 0
    for number in range(runs):
        suites = [[sample("cost", 1.176, 40, seed=1_000 * number + suite)] for suite in range(8)]
        found = [rail for [rail] in weigh_guardrails_of_suites(suites, rule)]
        together += any(rail.verdict == "FAIL" for rail in found)
        alone += any(rail.p_value <= 0.05 for rail in found)
    assert together / runs <= 0.05
    assert alone / runs > 0.1


def test_the_verdict_of_a_run_corrects_over_its_suites():
    rule = replace(policy(cost=0.2), min_pass_rate=0.5, min_cases=10)
    cases = tuple(case(f"c{i}") for i in range(40))
    parts = [
        SuiteResults(
            suite=suite(cases, name=name),
            tallies=tuple(tally(one.key) for one in cases),
            pairs=tuple(pair(one.key, 1.0, 1.0) for one in cases),
            guardrails=(sample("cost", factor, 40, seed=seed),),
        )
        for name, factor, seed in (("one", 1.22, 5), ("two", 1.0, 4))
    ]
    alone = decide_run(parts[:1], rule, doubts=(), is_pinned=True)
    both = decide_run(parts, rule, doubts=(), is_pinned=True)
    assert (alone.verdict, both.verdict) == ("FAIL", "INCONCLUSIVE")
    [before], [after] = alone.decisions[0].guardrails, both.decisions[0].guardrails
    assert after.adjusted_p == pytest.approx(2 * before.p_value)


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
