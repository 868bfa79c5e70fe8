"""What every check takes: threshold, not, weight, critical; and what a case makes of its checks."""

from __future__ import annotations

import json
import math
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from evals.domain.case_score import score_case
from evals.domain.checks import (
    CheckError,
    CheckOutcome,
    CheckSpec,
    Reply,
    Subject,
    check_types,
    conclude_check,
    is_remote,
    questions_of,
    run_check,
)
from evals.domain.checks.spec import Observation
from evals.domain.checks.weighing import outcome_of
from tests.unit.evals.builders import answer, check


def outcome(passed=True, **changes):
    fields = {"name": "c", "type": "exact", "passed": passed, "critical": False, "detail": ""}
    return CheckOutcome(**(fields | changes))


def test_a_threshold_takes_the_place_of_the_checks_own_rule():
    spec = check("similarity")
    text, wanted = "the cat sat", "the cat sits"  # 0.870
    assert run_check(spec, answer(text), wanted).passed
    strict = run_check(replace(spec, threshold=0.9), answer(text), wanted)
    assert not strict.passed
    assert strict.detail.endswith("; at least 0.9 is asked")
    assert run_check(replace(check("levenshtein"), threshold=0.1), answer("ab"), "ac").passed


def test_not_turns_verdict_and_score_around_after_the_threshold():
    spec = replace(check("similarity"), negate=True)
    seen = run_check(spec, answer("the cat sat"), "the cat sits")
    assert not seen.passed
    assert seen.score == pytest.approx(3 / 23)
    assert seen.detail.endswith("; the opposite is asked")
    assert run_check(replace(check("contains"), negate=True), answer("fine"), "refund").passed


def test_not_never_makes_a_pass_of_what_cannot_be_evaluated():
    with pytest.raises(CheckError):
        run_check(replace(check("max_cost", max_usd=1), negate=True), answer("x"), None)


def test_an_outcome_carries_score_and_weight():
    seen = run_check(replace(check("exact"), weight=3, critical=True), answer("a"), "b")
    assert (seen.score, seen.weight, seen.critical) == (0.0, 3, True)


@pytest.mark.parametrize("score", [math.nan, math.inf, -0.5, 1.01])
def test_a_score_that_is_no_share_is_an_error(score):
    with pytest.raises(CheckError):
        outcome_of(check("exact"), Observation(True, "", score))


def test_a_case_passes_when_every_check_with_weight_passes():
    assert score_case([outcome(), outcome()], None).passed
    assert not score_case([outcome(), outcome(False)], None).passed
    recorded = score_case([outcome(), outcome(False, weight=0)], None)
    assert (recorded.passed, recorded.score) == (True, 1.0)


def test_with_a_threshold_a_case_passes_when_the_weighted_mean_reaches_it():
    outcomes = [outcome(weight=3), outcome(False, weight=1)]
    assert score_case(outcomes, 0.75).passed
    assert not score_case(outcomes, 0.76).passed
    tenths = [outcome(score=0.1), outcome(score=0.2), outcome(score=0.0)]
    assert score_case(tenths, 0.1).passed  # whatever the last bit of the mean says


@pytest.mark.parametrize("weight", [0, 1])
def test_no_threshold_outvotes_a_critical_check(weight):
    score = score_case([outcome(weight=9), outcome(False, critical=True, weight=weight)], 0.5)
    assert (score.passed, score.critical_failure) == (False, True)


@pytest.mark.parametrize("outcomes", [[], [outcome(weight=0)]])
def test_a_case_that_no_check_decides_is_an_error(outcomes):
    with pytest.raises(CheckError, match="no check decides"):
        score_case(outcomes, None)


scored = st.builds(
    outcome,
    passed=st.booleans(),
    critical=st.booleans(),
    score=st.floats(0, 1),
    weight=st.floats(0.001, 1000),
)


@given(st.lists(scored, min_size=1, max_size=8), st.none() | st.floats(0.01, 1))
def test_the_score_of_a_case_lies_between_its_worst_and_best_check(outcomes, threshold):
    case = score_case(outcomes, threshold)
    assert (
        min(o.score for o in outcomes) - 1e-9 <= case.score <= max(o.score for o in outcomes) + 1e-9
    )
    assert case.critical_failure == any(o.critical and not o.passed for o in outcomes)
    assert not (case.passed and case.critical_failure)


@given(
    st.floats(0, 1000),
    st.none() | st.floats(0.01, 1),
    st.booleans(),
)
def test_a_check_survives_json(weight, threshold, negate):
    spec = CheckSpec("exact", "e", False, {}, weight, threshold, negate)
    assert CheckSpec.from_json(json.loads(json.dumps(spec.to_json()))) == spec


def test_a_check_that_uses_none_of_these_keys_is_stored_as_before():
    assert check("exact").to_json().keys() == {"type", "name", "critical", "params"}


SUBJECT = Subject("?", answer("a"), None, None, None, "n0nce")
REMOTE = [name for name in check_types() if is_remote(name)]


@pytest.mark.parametrize("check_type", REMOTE)
def test_a_check_that_asks_a_model_is_not_judged_from_the_answer_alone(check_type):
    with pytest.raises(CheckError):
        run_check(check(check_type), answer("a"), "a")


def test_a_check_that_asks_nobody_has_no_questions_and_no_conclusion():
    assert not is_remote("exact")
    with pytest.raises(CheckError, match="asks nobody"):
        questions_of(check("exact"), SUBJECT)
    with pytest.raises(CheckError, match="asks nobody"):
        conclude_check(check("exact"), SUBJECT, {"q": Reply("yes")})
