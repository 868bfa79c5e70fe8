"""What each check passes, fails and refuses to judge."""

from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from evals.domain.checks import (
    CheckError,
    check_types,
    describe,
    expectation_problem,
    parameter_problems,
    run_check,
    without_defaults,
)
from tests.unit.evals.builders import answer, check


def verdict(spec, text, expected=None, **changes):
    return run_check(spec, answer(text, **changes), expected)


@pytest.mark.parametrize(
    ("steps", "text"),
    [
        ([], "positive"),
        (["strip"], "  positive\n"),
        (["casefold"], "POSITIVE"),
        (["strip", "collapse-space"], " positive "),
        (["nfkc"], "\uff50ositive"),
        (["strip-punctuation"], "«positive!»"),
        (["strip", "strip-punctuation", "strip", "casefold"], ' "Positive" . '.replace(" .", ".")),
    ],
)
def test_exact_forgives_what_it_was_told_to_forgive(steps, text):
    assert verdict(check("exact", normalise=steps), text, "positive").passed


@pytest.mark.parametrize("text", ["Positive", "positive ", "positive.", "not positive", ""])
def test_exact_forgives_nothing_by_default(text):
    outcome = verdict(check("exact"), text, "positive")
    assert not outcome.passed
    assert outcome.detail.startswith('expected "positive", got ')


@pytest.mark.parametrize(
    ("wanted", "given_text"), [("-5", "5"), (".5", "5"), ("5 %", "5"), ("-.5", ".5"), ("a.b", "ab")]
)
def test_stripping_punctuation_never_changes_a_number_or_the_inside(wanted, given_text):
    assert not verdict(check("exact", normalise=["strip-punctuation"]), given_text, wanted).passed


def test_exact_reads_a_whole_number_as_its_digits():
    assert verdict(check("exact"), "42", 42).passed


@pytest.mark.parametrize("expected", [None, True, 1.5, ["a"], {"a": 1}])
def test_exact_does_not_guess_the_spelling_of_other_values(expected):
    with pytest.raises(CheckError):
        verdict(check("exact"), "a", expected)
    assert expectation_problem(check("exact"), expected)
    assert expectation_problem(check("exact", value="a"), expected) is None


def test_contains_finds_its_value_or_the_expected_text():
    assert verdict(check("contains", value="refund"), "A refund is due").passed
    assert verdict(check("contains"), "A refund is due", "refund").passed
    assert not verdict(check("contains", value="Refund"), "A refund is due").passed
    assert verdict(check("contains", value="STRASSE", ignore_case=True), "Straße 5").passed


def test_contains_refuses_the_empty_text_that_every_answer_contains():
    with pytest.raises(CheckError):
        verdict(check("contains"), "anything", "")
    assert list(parameter_problems("contains", {"value": ""}))


def test_regex_searches_and_its_dollar_means_the_very_end():
    assert verdict(check("regex", pattern=r"^\d+$"), "42").passed
    assert not verdict(check("regex", pattern=r"^\d+$"), "42\n").passed
    assert verdict(check("regex", pattern=r"\bdue\b"), "It is due.").passed


@pytest.mark.parametrize(
    "pattern",
    ["(", r"(a)\1", "(?<=a)b", "a" * 1_001, "(a{1000}){1000}", "\ud800"],
    ids=["open", "back-reference", "look-behind", "long", "large", "not Unicode"],
)
def test_a_pattern_that_cannot_run_in_linear_time_is_refused(pattern):
    assert [p.pointer for p in parameter_problems("regex", {"pattern": pattern})] == [("pattern",)]
    with pytest.raises(CheckError):
        verdict(check("regex", pattern=pattern), "a")


def test_a_pattern_that_matches_everything_is_a_warning():
    (problem,) = parameter_problems("regex", {"pattern": "x*"})
    assert not problem.is_error
    assert not list(parameter_problems("regex", {"pattern": "^$"}))


def test_a_pattern_that_hangs_other_engines_answers():
    assert not verdict(check("regex", pattern="^(a+)+$"), "a" * 50_000 + "b").passed


def test_latency_compares_each_limit_and_says_the_figures():
    spec = check("latency", max_ms=100, max_ttft_ms=30)
    outcome = verdict(spec, "x", total_ms=100.0, ttft_ms=31.0)
    assert not outcome.passed
    assert outcome.detail == "whole answer 100 ms, within 100 ms; first token 31 ms, over 30 ms"
    assert verdict(check("latency", max_ms=100), "x", ttft_ms=None).passed


@pytest.mark.parametrize("measured", [None, math.nan, math.inf, -1.0])
def test_a_time_that_was_not_measured_is_an_error_not_a_pass(measured):
    with pytest.raises(CheckError):
        verdict(check("latency", max_ttft_ms=1_000), "x", ttft_ms=measured)


def test_a_latency_check_without_a_limit_is_refused():
    assert [p.message for p in parameter_problems("latency", {})]
    with pytest.raises(CheckError):
        verdict(check("latency"), "x")


def test_an_answer_a_check_breaks_on_is_an_error_not_a_pass():
    with pytest.raises(CheckError, match="check regex broke on this answer"):
        verdict(check("regex", pattern="a"), "\ud800")


def test_an_unknown_check_is_never_a_pass():
    with pytest.raises(CheckError, match="there is no check 'vibes'"):
        verdict(check("vibes"), "x")
    with pytest.raises(CheckError):
        list(parameter_problems("vibes", {}))


def test_unknown_missing_and_mistyped_parameters_are_named():
    (unknown,) = parameter_problems("contains", {"ignorecase": True})
    assert (unknown.pointer, unknown.hint) == (("ignorecase",), "it takes value, ignore_case")
    (missing,) = parameter_problems("regex", {})
    assert "`pattern`" in missing.message
    (mistyped,) = parameter_problems("exact", {"normalise": ["upper"]})
    assert mistyped.pointer == ("normalise",)


@pytest.mark.parametrize(
    ("finish_reason", "ending"),
    [
        ("length", "; the answer was cut off at its token limit"),
        ("content_filter", "; the answer ended with 'content_filter'"),
        ("stop", ""),
        (None, ""),
    ],
)
@pytest.mark.parametrize("text", ["positive", "negative"])
def test_an_answer_that_was_cut_off_is_marked_in_every_detail(finish_reason, ending, text):
    detail = verdict(check("exact"), text, "positive", finish_reason=finish_reason).detail
    assert detail.removesuffix(ending).endswith('"')


def test_the_outcome_carries_name_type_and_weight_of_the_declaration():
    spec = check("contains", value="a")
    outcome = verdict(spec, "a")
    assert (outcome.name, outcome.type, outcome.critical) == ("contains", "contains", False)


def test_parameters_at_their_default_leave_no_trace():
    assert without_defaults("contains", {"value": "a", "ignore_case": False}) == {"value": "a"}
    assert without_defaults("contains", {"ignore_case": True}) == {"ignore_case": True}


def test_every_check_describes_itself():
    docs = describe()
    assert tuple(doc.type for doc in docs) == check_types()
    for doc in docs:
        assert doc.summary.splitlines()[0].endswith(".")
        assert all(parameter.description.endswith(".") for parameter in doc.parameters)


@given(
    st.sampled_from(
        [
            check("exact", value="a", normalise=["strip-punctuation", "nfkc", "casefold"]),
            check("contains", value="a"),
            check("regex", pattern="^a"),
            check("json", schema={"type": "object"}),
            check("latency", max_ms=10),
        ]
    ),
    st.text(st.characters()),
    st.none() | st.text(),
)
def test_whatever_a_model_says_a_check_judges_or_raises_check_error(spec, text, expected):
    try:
        outcome = verdict(spec, text, expected)
    except CheckError:
        return
    assert isinstance(outcome.passed, bool)
    assert outcome.detail
