"""Numbers in answers: found, read exactly, spelled alike; nothing is guessed."""

from __future__ import annotations

import math

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from evals.domain.checks import CheckError, expectation_problem, parameter_problems, run_check
from evals.domain.checks.normalisers import NORMALISERS, normalise
from evals.domain.checks.numbers import number_format
from tests.unit.evals.builders import answer, check


def judge(text, expected=None, **params):
    return run_check(check("numeric", **params), answer(text), expected)


@pytest.mark.parametrize(
    ("text", "wanted"),
    [
        ("42", 42),
        ("The answer is 42.", 42),
        ("42.0 kg", 42),
        ("-5", -5),
        ("\N{MINUS SIGN}5 °C", -5),
        ("-$1,234.50", -1234.5),
        ("1,234.50", "1234.5"),
        ("1 234 567", 1_234_567),
        ("1'234.5", 1234.5),
        ("1_000", 1000),
        ("1.5e-3", 0.0015),
        (".5", 0.5),
        ("50 %", 50),
        ("٤٢", 42),
        ("0.1", 0.1),
    ],
)
def test_the_number_of_an_answer_is_read(text, wanted):
    assert judge(text, wanted).passed


@pytest.mark.parametrize(
    "text",
    ["", "none", "NaN", "inf", "v2", "COVID19", "1.2.3", "1,2,3", "²", "½", "1e9999", "9" * 401],
)
@pytest.mark.parametrize("extract", ["only", "first", "last"])
def test_what_is_no_number_fails(text, extract):
    assert not judge(text, 2, extract=extract).passed


def test_the_author_says_which_number_counts():
    text = "From 3-5 pieces, 4 remain."
    assert judge(text, 3, extract="first").passed
    assert judge(text, 4, extract="last").passed
    assert judge(text, 4).detail == f'3 numbers in "{text}", one is asked'


def test_an_unreadable_last_number_does_not_make_the_one_before_it_count():
    outcome = judge("42, in version 1.2.3", 42, extract="last")
    assert outcome.detail == "1.2.3 is no number with the decimal mark '.'"


def test_the_decimal_mark_decides_what_a_group_of_three_means():
    assert judge("1,234", 1234).passed
    assert judge("1,234", 1.234, decimal=",").passed
    assert judge("1.234", 1.234).passed
    assert judge("1.234,5", "1.234,5", decimal=",").passed
    assert not judge("1234,5", 1234.5).passed


def test_tolerances_are_exact_and_the_larger_one_counts():
    assert judge("0.4", 0.3, abs_tolerance=0.1).passed
    assert not judge("0.4000001", 0.3, abs_tolerance=0.1).passed
    assert judge("110", 100, abs_tolerance=1, rel_tolerance=0.1).passed
    assert not judge("-110", 100, rel_tolerance=0.1).passed
    assert judge("41.5", 42, abs_tolerance=0.5).detail == "41.5 is within 0.5 of 42"
    assert judge("41", 42).detail == "41 is not equal to 42"


@pytest.mark.parametrize("expected", [None, True, "two", "", "1 or 2", [1], "1,2", math.nan])
def test_an_expected_value_that_is_no_number_is_an_error(expected):
    assert expectation_problem(check("numeric"), expected)
    with pytest.raises(CheckError):
        judge("1", expected)


@pytest.mark.parametrize(
    "params",
    [
        {"value": "two"},
        {"value": math.nan},
        {"abs_tolerance": -1},
        {"rel_tolerance": math.inf},
        {"abs_tolerance": math.nan},
        {"extract": "all"},
        {"decimal": ";"},
    ],
)
def test_parameters_that_mean_nothing_are_refused(params):
    assert [p.pointer for p in parameter_problems("numeric", params)] == [tuple(params)]


@pytest.mark.parametrize(
    "text", ["1,234.50", "1 234,50", "1.234,5", "1'234.5", "1234.5", "1 234,5", "1.2345e3"]
)
def test_one_number_in_many_spellings_is_one_text(text):
    assert number_format(f"Total: {text} EUR") == "Total: 1234.5 EUR"


@pytest.mark.parametrize(
    "text",
    ["1,234", "1.234", "007", "1.2.3", "10.0.0.1", "2024-05-01", "12,34,56", "v2.10", "1e9999"],
)
def test_what_its_spelling_does_not_decide_stays_as_it_is(text):
    assert number_format(text) == text


def test_number_format_never_makes_an_undecided_number_equal_to_a_decided_one():
    spec = check("exact", normalise=["number-format"])
    assert run_check(spec, answer("1,234"), "1,234").passed
    for other in ("1234", "1.234"):
        assert not run_check(spec, answer("1,234"), other).passed


@given(st.integers(0, 10**12), st.integers(1, 6), st.sampled_from([",.", " ,", "'.", ".,"]))
def test_grouping_and_decimal_mark_leave_no_trace(number, places, marks):
    group, decimal = marks
    fraction = "5" * places
    plain = f"{number}.{fraction}"
    grouped = f"{number:,}".replace(",", group) + decimal + fraction
    # One mark before exactly three digits is the undecided case, unless a group is there too.
    if number >= 1000 or not (decimal == "," and places == 3):
        assert number_format(grouped) == number_format(plain)


@given(
    st.decimals(
        allow_nan=False, allow_infinity=False, places=4, min_value=-(10**9), max_value=10**9
    )
)
def test_a_number_equals_itself_however_it_is_wrapped(number):
    assert judge(f"It is {number} in all.", str(number)).passed
    assert not judge(f"It is {number + 1}.", str(number)).passed


written = st.text("0123456789.,' \u00a0-+eE$%_aA\u2212٣²\u0301", max_size=40) | st.text(max_size=20)


@given(written, st.sampled_from(["only", "first", "last"]), st.sampled_from([".", ","]))
def test_every_text_has_a_number_or_none(text, extract, decimal):
    judge(text, 1, extract=extract, decimal=decimal)


@example("0..0")
@given(st.text("0123456789.,'-+$%_a\u2212٣\u0301", max_size=40))
def test_number_format_settles(text):
    once = number_format(text)
    assert number_format(once) == once


@given(st.lists(st.sampled_from(list(NORMALISERS)), max_size=6), written)
def test_normalisers_answer_for_every_text(steps, text):
    assert isinstance(normalise(text, steps), str)


@pytest.mark.parametrize(
    "text",
    [
        "1" + " 234" * 25_000 + " 5",
        "1" + ",234" * 25_000,
        "1." * 50_000,
        "1e" * 50_000,
        "-" * 100_000,
        "9" * 100_000,
        "e" + "\u0315\u0300" * 50_000,
    ],
    ids=["spaced", "grouped", "points", "powers", "signs", "digits", "marks"],
)
def test_hostile_texts_are_read_in_linear_time(text):
    # Any of these takes minutes, or seconds, with a quadratic reading.
    steps = list(NORMALISERS)
    assert not run_check(check("exact", normalise=steps), answer(text), "x").passed
    assert not judge(text, 2, extract="last").passed
