"""JSON into values: what fits is read, what does not is named."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from assay.answers import EvalRun, ServedPrompt
from assay.errors import AnswerNotUnderstoodError
from assay.reading import read


@dataclass(frozen=True)
class Inner:
    done: int


@dataclass(frozen=True)
class Outer:
    name: str
    kind: Literal["a", "b"]
    rate: float | None
    pair: tuple[float, float] | None
    inner: Inner | None
    by_name: Mapping[str, Inner]
    id: int | str
    anything: Any
    items: tuple[Inner, ...] = ()


GOOD = {
    "name": "n",
    "kind": "a",
    "rate": 1,
    "pair": [0, 1],
    "inner": {"done": 1},
    "by_name": {"x": {"done": 2}},
    "id": 7,
    "anything": [None],
    "items": [{"done": 3}],
}
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=5),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(st.sampled_from([*GOOD, "done"]), inner, max_size=6)
    ),
    max_leaves=15,
)


def test_nested_values_and_lists_are_read() -> None:
    outer = read(Outer, GOOD)
    assert outer.inner == Inner(1)
    assert outer.by_name == {"x": Inner(2)}
    assert outer.items == (Inner(3),)
    assert outer.pair == (0.0, 1.0)
    assert isinstance(outer.rate, float)


def test_what_a_newer_server_adds_is_ignored_and_defaults_hold() -> None:
    body = {key: value for key, value in GOOD.items() if key != "items"} | {"new": 1}
    assert read(Outer, body).items == ()


@pytest.mark.parametrize(
    ("change", "problem"),
    [
        ({"name": 3}, "name is int, not str"),
        ({"rate": "1"}, "rate is str, not float"),
        ({"rate": True}, "rate is bool, not float"),
        ({"inner": {"done": True}}, "inner.done is bool, not int"),
        ({"inner": {}}, "inner.done is missing"),
        ({"inner": []}, "inner is not an object"),
        ({"kind": "c"}, "kind is str, not "),
        ({"pair": [1]}, "pair does not have 2 items"),
        ({"by_name": {"x": 1}}, "by_name.x is not an object"),
        ({"items": [{"done": 1}, {"done": None}]}, "items.1.done is NoneType, not int"),
        ({"items": None}, "items is not a list"),
    ],
)
def test_the_field_that_does_not_fit_is_named(change: dict[str, Any], problem: str) -> None:
    with pytest.raises(AnswerNotUnderstoodError, match="not the Outer expected") as caught:
        read(Outer, GOOD | change)
    assert problem in caught.value.message


def test_a_missing_field_is_named() -> None:
    with pytest.raises(AnswerNotUnderstoodError, match="name is missing"):
        read(Outer, {})


@given(JSON)
def test_no_json_is_anything_but_read_or_refused(body: Any) -> None:
    for kind in (Outer, ServedPrompt, EvalRun):
        try:
            value = read(kind, body)
        except AnswerNotUnderstoodError:
            continue
        assert isinstance(value, kind)
