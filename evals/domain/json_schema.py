"""JSON Schema 2020-12 for schemas and values that nobody vouches for.

Differences from a plain validator: patterns run on RE2 (linear time), `$ref` stays inside the
schema (nothing is ever fetched), the work on one value is counted and bounded, and keywords whose
cost cannot be bounded that way (`unevaluatedItems`, `unevaluatedProperties`, `$dynamicRef`) are
refused. `format` is an annotation, as the specification has it by default.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextvars import ContextVar
from typing import Any

from jsonschema import Draft202012Validator, FormatChecker, ValidationError
from jsonschema.exceptions import SchemaError
from jsonschema.validators import extend
from referencing import Registry
from referencing.exceptions import Unresolvable
from referencing.jsonschema import DRAFT202012

from core.digest import canonical_json
from core.errors import InvalidError
from evals.domain.linear_regex import PatternError, compile_pattern, search

DIALECT = "https://json-schema.org/draft/2020-12/schema"
REFUSED_KEYWORDS = ("$dynamicRef", "$recursiveRef", "unevaluatedItems", "unevaluatedProperties")
#: Keyword evaluations on one value: about a second. A schema of `$ref`s can double at each step.
MAX_STEPS = 50_000

Pointer = tuple[str | int, ...]
Keyword = Callable[[Any, Any, Any, Any], Iterator[ValidationError] | None]

_steps_left: ContextVar[int] = ContextVar("json_schema_steps_left", default=MAX_STEPS)


class SchemaUnusableError(InvalidError):
    """The JSON Schema cannot be used."""

    code = "json_schema_unusable"


def _pattern(_: Any, pattern: Any, value: Any, _schema: Any) -> Iterator[ValidationError]:
    if isinstance(value, str) and not search(pattern, value):
        yield ValidationError(f"{value!r} does not match {pattern!r}")


def _pattern_properties(
    validator: Any, patterns: Any, value: Any, _schema: Any
) -> Iterator[ValidationError]:
    if not isinstance(value, dict):
        return
    for pattern, subschema in patterns.items():
        for key in [key for key in value if search(pattern, key)]:
            yield from validator.descend(value[key], subschema, path=key, schema_path=pattern)


def _additional_properties(
    validator: Any, allowed: Any, value: Any, schema: Any
) -> Iterator[ValidationError]:
    if not isinstance(value, dict):
        return
    declared = schema.get("properties", {})
    patterns = schema.get("patternProperties", {})
    extra = [k for k in value if k not in declared and not any(search(p, k) for p in patterns)]
    if allowed is False and extra:
        yield ValidationError(f"unexpected properties: {', '.join(sorted(extra))}")
    elif isinstance(allowed, dict):
        for key in extra:
            yield from validator.descend(value[key], allowed, path=key)


def _identity(value: Any) -> Any:
    """`value` with whole floats as integers, so that equal JSON has equal canonical bytes."""
    if isinstance(value, float) and value.is_integer():
        return int(value)
    if isinstance(value, dict):
        return {key: _identity(item) for key, item in value.items()}
    return [_identity(item) for item in value] if isinstance(value, list) else value


def _unique_items(_: Any, unique: Any, value: Any, _schema: Any) -> Iterator[ValidationError]:
    # jsonschema compares every pair of items that do not sort, which an answer could make slow.
    if unique is not True or not isinstance(value, list):
        return
    if len({canonical_json(_identity(item)) for item in value}) < len(value):
        yield ValidationError("the items are not unique")


def _counted(keyword: Keyword) -> Keyword:
    def evaluate(validator: Any, value: Any, instance: Any, schema: Any) -> Iterator[Any] | None:
        left = _steps_left.get()
        if left <= 0:
            raise SchemaUnusableError(f"the schema needs more than {MAX_STEPS:,} steps")
        _steps_left.set(left - 1)
        return keyword(validator, value, instance, schema)

    return evaluate


_OWN_KEYWORDS: dict[str, Keyword] = {
    "pattern": _pattern,
    "patternProperties": _pattern_properties,
    "additionalProperties": _additional_properties,
    "uniqueItems": _unique_items,
}
_BoundedValidator: Any = extend(  # type: ignore[no-untyped-call]
    Draft202012Validator,
    {
        name: _counted(keyword)
        for name, keyword in {**Draft202012Validator.VALIDATORS, **_OWN_KEYWORDS}.items()
    },
)


def _walk(value: Any, pointer: Pointer = ()) -> Iterator[tuple[Pointer, str, Any]]:
    """Every (pointer, key, value) of every object in the schema, wherever it is.

    Data inside `const` or `enum` is walked too: a `$ref` may lead there and make it a schema.
    """
    if isinstance(value, dict):
        for key, item in value.items():
            yield (*pointer, key), key, item
            yield from _walk(item, (*pointer, key))
    elif isinstance(value, list):
        for index, item in enumerate(value):
            yield from _walk(item, (*pointer, index))


def _bad_pattern(pattern: str) -> str | None:
    try:
        compile_pattern(pattern)
    except PatternError as error:
        return error.message
    return None


def _place_problem(pointer: Pointer, key: str, value: str) -> str | None:
    """What is wrong with a keyword that says which schema this is or where another one lies."""
    if key in ("$schema", "$id") and len(pointer) > 1:
        return f"`{key}` may stand only at the top of a schema"
    if key == "$schema" and value.rstrip("#") != DIALECT:
        return "only JSON Schema 2020-12 is supported"
    if key == "$ref" and not value.startswith("#"):
        return f"`$ref` may only point inside this schema (#/…), not to {value[:80]!r}"
    return None


def _keyword_problem(pointer: Pointer, key: str, value: Any) -> str | None:
    """What is wrong with one keyword that the meta-schema allows and Assay does not."""
    if key in REFUSED_KEYWORDS:
        return f"`{key}` is not supported: its cost has no bound"
    if key == "pattern" and isinstance(value, str):
        return _bad_pattern(value)
    if key == "patternProperties" and isinstance(value, dict):
        return next(filter(None, map(_bad_pattern, value)), None)
    return _place_problem(pointer, key, value) if isinstance(value, str) else None


def _structure_problem(schema: Any) -> tuple[Pointer, str] | None:
    try:
        # The built-in format check would compile patterns with Python's own engine.
        Draft202012Validator.check_schema(schema, format_checker=FormatChecker(formats=()))
    except SchemaError as error:
        return tuple(error.absolute_path), error.message[:200]
    return None


def _reference_problems(schema: Any) -> Iterator[tuple[Pointer, str]]:
    resolver = Registry().resolver_with_root(DRAFT202012.create_resource(schema))
    for pointer, key, target in _walk(schema):
        if key != "$ref" or not isinstance(target, str):
            continue
        try:
            found = resolver.lookup(target).contents
        except (Unresolvable, ValueError):  # ValueError: a word where an array wants an index
            found = None
        if not isinstance(found, dict | bool):
            yield pointer, f"`$ref` leads nowhere: {target[:80]}"


def _endless_reference(schema: Any) -> Iterator[tuple[Pointer, str]]:
    probes: tuple[Any, ...] = (None, {}, [], "", 0)
    for probe in probes:
        try:
            violation(schema, probe)
        except SchemaUnusableError as error:
            yield (), error.message
            return


def schema_problems(schema: Any) -> list[tuple[Pointer, str]]:
    """(pointer, message) for all that keeps `schema` from being used; empty when it is usable.

    Each stage needs the one before: nothing is resolved in a schema that is not well formed.
    """
    refused = [(p, text) for p, k, v in _walk(schema) if (text := _keyword_problem(p, k, v))]
    if refused:
        return refused
    structure = _structure_problem(schema)
    if structure:
        return [structure]
    return list(_reference_problems(schema)) or list(_endless_reference(schema))


def violation(schema: Any, value: Any) -> str | None:
    """The first way in which `value` breaks `schema`, as `$.path: reason`, or None.

    `schema` should have no `schema_problems`. Raises SchemaUnusableError when it cannot be
    evaluated: a dangling reference, endless recursion, too many steps.
    """
    # `$schema` would make jsonschema switch to its own, unbounded validator class.
    root = (
        {k: v for k, v in schema.items() if k != "$schema"}
        if isinstance(schema, Mapping)
        else schema
    )
    token = _steps_left.set(MAX_STEPS)
    try:
        error = next(_BoundedValidator(root, registry=Registry()).iter_errors(value), None)
    except RecursionError:
        raise SchemaUnusableError("the schema refers to itself without end") from None
    except Unresolvable as unresolvable:
        raise SchemaUnusableError(f"`$ref` leads nowhere: {unresolvable.ref}") from None
    except PatternError as pattern_error:
        raise SchemaUnusableError(pattern_error.message) from None
    finally:
        _steps_left.reset(token)
    return f"{error.json_path}: {error.message[:200]}" if error else None
