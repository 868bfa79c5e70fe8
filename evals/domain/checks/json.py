"""The answer is JSON, of a given shape, with given values.

Without parameters the answer only has to be valid JSON: nothing before or after it, no `NaN`, no
key given twice. `schema` is JSON Schema 2020-12 with `$ref`s inside the schema only; patterns run
on RE2, `format` is not asserted, `unevaluated…` and `$dynamicRef` are refused. `equals: expected`
compares with the case's `expected` (1 equals 1.0; the order of keys does not matter, that of items
does); `fields` restricts that to some keys of the object. An `expected` text that holds a JSON
object or array, as in a CSV cell, is read as JSON. `value` compares with a value of the suite
instead (for null: `schema: {const: null}`). `path` picks the part of the answer that all this is
about, as a JSON Pointer (`/items/0/sku`) or a simple path (`items[0].sku`); nothing there fails.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from evals.domain.checks.spec import (
    Answer,
    CheckError,
    CheckType,
    Observation,
    Parameter,
    Problem,
)
from evals.domain.checks.wording import quote
from evals.domain.json_path import PathError, parse_path, value_at
from evals.domain.json_schema import SchemaUnusableError, schema_problems, violation
from evals.domain.json_values import JsonError, read_json, same_json


def problems(params: Mapping[str, Any]) -> Iterator[Problem]:
    """A schema that cannot be used; `fields` with nothing to compare them with."""
    if params["schema"] is not None:
        for pointer, message in schema_problems(params["schema"]):
            yield Problem(("schema", *pointer), message)
    if params["fields"] is not None and params["equals"] is None:
        yield Problem(("fields",), "`fields` needs `equals: expected`")
    if params["value"] is not None and params["equals"] is not None:
        yield Problem(("value",), "`value` and `equals: expected` cannot both be compared with")
    if params["path"] is not None:
        try:
            parse_path(params["path"])
        except PathError as error:
            yield Problem(("path",), error.message, error.hint)


def _from_text(expected: Any) -> Any:
    if not isinstance(expected, str) or not expected.lstrip().startswith(("{", "[")):
        return expected
    try:
        return read_json(expected)
    except JsonError as error:
        raise CheckError(f"`expected` looks like JSON but is not: {error.message}") from error


def prepare(params: Mapping[str, Any], expected: Any) -> Any:
    """The value to compare with, or None when nothing is compared."""
    if params["equals"] is None:
        return None
    if expected is None:
        raise CheckError("`equals: expected` needs the case's `expected`")
    wanted = _from_text(expected)
    if params["fields"] is None:
        return wanted
    if not isinstance(wanted, dict):
        raise CheckError(f"`fields` needs an object as `expected`, it is {quote(wanted)}")
    missing = [field for field in params["fields"] if field not in wanted]
    if missing:
        raise CheckError(f"`expected` has no field {quote(missing[0])}")
    return wanted


def _difference(wanted: Any, given: Any, where: str = "$") -> str | None:
    """The first place where `given` is not `wanted`, in words; None when they are equal."""
    if same_json(wanted, given):
        return None
    if isinstance(wanted, dict) and isinstance(given, dict):
        if missing := sorted(wanted.keys() - given.keys()):
            return f"{where}.{missing[0]} is missing"
        if extra := sorted(given.keys() - wanted.keys()):
            return f"{where}.{extra[0]} is not expected"
        key = next(key for key in wanted if not same_json(wanted[key], given[key]))
        return _difference(wanted[key], given[key], f"{where}.{key}")
    return f"{where}: expected {quote(wanted)}, got {quote(given)}"


def _compare(params: Mapping[str, Any], expected: Any, given: Any) -> str | None:
    wanted = prepare(params, expected)
    if params["fields"] is None:
        return _difference(wanted, given)
    if not isinstance(given, dict):
        return f"expected an object, got {quote(given)}"
    fields = params["fields"]
    return _difference(
        {field: wanted[field] for field in fields},
        {field: given[field] for field in fields if field in given},
    )


def _schema_violation(schema: Any, given: Any) -> str | None:
    try:
        return violation(schema, given)
    except SchemaUnusableError as error:
        raise CheckError(error.message) from error


def evaluate(params: Mapping[str, Any], answer: Answer, expected: Any) -> Observation:
    """Parse, then validate, then compare; the first thing that is wrong is the detail."""
    try:
        given = read_json(answer.text)
    except JsonError as error:
        fenced = answer.text.lstrip().startswith("```")
        hint = "; it stands in a code fence" if fenced else ""
        return Observation(False, f"not valid JSON: {error.message}{hint}")
    if params["path"] is None:
        return _judge(params, given, expected)
    try:
        return _judge(params, value_at(given, parse_path(params["path"])), expected)
    except PathError as error:
        raise CheckError(error.message) from error
    except LookupError:
        return Observation(False, f"there is nothing at {params['path']}")


def _judge(params: Mapping[str, Any], given: Any, expected: Any) -> Observation:
    if params["schema"] is not None and (broken := _schema_violation(params["schema"], given)):
        return Observation(False, f"breaks the schema at {broken}")
    if params["equals"] is not None and (different := _compare(params, expected, given)):
        return Observation(False, different)
    wanted = params["value"]
    if wanted is not None and (different := _difference(wanted, given)):
        return Observation(False, different)
    return Observation(True, "valid JSON, as asked")


CHECK = CheckType(
    type="json",
    documentation=__doc__,
    parameters=(
        Parameter("schema", {"type": ["object", "boolean"]}, "JSON Schema 2020-12."),
        Parameter("equals", {"const": "expected"}, "Compare with the case's `expected`."),
        Parameter(
            "fields",
            {"type": "array", "items": {"type": "string"}, "minItems": 1, "maxItems": 100},
            "Compare only these keys of the object.",
        ),
        Parameter("path", {"type": "string", "minLength": 1}, "The part of the answer to look at."),
        Parameter(
            "value",
            {"type": ["string", "number", "boolean", "array", "object"]},
            "Compare with this value.",
        ),
    ),
    evaluate=evaluate,
    problems=problems,
    prepare=prepare,
)
