"""The json check: valid, of the right shape, with the right values; and hostile schemas."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from evals.domain.checks import CheckError, expectation_problem, parameter_problems, run_check
from evals.domain.json_schema import schema_problems, violation
from evals.domain.json_values import JsonError, depth, read_json, same_json
from tests.unit.evals.builders import answer, check

PERSON = {
    "type": "object",
    "properties": {"name": {"type": "string"}, "age": {"$ref": "#/$defs/age"}},
    "required": ["name"],
    "additionalProperties": False,
    "$defs": {"age": {"type": "integer", "minimum": 0}},
}
json_values = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=4),
    max_leaves=10,
)


def judge(text, expected=None, **params):
    return run_check(check("json", **params), answer(text), expected)


@pytest.mark.parametrize(
    "text",
    ["", "{", "NaN", "1e999", '{"a": 1, "a": 2}', "[" * 100_000, "{} trailing", "9" * 5_000],
    ids=["empty", "open", "nan", "infinite", "repeated key", "deep", "trailing", "digits"],
)
def test_what_is_not_json_fails(text):
    outcome = judge(text)
    assert not outcome.passed
    assert outcome.detail.startswith("not valid JSON")


def test_a_code_fence_is_named_as_the_cause():
    assert "code fence" in judge('```json\n{"a": 1}\n```').detail


def test_a_schema_is_applied_and_the_place_of_the_fault_is_named():
    assert judge('{"name": "Ada", "age": 36}', schema=PERSON).passed
    assert "$.age" in judge('{"name": "Ada", "age": -1}', schema=PERSON).detail
    assert "unexpected properties: x" in judge('{"name": "Ada", "x": 1}', schema=PERSON).detail


def test_equals_compares_as_json_and_names_the_first_difference():
    wanted = {"name": "Ada", "tags": ["a", "b"], "age": 36}
    assert judge(
        '{"age": 36.0, "name": "Ada", "tags": ["a", "b"]}', wanted, equals="expected"
    ).passed
    different = judge('{"age": 36, "name": "Ada", "tags": ["b", "a"]}', wanted, equals="expected")
    assert different.detail == '$.tags: expected ["a", "b"], got ["b", "a"]'
    assert judge("{}", wanted, equals="expected").detail == "$.age is missing"
    assert "is not expected" in judge('{"a": 1, "b": 2}', {"a": 1}, equals="expected").detail


def test_true_is_not_one():
    assert not judge("[1]", [True], equals="expected").passed


def test_fields_restrict_the_comparison():
    params = {"equals": "expected", "fields": ["name"]}
    assert judge('{"name": "Ada", "note": "?"}', {"name": "Ada", "age": 1}, **params).passed
    assert judge('{"note": "?"}', {"name": "Ada"}, **params).detail == "$.name is missing"
    assert "expected an object" in judge("[1]", {"name": "Ada"}, **params).detail


def test_the_expected_of_a_csv_cell_is_read_as_json():
    assert judge('{"a": 1}', '{"a": 1.0}', equals="expected").passed
    assert expectation_problem(check("json", equals="expected"), '{"a": ')


@pytest.mark.parametrize(("expected", "fields"), [(None, None), ({"a": 1}, ["b"]), ([1], ["a"])])
def test_a_comparison_with_nothing_to_compare_is_an_error(expected, fields):
    params = {"equals": "expected"} | ({"fields": fields} if fields else {})
    assert expectation_problem(check("json", **params), expected)
    with pytest.raises(CheckError):
        judge("{}", expected, **params)


def test_fields_without_equals_are_refused():
    assert [p.pointer for p in parameter_problems("json", {"fields": ["a"]})] == [("fields",)]


@pytest.mark.parametrize(
    "schema",
    [
        {"$ref": "https://example.org/schema.json"},
        {"$ref": "other.json#/a"},
        {"properties": {"a": {"$ref": "#/$defs/missing"}}},
        {"properties": {"a": {"$ref": "#/title/0"}}, "title": "text"},
        {"items": [{"type": "string"}], "$ref": "#/items/x"},
        {"$ref": "#"},
        {"allOf": [{"$ref": "#"}]},
        {"type": "strin"},
        {"properties": {"a": {"pattern": "("}}},
        {"patternProperties": {"(": {}}},
        {"unevaluatedProperties": False},
        {"$dynamicRef": "#meta"},
        {"$schema": "http://json-schema.org/draft-07/schema#"},
        {"properties": {"a": {"$schema": "https://json-schema.org/draft/2020-12/schema"}}},
        {"const": {"$schema": "http://json-schema.org/draft-07/schema#"}, "$ref": "#/const"},
        {"$defs": {"a": {"$id": "https://example.org/a"}}},
        {"multipleOf": 0},
    ],
)
def test_a_schema_that_cannot_be_trusted_is_a_problem(schema):
    assert schema_problems(schema)
    assert [p.pointer[0] for p in parameter_problems("json", {"schema": schema})] == ["schema"]


def test_a_schema_that_cannot_be_evaluated_is_an_error_not_a_pass():
    with pytest.raises(CheckError):
        judge("1", schema={"$ref": "#/missing"})
    with pytest.raises(CheckError):
        judge('"a"', schema={"pattern": "("})


def test_a_deep_answer_is_not_taken_for_json():
    assert "nested deeper" in judge("[" * 60 + "]" * 60).detail


def test_a_full_schema_of_2020_12_is_usable():
    schema = {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "$id": "https://example.org/root",
        "properties": {"$ref": {"type": "string"}, "a": {"$anchor": "here", "type": "integer"}},
        "patternProperties": {"^x_": {"$ref": "#here"}},
        "additionalProperties": {"type": "string", "pattern": "^ok$"},
    }
    assert schema_problems(schema) == []
    assert violation(schema, {"$ref": "text", "a": 1, "x_a": 2, "other": "ok"}) is None
    assert violation(schema, {"x_a": "two"}) is not None
    assert violation(schema, {"other": "no"}) is not None


def test_a_schema_that_doubles_at_each_step_is_stopped():
    doubling = {
        f"d{i}": {"allOf": [{"$ref": f"#/$defs/d{i + 1}"}, {"$ref": f"#/$defs/d{i + 1}"}]}
        for i in range(40)
    }
    schema = {"$ref": "#/$defs/d0", "$defs": {**doubling, "d40": {"type": "integer"}}}
    assert schema_problems(schema) == [((), "the schema needs more than 50,000 steps")]


def test_patterns_of_schemas_run_in_linear_time():
    schema = {"pattern": "^(a+)+$", "patternProperties": {"^(a+)+$": True}}
    assert violation(schema, "a" * 20_000 + "b") is not None
    assert violation({**schema, "additionalProperties": False}, {"a" * 20_000 + "b": 1}) is not None


def test_unique_items_compares_many_objects_quickly_and_as_json():
    schema = {"uniqueItems": True}
    assert violation(schema, [{"a": i} for i in range(20_000)]) is None
    assert violation(schema, [{"a": 1}, {"a": 1.0}]) is not None
    assert violation(schema, [1, True, "1", [1]]) is None
    assert violation({"uniqueItems": False}, [1, 1]) is None


@given(json_values, json_values)
def test_json_equality_agrees_with_canonical_spelling(left, right):
    assert same_json(left, left)
    assert same_json(left, right) == same_json(right, left)


@given(st.text())
def test_reading_json_answers_a_value_or_json_error(text):
    try:
        value = read_json(text)
    except JsonError:
        return
    assert depth(value) <= 50


@given(json_values, st.sampled_from([PERSON, True, False, {"type": ["string", "null"]}, {}]))
def test_validation_answers_for_every_value(value, schema):
    found = violation(schema, value)
    assert found is None or found.startswith("$")
