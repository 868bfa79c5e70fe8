"""`any` and `all`: checks made of checks."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from evals.domain.checks import (
    CheckError,
    check_types,
    expectation_problem,
    is_remote,
    parameter_problems,
    run_check,
)
from evals.domain.suite import parse_suite
from tests.unit.evals.builders import answer, check, repository


def has(*words, **more):
    return [{"type": "contains", "value": word, **more} for word in words]


def judge(composite, text, checks, threshold=None, **params):
    spec = replace(check(composite, checks=checks, **params), threshold=threshold)
    return run_check(spec, answer(text), None)


def test_any_passes_with_one_or_with_as_many_as_it_says():
    assert judge("any", "a c", has("a", "b", "c")).passed
    assert judge("any", "a c", has("a", "b", "c"), min=2).passed
    outcome = judge("any", "a c", has("a", "b", "c"), min=3)
    assert (outcome.passed, outcome.score) == (False, pytest.approx(2 / 3))
    assert outcome.detail == '2 of 3 passed; contains-2: "b" is not in "a c"'


def test_all_passes_with_all_or_with_enough_weight():
    assert judge("all", "a b", has("a", "b")).passed
    assert not judge("all", "a", has("a", "b")).passed
    heavy = [*has("a", weight=3), *has("b")]
    assert judge("all", "a", heavy, threshold=0.75).passed
    assert not judge("all", "b", heavy, threshold=0.75).passed
    assert judge("all", "a", [*has("a"), *has("b", weight=0)]).passed


def test_nested_checks_take_threshold_and_not():
    assert judge("all", "a", has("b", **{"not": True})).passed
    near = [{"type": "similarity", "value": "the cat sits", "threshold": 0.5}]
    assert judge("any", "the cat", near).passed


def test_composites_hold_composites():
    checks = [{"type": "any", "checks": has("a", "b")}, {"type": "any", "checks": has("c", "d")}]
    assert judge("all", "b d", checks).passed
    assert not judge("all", "a b", checks).passed


def test_one_check_that_cannot_be_evaluated_makes_the_whole_an_error():
    checks = [*has("a"), {"type": "max_cost", "max_usd": 1}]
    for composite in ("any", "all"):
        with pytest.raises(CheckError, match="cost"):
            judge(composite, "a", checks)


def test_what_a_nested_check_needs_of_the_case_is_known_before_the_run():
    spec = check("any", checks=[{"type": "exact"}])
    assert expectation_problem(spec, None)
    assert expectation_problem(spec, "a") is None


def deep(levels):
    checks = has("a")
    for _ in range(levels):
        checks = [{"type": "all", "checks": checks}]
    return checks


@pytest.mark.parametrize(
    ("composite", "params", "pointer"),
    [
        ("all", {}, ()),
        ("all", {"checks": []}, ("checks",)),
        ("all", {"checks": ["exact"]}, ("checks",)),
        ("all", {"checks": [{"value": "a"}]}, ("checks",)),
        ("all", {"checks": [{"type": ["exact"]}]}, ("checks",)),
        ("all", {"checks": [{"type": "vibes"}]}, ("checks", 0, "type")),
        (
            "all",
            {"checks": [*has("a"), {"type": "regex", "pattern": "("}]},
            ("checks", 1, "pattern"),
        ),
        ("all", {"checks": has("a", critical=True)}, ("checks", 0, "critical")),
        ("all", {"checks": has("a", weight=-1)}, ("checks", 0, "weight")),
        ("all", {"checks": has("a", threshold=0)}, ("checks", 0, "threshold")),
        ("all", {"checks": has("a", **{"not": "yes"})}, ("checks", 0, "not")),
        ("all", {"checks": has("a", weight=0)}, ("checks",)),
        ("all", {"checks": has("a"), "min": 1}, ("min",)),
        ("any", {"checks": has("a"), "min": 2}, ("min",)),
        ("any", {"checks": has("a", weight=2)}, ("checks", 0, "weight")),
        ("all", {"checks": deep(3)}, ("checks",)),
        ("all", {"checks": deep(60)}, ("checks",)),
        ("all", {"checks": [{"type": "any", "checks": has(*"abcdefghij")}] * 5}, ("checks",)),
    ],
)
def test_each_fault_inside_has_its_place(composite, params, pointer):
    assert pointer in [p.pointer for p in parameter_problems(composite, params)]


@pytest.mark.parametrize("check_type", [name for name in check_types() if is_remote(name)])
def test_a_check_that_asks_a_model_cannot_stand_inside(check_type):
    (problem,) = parameter_problems("any", {"checks": [{"type": check_type}]})
    assert problem.pointer == ("checks", 0, "type")
    assert "asks a model" in problem.message


def test_a_fault_inside_is_a_finding_on_its_line():
    text = """\
cases: [{id: a}]
checks:
  - type: any
    checks:
      - {type: contains, value: a}
      - {type: contains, valeu: b}
"""
    spec, (finding,) = parse_suite("s", repository(**{"suites/s.yaml": text}))
    assert spec is None
    assert (finding.line, finding.code) == (6, "check_parameter")
    assert "valeu" in finding.message


words = st.lists(st.sampled_from("abcd"), min_size=1, max_size=5)


@given(st.text("abcd", max_size=4), words, st.data())
def test_any_and_all_agree_with_counting(text, wanted, data):
    least = data.draw(st.integers(1, len(wanted)))
    found = sum(word in text for word in wanted)
    assert judge("any", text, has(*wanted), min=least).passed == (found >= least)
    every = judge("all", text, has(*wanted))
    assert every.passed == (found == len(wanted))
    assert every.score == pytest.approx(found / len(wanted))
    none = judge("all", text, has(*wanted, **{"not": True}))
    assert none.passed == (found == 0)
