"""The gate takes the worst of floor, comparison, guardrails and critical cases."""

from __future__ import annotations

import json
from dataclasses import asdict, replace
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from evals.domain.checks import CheckSpec
from evals.domain.gate import (
    Advisory,
    Evidence,
    GuardrailSample,
    JudgeRecord,
    Quarantine,
    decide,
    weigh_guardrails,
)
from evals.domain.statistics import Hits, StatisticsInputError
from registry.domain.policy import GatePolicy, Guardrail
from tests.unit.evals.arms import pair, pairs, tallies_of
from tests.unit.evals.builders import case, check, suite, tally

FLOOR = GatePolicy("trial", min_pass_rate=0.5)
POLICY = replace(FLOOR, margin=0.05)
NOW = datetime(2026, 11, 1, tzinfo=UTC)
STRENGTH = {"FAIL": 0, "ERROR": 0, "INCONCLUSIVE": 1, "PASS": 2}


def judged(arms, policy=POLICY, spec=None, **more):
    evidence = Evidence(**{"pairs": tuple(arms), **more})
    return decide(tallies_of(arms), spec or suite(len(arms)), policy, evidence)


def test_all_that_holds_passes_and_the_figures_are_plain_json():
    decision = judged(pairs(2, 2, 200))
    assert decision.verdict == "PASS"
    assert decision.comparison is not None
    assert decision.comparison.verdict == "PASS"
    assert len(decision.reasons) == 1 + len(decision.comparison.sentences)
    assert json.loads(json.dumps(asdict(decision), allow_nan=False))["verdict"] == "PASS"


def test_a_floor_that_holds_does_not_save_a_regression():
    decision = judged(pairs(40, 0, 200))
    assert decision.verdict == "FAIL"
    assert decision.reasons[0].endswith("floor 50.0 %: passes")


def test_a_comparison_that_holds_does_not_save_a_missed_floor():
    assert judged(pairs(1, 1, 200, wrong=150)).verdict == "FAIL"


def test_identical_results_on_few_cases_are_inconclusive():
    decision = judged(pairs(0, 0, 40))
    assert decision.verdict == "INCONCLUSIVE"
    assert "about 70 cases would decide at these rates (30 more)" in decision.reasons


def test_a_critical_case_fails_whatever_the_comparison_says():
    spec = suite((*suite(199).cases, case("vital", critical=True)))
    arms = [*pairs(0, 0, 199), pair("vital", 0.0, 0.0)]
    decision = judged(arms, spec=spec)
    assert decision.verdict == "FAIL"
    assert decision.reasons[0] == "1 critical case failed: vital"


def test_without_a_live_version_the_floor_decides_and_the_decision_says_so():
    arms = pairs(0, 0, 60)
    decision = decide(tallies_of(arms), suite(60), POLICY)
    assert (decision.verdict, decision.comparison) == ("PASS", None)
    assert decision.reasons[-1] == (
        "there is no live version to compare with: only the floor decides"
    )
    assert len(decide(tallies_of(arms), suite(60), FLOOR).reasons) == 1


def test_without_a_margin_a_difference_is_shown_and_decides_nothing():
    decision = judged(pairs(40, 0, 200), FLOOR)
    assert decision.verdict == "PASS"
    assert decision.comparison is not None
    assert decision.comparison.difference == -0.2


GUARDED = replace(POLICY, guardrails=(Guardrail("cost", 0.2),))


@pytest.mark.parametrize(
    ("samples", "verdict"),
    [
        ((GuardrailSample("cost", (2.0, 2.1, 1.9), (2.0, 2.0, 2.0)),), "PASS"),
        ((GuardrailSample("cost", (2.0, 4.1, 1.9), (2.0, 2.0, 2.0)),), "INCONCLUSIVE"),
        ((GuardrailSample("cost", (4.0, 4.1, 3.9), (2.0, 2.0, 2.0)),), "FAIL"),
        ((), "INCONCLUSIVE"),
        (None, "INCONCLUSIVE"),
    ],
    ids=["holds", "above without proof", "too much", "not measured", "forgotten"],
)
def test_a_guardrail_may_hold_the_gate_back(samples, verdict):
    decision = judged(pairs(0, 0, 200), GUARDED, guardrails=samples)
    assert decision.verdict == verdict
    assert decision.guardrails == weigh_guardrails(samples or (), GUARDED)
    assert decision.reasons[-1] == decision.guardrails[0].sentence


def test_guardrails_without_pairs_leave_the_margin_undecided():
    decision = decide(tallies_of(pairs(0, 0, 200)), suite(200), POLICY, Evidence(guardrails=()))
    assert decision.verdict == "INCONCLUSIVE"
    assert "the margin is undecided" in decision.reasons[-1]


WHOLE = pairs(0, 0, 60)
BROKEN = {
    "absent": WHOLE[:-1],
    "twice": [*WHOLE, WHOLE[0]],
    "stranger": [*WHOLE, pair("stranger", 1.0, 1.0)],
    "other repeats": [*WHOLE[:-1], replace(WHOLE[-1], repeats=2)],
    "other result": [*WHOLE[:-1], replace(WHOLE[-1], candidate=0.0)],
    "impossible": [*WHOLE[:-1], replace(WHOLE[-1], baseline=2.0)],
}


@pytest.mark.parametrize("arms", BROKEN.values(), ids=BROKEN.keys())
def test_a_baseline_that_is_not_whole_is_an_error_never_a_pass(arms):
    decision = decide(tallies_of(WHOLE), suite(60), POLICY, Evidence(pairs=tuple(arms)))
    assert decision.verdict == "ERROR"
    assert decision.reasons
    assert (decision.pass_rate, decision.comparison) == (None, None)


def test_declared_clusters_make_a_pass_rate_less_sure():
    arms = pairs(0, 0, 60, wrong=9)
    clusters = {f"c{i}": f"k{i // 10}" for i in range(60)}
    plain, grouped = judged(arms, FLOOR), judged(arms, FLOOR, clusters=clusters)
    assert (plain.verdict, grouped.verdict) == ("PASS", "INCONCLUSIVE")
    assert grouped.interval is not None
    assert plain.interval is not None
    assert grouped.interval.low < plain.interval.low
    assert "the interval is that of 60 cases in 6 clusters" in grouped.reasons


# ------------------------------------------------------------------ advisory checks

TONE = Advisory("tone", "grader", "kappa 0.12 is below 0.6")
ASKED = CheckSpec("judge", "tone", critical=False, params={"judge": "grader"})


def test_an_advisory_check_is_named_with_its_reason():
    decision = judged(pairs(0, 0, 200), advisories=(TONE,))
    assert decision.verdict == "PASS"
    assert decision.reasons[-1] == (
        "tone is advisory, shown and not counted: kappa 0.12 is below 0.6"
    )


def test_nothing_but_advisory_checks_proves_nothing():
    spec = suite(200, checks=(ASKED,))
    decision = judged(pairs(0, 0, 200), spec=spec, advisories=(TONE,))
    assert decision.verdict == "INCONCLUSIVE"
    assert decision.reasons[0] == "no case is left that counts: nothing is proved"
    assert (decision.pass_rate, decision.cases) == (None, 0)


def test_cases_that_only_advisory_checks_look_at_are_left_out():
    spec = suite(
        tuple(case(f"c{i}", checks=(check("exact"),) if i < 100 else ()) for i in range(200)),
        checks=(ASKED,),
    )
    decision = judged(pairs(0, 0, 200), spec=spec, advisories=(TONE,))
    assert (decision.verdict, decision.cases) == ("PASS", 100)
    assert decision.comparison is not None
    assert decision.comparison.cases == 100
    assert decision.reasons[-1].startswith("100 cases left out")


@pytest.mark.parametrize(
    "counts",
    [replace(check("exact"), name="tone"), replace(ASKED, params={"judge": "trusted"})],
    ids=["another kind of check", "another judge"],
)
def test_a_name_that_an_advisory_check_has_elsewhere_hides_no_failure(counts):
    spec = suite(
        tuple(case(f"c{i}", checks=(counts if i else ASKED,)) for i in range(43)), checks=()
    )
    results = [tally(f"c{i}", int(not 0 < i <= 30), int(0 < i <= 30)) for i in range(43)]
    policy = replace(FLOOR, min_cases=10)
    said = {f"c{i}": float(i > 30) for i in range(43)}
    known = {"trusted": JudgeRecord("trusted", Hits(300, 300), Hits(300, 300), said)}
    decision = decide(results, spec, policy, Evidence(advisories=(TONE,), judges=known))
    assert (decision.verdict, decision.cases, decision.passed) == ("FAIL", 42, 12)
    assert "1 case left out" in decision.reasons[-1]


# ------------------------------------------------------------------ quarantine


def held(*keys, days=30):
    return tuple(Quarantine(key, "kim", NOW + timedelta(days=days)) for key in keys)


def test_a_quarantined_pass_counts_for_nothing():
    decision = judged(pairs(0, 0, 200), quarantine=held("c7"), now=NOW)
    assert (decision.cases, decision.passed) == (199, 199)
    assert decision.comparison is not None
    assert decision.comparison.cases == 199
    assert decision.reasons[-1] == (
        "1 case in quarantine, where a pass counts for nothing and a failure counts: "
        "c7 (kim, until 2026-12-01)"
    )


def test_a_quarantined_failure_counts_in_every_repeat():
    spec = suite(60, repeats=2)
    arms = [pair(f"c{i}", 0.5 if i == 0 else 1.0, 1.0, 2) for i in range(60)]
    decision = judged(arms, spec=spec, quarantine=held("c0"), now=NOW)
    assert decision.cases == 60
    assert decision.pass_rate == pytest.approx(59 / 60)
    assert decision.comparison is not None
    assert decision.comparison.difference == pytest.approx(-1 / 60)


def test_a_critical_case_stays_critical_in_quarantine():
    spec = suite((*suite(99).cases, case("vital", critical=True)))
    arms = [*pairs(0, 0, 99), pair("vital", 0.0, 0.0)]
    assert judged(arms, spec=spec, quarantine=held("vital"), now=NOW).verdict == "FAIL"


def test_after_its_day_a_case_counts_like_any_other():
    decision = judged(pairs(0, 0, 200), quarantine=held("c7", days=0), now=NOW)
    assert decision.cases == 200
    assert decision.reasons[-1].startswith("the quarantine has ended for 1 case: c7 (kim")


def test_a_quarantine_cannot_be_judged_without_the_time():
    with pytest.raises(StatisticsInputError):
        judged(pairs(0, 0, 60), quarantine=held("c7"))


def test_everything_in_quarantine_proves_nothing():
    keys = [f"c{i}" for i in range(60)]
    decision = judged(pairs(0, 0, 60), quarantine=held(*keys), now=NOW)
    assert decision.verdict == "INCONCLUSIVE"


tables = st.tuples(st.integers(0, 12), st.integers(0, 12), st.integers(0, 12), st.integers(1, 90))


@given(tables, st.sets(st.integers(0, 125)))
def test_a_quarantined_case_never_makes_a_run_look_better(table, chosen):
    worse, better, wrong, same = table
    arms = pairs(worse, better, worse + better + wrong + same, wrong)
    policy = replace(POLICY, min_cases=1, margin=0.1)
    keys = {f"c{i}" for i in chosen}
    with_credit = judged(arms, policy)
    without = judged(arms, policy, quarantine=held(*keys), now=NOW)
    assert STRENGTH[without.verdict] <= STRENGTH[with_credit.verdict]
    rest = [one for one in arms if one.key not in keys]
    if rest:
        spec = suite(tuple(case(one.key) for one in rest))
        dropped = judged(rest, policy, spec=spec)
        assert STRENGTH[without.verdict] <= STRENGTH[dropped.verdict]


@given(tables, st.sampled_from([{"errors": 1}, {"repeats_expected": 2}]))
def test_with_an_error_in_either_arm_nothing_passes(table, harm):
    worse, better, wrong, same = table
    arms = pairs(worse, better, worse + better + wrong + same, wrong)
    results = [*tallies_of(arms)[:-1], replace(tally(arms[-1].key), **harm)]
    assert decide(results, suite(len(arms)), POLICY, Evidence(tuple(arms))).verdict == "ERROR"
    short = Evidence(pairs=tuple(arms[:-1]))
    assert decide(tallies_of(arms), suite(len(arms)), POLICY, short).verdict == "ERROR"


@given(tables)
def test_evidence_of_a_live_version_never_improves_a_verdict(table):
    worse, better, wrong, same = table
    arms = pairs(worse, better, worse + better + wrong + same, wrong)
    alone = decide(tallies_of(arms), suite(len(arms)), POLICY)
    assert STRENGTH[judged(arms).verdict] <= STRENGTH[alone.verdict]
