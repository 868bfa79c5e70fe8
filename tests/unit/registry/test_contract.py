from __future__ import annotations

from typing import Any

import pytest

from registry.domain.contract import diff_contract
from registry.domain.version import VersionContent

STRING = {"type": "string"}


def version(**fields: Any) -> VersionContent:
    return VersionContent("p", 1, "prompts/p/v1.jinja2", **fields)


def changes(old: VersionContent, new: VersionContent) -> list[tuple[str, str, bool]]:
    return [(c.kind, c.variable, c.breaking) for c in diff_contract(old, new)]


@pytest.mark.parametrize(
    ("before", "after", "expected"),
    [
        ({}, {"x": STRING}, [("required_variable_added", "x", True)]),
        ({}, {"x": {**STRING, "default": "a"}}, [("optional_variable_added", "x", False)]),
        ({"x": STRING}, {}, [("variable_removed", "x", True)]),
        ({"x": STRING}, {"x": {**STRING, "default": "a"}}, [("became_optional", "x", False)]),
        ({"x": {**STRING, "default": "a"}}, {"x": STRING}, [("became_required", "x", True)]),
        ({"x": {"default": 1}}, {"x": {"default": 2}}, [("default_changed", "x", False)]),
        ({"x": {"default": 1}}, {"x": {"default": True}}, [("default_changed", "x", False)]),
        ({"x": STRING}, {"x": {**STRING, "description": "new"}}, []),
        ({"x": STRING}, {"x": {"type": "integer"}}, [("variable_narrowed", "x", True)]),
        ({"x": STRING}, {"x": {"type": ["string", "null"]}}, [("variable_widened", "x", False)]),
        ({"x": {"type": "integer"}}, {"x": {"type": "number"}}, [("variable_widened", "x", False)]),
        ({"x": {"type": "number"}}, {"x": {"type": "integer"}}, [("variable_narrowed", "x", True)]),
        ({"x": {"enum": [1, 2]}}, {"x": {"enum": [2, 1, 3]}}, [("variable_widened", "x", False)]),
        ({"x": {"enum": [1, 2]}}, {"x": {"enum": [1]}}, [("variable_narrowed", "x", True)]),
        ({"x": {"enum": [1]}}, {"x": {"enum": [True]}}, [("variable_narrowed", "x", True)]),
        ({"x": {"maxLength": 9}}, {"x": {"maxLength": 10}}, [("variable_widened", "x", False)]),
        ({"x": {"maxLength": 9}}, {"x": {"maxLength": 8}}, [("variable_narrowed", "x", True)]),
        ({"x": {"minimum": 1}}, {"x": {"minimum": 0}}, [("variable_widened", "x", False)]),
        ({"x": {"minimum": 1}}, {"x": {"minimum": 2}}, [("variable_narrowed", "x", True)]),
        ({"x": {}}, {"x": {"pattern": "a"}}, [("variable_narrowed", "x", True)]),
        ({"x": {"pattern": "a"}}, {"x": {}}, [("variable_widened", "x", False)]),
        ({"x": {"items": STRING}}, {"x": {"items": {}}}, [("variable_narrowed", "x", True)]),
    ],
    ids=range(22),
)
def test_changes_of_variables(
    before: dict[str, Any], after: dict[str, Any], expected: list[tuple[str, str, bool]]
) -> None:
    assert changes(version(variables=before), version(variables=after)) == expected


def test_the_wording_and_the_sampling_are_not_part_of_the_contract() -> None:
    old = version(source="a", parameters={"temperature": 0.0})
    new = version(source="b", parameters={"temperature": 1.0}, description="d")
    assert changes(old, new) == []


def test_type_answer_format_and_placeholders_are() -> None:
    old = version(type="chat", source='{% placeholder "history" %}{% placeholder "kept" %}')
    new = version(
        type="chat",
        source='{% placeholder "kept" %}{% placeholder "more" %}',
        parameters={"response_format": {"type": "json_object"}},
    )
    assert changes(old, new) == [
        ("response_format_changed", "", True),
        ("placeholder_removed", "history", True),
        ("placeholder_added", "more", False),
    ]
    assert changes(version(), version(type="chat")) == [("type_changed", "", True)]


def test_breaking_changes_come_first() -> None:
    old = version(variables={"b": {**STRING, "default": "x"}})
    new = version(variables={"a": {"default": 1}, "b": STRING})
    assert [change.breaking for change in diff_contract(old, new)] == [True, False]
