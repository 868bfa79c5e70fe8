"""Checks on what an answer costs and whether it refuses; path and value of the json check."""

from __future__ import annotations

import math
from contextlib import suppress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from evals.domain.checks import CheckError, parameter_problems, run_check
from evals.domain.checks.refusal import find_refusal
from evals.domain.json_path import PathError, parse_path, value_at
from tests.unit.evals.builders import answer, check


def judge(check_type, text="x", changes=None, expected=None, **params):
    return run_check(check(check_type, **params), answer(text, **(changes or {})), expected)


def test_max_tokens_counts_the_answer_only():
    assert judge("max_tokens", changes={"completion_tokens": 5}, max=5).passed
    outcome = judge("max_tokens", changes={"completion_tokens": 6}, max=5)
    assert (outcome.passed, outcome.detail) == (False, "6 tokens, over 5")


def test_max_cost_compares_dollars():
    assert judge("max_cost", changes={"cost_usd": 0.0}, max_usd=0.001).passed
    outcome = judge("max_cost", changes={"cost_usd": 0.0021}, max_usd=0.002)
    assert (outcome.passed, outcome.detail) == (False, "0.002100 USD, over 0.002 USD")


@pytest.mark.parametrize("cost", [None, math.nan, math.inf, -0.1])
def test_a_cost_that_is_not_known_is_an_error_not_a_pass(cost):
    with pytest.raises(CheckError, match="price"):
        judge("max_cost", changes={"cost_usd": cost}, max_usd=1)


@pytest.mark.parametrize("count", [None, -1])
def test_tokens_that_were_not_counted_are_an_error_not_a_pass(count):
    with pytest.raises(CheckError):
        judge("max_tokens", changes={"completion_tokens": count}, max=1)


@pytest.mark.parametrize(
    ("check_type", "params"),
    [("max_tokens", {}), ("max_tokens", {"max": 0}), ("max_tokens", {"max": 1.5}),
     ("max_cost", {}), ("max_cost", {"max_usd": 0}), ("max_cost", {"max_usd": "1"}),
     ("refusal", {"phrases": []})],
)  # fmt: skip
def test_limits_that_mean_nothing_are_refused(check_type, params):
    assert list(parameter_problems(check_type, params))


@pytest.mark.parametrize(
    ("text", "phrase"),
    [
        ("I'm sorry, but I can't help with that.", "i'm sorry, but i can't"),
        ("I\N{RIGHT SINGLE QUOTATION MARK}m sorry, but I can\N{RIGHT SINGLE QUOTATION MARK}t.",
         "i'm sorry, but i can't"),
        ("AS AN AI, I have no opinion.", "as an ai"),
        ("I cannot\nassist you.", "i cannot assist"),
    ],
)  # fmt: skip
def test_a_refusal_is_known_by_its_words(text, phrase):
    assert judge("refusal", text).detail == f'refused: "{phrase}"'


@pytest.mark.parametrize(
    "text", ["", ":", "Your refund is on its way.", "I can help.", "x" * 400 + " as an AI"]
)
def test_an_answer_is_no_refusal(text):
    assert find_refusal(text) is None
    assert not judge("refusal", text).passed


def test_the_content_filter_refuses_too():
    assert judge("refusal", "", {"finish_reason": "content_filter"}).passed


ORDER = '{"items": [{"sku": "A-1", "n": null}], "a/b": {"c.d": true}}'


@pytest.mark.parametrize(
    ("path", "value"),
    [
        ("items[0].sku", "A-1"),
        ("$.items[0].sku", "A-1"),
        ("items.0.sku", "A-1"),
        ("/items/0/sku", "A-1"),
        ("/a~1b/c.d", True),
        ("items", [{"sku": "A-1", "n": None}]),
        ("$", {"items": [{"sku": "A-1", "n": None}], "a/b": {"c.d": True}}),
    ],
)
def test_json_compares_what_stands_at_a_path(path, value):
    assert judge("json", ORDER, path=path, value=value).passed
    assert judge("json", ORDER, expected=value, path=path, equals="expected").passed
    assert not judge("json", ORDER, path=path, value="other").passed


@pytest.mark.parametrize("path", ["items[1]", "items.x", "items[0].sku.x", "/items/00", "/items/-"])
def test_a_path_that_leads_nowhere_fails(path):
    outcome = judge("json", ORDER, path=path)
    assert (outcome.passed, outcome.detail) == (False, f"there is nothing at {path}")


def test_a_schema_applies_to_what_stands_at_the_path():
    assert judge("json", ORDER, path="items[0].n", schema={"const": None}).passed
    assert not judge("json", ORDER, path="items[0].n", schema={"type": "string"}).passed


@pytest.mark.parametrize(
    ("params", "pointer"),
    [
        ({"path": "a..b"}, ("path",)),
        ({"path": "a[x]"}, ("path",)),
        ({"path": "a[-1]"}, ("path",)),
        ({"path": "/a~2"}, ("path",)),
        ({"path": "a" * 501}, ("path",)),
        ({"value": None}, ("value",)),
        ({"value": 1, "equals": "expected"}, ("value",)),
    ],
)
def test_paths_and_values_that_cannot_be_used_are_refused(params, pointer):
    assert [p.pointer for p in parameter_problems("json", params)] == [pointer]


values = st.recursive(
    st.none() | st.integers(),
    lambda inner: (
        st.lists(inner, max_size=2)
        | st.dictionaries(st.sampled_from(["a", "0", ""]), inner, max_size=2)
    ),
    max_leaves=5,
)


@given(st.text("a.[]0/~$ ", max_size=12), values)
def test_every_path_leads_somewhere_or_nowhere_or_is_refused(path, value):
    with suppress(PathError, LookupError):
        value_at(value, parse_path(path))
