"""The gate passes only what is proved, and says why in sentences."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from evals.domain.gate import CaseTally, decide
from evals.domain.statistics import wilson
from registry.domain.policy import GatePolicy
from tests.unit.evals.builders import case, suite, tallies, tally

POLICY = GatePolicy("release")
STRENGTH = {"FAIL": 0, "ERROR": 0, "INCONCLUSIVE": 1, "PASS": 2}

scores = st.integers(1, 300).flatmap(lambda n: st.tuples(st.integers(0, n), st.just(n)))
policies = st.builds(
    GatePolicy,
    name=st.just("any"),
    confidence=st.sampled_from([0.8, 0.95, 0.99]),
    min_cases=st.integers(1, 60),
    min_pass_rate=st.floats(0.1, 1.0),
)


def judged(right, wrong, policy=POLICY, **changes):
    return decide(tallies(right, wrong), suite(right + wrong, **changes), policy)


def test_a_proved_floor_passes_and_the_sentence_has_every_figure():
    decision = judged(57, 3)
    assert decision.verdict == "PASS"
    assert decision.reasons == (
        "pass rate 57/60 = 95.0 %, 95 % interval 86.3\u201398.3 %, floor 80.0 %: passes",
    )
    assert (decision.cases, decision.passed, decision.pass_rate) == (60, 57, 0.95)
    assert decision.interval == wilson(57, 60, 0.95)


def test_a_rate_below_the_floor_with_confidence_fails():
    decision = judged(30, 30)
    assert decision.verdict == "FAIL"
    assert decision.reasons[0].endswith("floor 80.0 %: fails")


def test_a_floor_inside_the_interval_is_inconclusive_and_says_what_would_decide():
    decision = judged(54, 6)
    assert decision.verdict == "INCONCLUSIVE"
    assert decision.reasons[0].endswith("undecided")
    assert decision.reasons[1] == (
        "about 62 cases would decide at this pass rate (2 more); with 60 cases it takes 55 right "
        "to pass"
    )
    assert wilson(0.9 * 62, 62, 0.95).low >= 0.8


def test_twelve_cases_are_too_few_however_right_they_are():
    decision = judged(12, 0)
    assert decision.verdict == "INCONCLUSIVE"
    assert "12 cases are fewer than the 30 this gate needs: 18 more" in decision.reasons
    assert "with 12 cases not even a perfect score passes" in decision.reasons[-1]


def test_a_few_cases_can_prove_a_failure():
    assert judged(1, 11).verdict == "FAIL"


def test_a_floor_of_one_hundred_percent_is_never_proved():
    decision = judged(60, 0, min_pass_rate=1.0)
    assert decision.verdict == "INCONCLUSIVE"
    assert "cannot be proved by any number of cases" in decision.reasons[-1]


def test_a_rate_on_the_floor_is_never_decided_by_more_of_the_same():
    decision = judged(48, 12)
    assert decision.verdict == "INCONCLUSIVE"
    assert "no number of cases decides at this rate" in decision.reasons[-1]


def test_the_stricter_of_suite_and_policy_counts():
    assert judged(57, 3, min_pass_rate=0.1).verdict == "PASS"
    assert judged(57, 3, min_pass_rate=0.9).verdict == "INCONCLUSIVE"
    assert judged(57, 3, min_cases=10).verdict == "PASS"
    assert judged(57, 3, min_cases=61).verdict == "INCONCLUSIVE"


def test_a_bound_just_under_the_floor_does_not_look_equal_to_it():
    floor = wilson(57, 60, 0.95).low + 1e-5
    decision = judged(57, 3, replace(POLICY, min_pass_rate=floor))
    assert decision.verdict == "INCONCLUSIVE"
    assert "interval 86.299\u201398.3 %" in decision.reasons[0]


def test_a_critical_case_that_failed_once_fails_everything():
    spec = suite((case("vital", critical=True, repeats=3), *(case(f"c{i}") for i in range(99))))
    results = [tally("vital", passes=2, failures=1), *tallies(99, 0)]
    decision = decide(results, spec, POLICY)
    assert decision.verdict == "FAIL"
    assert decision.reasons[0] == "1 critical case failed: vital"


def test_a_critical_check_that_failed_anywhere_fails_everything():
    results = tallies(99, 1)
    results[-1] = replace(results[-1], critical_failures=1)
    decision = decide(results, suite(100), POLICY)
    assert decision.verdict == "FAIL"
    assert decision.reasons[0] == "a critical check failed in 1 case: c99"


def test_with_repeats_a_case_counts_by_its_mean_and_n_stays_the_number_of_cases():
    spec = suite(60, repeats=4)
    results = [tally(f"c{i}", passes=3, failures=1) for i in range(60)]
    decision = decide(results, spec, replace(POLICY, min_pass_rate=0.6))
    assert decision.pass_rate == 0.75
    assert decision.interval == wilson(45, 60, 0.95)
    assert decision.passed == 0
    assert "75.0 % over 60 cases (0 right in every repeat)" in decision.reasons[0]


LAST = {
    "absent": [],
    "twice": [tally("c59"), tally("c59")],
    "stranger": [tally("c59"), tally("stranger")],
    "error": [tally("c59", passes=0, errors=1)],
    "missing repeat": [tally("c59", passes=0, repeats_expected=1)],
    "surplus repeat": [tally("c59", passes=2, repeats_expected=1)],
    "other repeats than the suite": [tally("c59", passes=2)],
    "no repeats": [tally("c59", passes=0, repeats_expected=0)],
    "negative": [tally("c59", passes=2, failures=-1)],
    "critical without failure": [tally("c59", critical_failures=1)],
}


@pytest.mark.parametrize("last", LAST.values(), ids=LAST.keys())
def test_a_run_that_is_not_whole_is_an_error_never_a_pass(last):
    decision = decide([*tallies(60, 0)[:-1], *last], suite(60), POLICY)
    assert decision.verdict == "ERROR"
    assert decision.reasons
    assert (decision.pass_rate, decision.interval) == (None, None)


def test_a_suite_without_cases_is_an_error():
    assert decide([], suite(0), POLICY).verdict == "ERROR"


def test_many_broken_cases_are_counted_and_some_are_named():
    results = [tally(f"c{i}", passes=0, errors=1) for i in range(60)]
    (reason,) = decide(results, suite(60), POLICY).reasons
    assert reason == "60 cases could not be evaluated: c0, c1, c2, c3, c4 and 55 more"


@given(scores, policies)
def test_another_failed_case_never_improves_the_verdict(score, policy):
    right, n = score
    loose = replace(policy, min_cases=1)
    before, after = judged(right, n - right, loose), judged(right, n - right + 1, loose)
    assert STRENGTH[after.verdict] <= STRENGTH[before.verdict]
    strict = judged(right, n - right, policy), judged(right, n - right + 1, policy)
    assert not (strict[0].verdict == "FAIL" and strict[1].verdict == "PASS")


@given(scores, policies, st.data())
def test_a_pass_turned_into_a_failure_never_improves_the_verdict(score, policy, data):
    right, n = score
    before = decide(tallies(right, n - right), suite(n), policy)
    after = decide(tallies(max(right - 1, 0), n - max(right - 1, 0)), suite(n), policy)
    assert STRENGTH[after.verdict] <= STRENGTH[before.verdict]


@given(scores, policies, st.integers(1, 3), st.data())
def test_one_error_or_missing_result_is_never_a_pass(score, policy, lost, data):
    right, n = score
    results = tallies(right, n - right)
    at = data.draw(st.integers(0, n - 1))
    broken = data.draw(
        st.sampled_from(
            [
                [],
                [tally(f"c{at}", passes=0, errors=lost)],
                [tally(f"c{at}", passes=0, repeats_expected=lost)],
            ]
        )
    )
    assert decide([*results[:at], *broken, *results[at + 1 :]], suite(n), policy).verdict == "ERROR"


@given(scores, policies)
def test_pass_means_the_lower_bound_reaches_the_floor_on_enough_cases(score, policy):
    right, n = score
    decision = judged(right, n - right, policy)
    proved = wilson(right, n, policy.confidence).low >= policy.min_pass_rate
    assert (decision.verdict == "PASS") == (proved and n >= policy.min_cases)


@given(
    st.lists(
        st.builds(
            CaseTally,
            st.sampled_from(["c0", "c1", "c2", "x"]),
            st.booleans(),
            *[st.integers(-1, 3)] * 5,
        ),
        max_size=4,
    ),
    policies,
)
def test_no_tally_whatever_its_figures_breaks_the_gate(results, policy):
    assert decide(results, suite(3), policy).reasons
