"""The JSON Schemas of variables: which are accepted, and whether values satisfy them.

JSON Schema 2020-12, without anything that looks elsewhere (`$ref`) or takes more than linear time
(`unevaluated…`); `pattern` is matched by RE2, which cannot hang.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING, Any

from registry.domain.version import Schema

if TYPE_CHECKING:
    from jsonschema.protocols import Validator

MAX_PATTERN = 500
#: Validation costs about schema times value, and defaults are validated outside the jail.
MAX_SCHEMA = 16_384
MAX_DEFAULT = 1_000
_ANNOTATIONS = frozenset({"title", "description", "examples", "default", "$comment", "format"})
_ASSERTIONS = frozenset(
    "type enum const minLength maxLength pattern minimum maximum exclusiveMinimum "
    "exclusiveMaximum multipleOf minItems maxItems uniqueItems minContains maxContains required "
    "minProperties maxProperties dependentRequired".split()
)
_SUBSCHEMA = frozenset("items contains additionalProperties propertyNames not if then else".split())
_SUBSCHEMA_LISTS = frozenset({"allOf", "anyOf", "oneOf", "prefixItems"})
_SUBSCHEMA_MAPS = frozenset({"properties", "dependentSchemas"})
_KNOWN = _ANNOTATIONS | _ASSERTIONS | _SUBSCHEMA | _SUBSCHEMA_LISTS | _SUBSCHEMA_MAPS

Place = tuple[str | int, ...]


@dataclass(frozen=True, slots=True)
class SchemaProblem:
    """What is wrong with a schema; `place` leads to it from the schema's root."""

    place: Place
    code: str
    message: str
    is_about_key: bool = False


@dataclass(frozen=True, slots=True)
class ValueProblem:
    """What is wrong with a value; `pointer` is a JSON pointer into the variables (RFC 6901)."""

    pointer: str
    message: str

    def to_json(self) -> dict[str, str]:
        """The shape of one entry of an error's `errors`."""
        return {"pointer": self.pointer, "message": self.message}


def check_schema(schema: Any) -> tuple[SchemaProblem, ...]:
    """Everything wrong with the schema of one variable; empty when it can be used."""
    text = json.dumps(_skeleton(schema))
    return _check_again(text) if len(text) <= _MAX_KEPT else _check_schema(text)


def _skeleton(schema: Any) -> Any:
    """Without the prose, so that schemas which differ only in it are checked once."""
    if not isinstance(schema, dict):
        return schema
    return {
        key: "" if key in {"title", "description"} and isinstance(value, str) else value
        for key, value in schema.items()
    }


def _check_schema(text: str) -> tuple[SchemaProblem, ...]:
    schema = json.loads(text)
    if not isinstance(schema, dict):
        return (SchemaProblem((), "schema_invalid", "A variable is declared by a JSON Schema."),)
    if len(text) > MAX_SCHEMA:
        message = f"A variable's schema has at most {MAX_SCHEMA:,} characters."
        return (SchemaProblem((), "schema_too_large", message),)
    problems = tuple(_walk(schema, ()))
    if problems:
        return problems
    problems = tuple(_against_meta_schema(schema))
    if problems or "default" not in schema:
        return problems
    default = schema["default"]
    if not isinstance(default, str) and len(json.dumps(default)) > MAX_DEFAULT:
        message = f"A default that is no string has at most {MAX_DEFAULT:,} characters as JSON."
        return (SchemaProblem(("default",), "default_invalid", message),)
    return tuple(
        SchemaProblem(("default",), "default_invalid", f"The default {problem.message}.")
        for problem in check_value(schema, default, "")
    )


# Prompts repeat their schemas, and the check against the meta-schema takes most of a millisecond.
# Only small ones are kept, so hostile ones cannot fill the memory.
_MAX_KEPT = 512
_check_again = lru_cache(maxsize=8192)(_check_schema)


def _walk(schema: Any, place: Place) -> Iterator[SchemaProblem]:
    """Refuse keywords outside the accepted ones. Documents limit the depth of `schema`."""
    if not isinstance(schema, dict):
        return
    for key, value in schema.items():
        here = (*place, key)
        if key not in _KNOWN:
            message = f"The schema keyword `{key[:60]}` is not supported."
            yield SchemaProblem(here, "schema_keyword", message, is_about_key=True)
        elif key == "pattern":
            yield from _check_pattern(value, here)
        elif key in _SUBSCHEMA:
            yield from _walk(value, here)
        elif key in _SUBSCHEMA_LISTS and isinstance(value, list):
            for index, child in enumerate(value):
                yield from _walk(child, (*here, index))
        elif key in _SUBSCHEMA_MAPS and isinstance(value, dict):
            for name, child in value.items():
                yield from _walk(child, (*here, name))


def _check_pattern(pattern: Any, place: Place) -> Iterator[SchemaProblem]:
    if not isinstance(pattern, str):
        return  # the meta-schema says so better
    if len(pattern) > MAX_PATTERN:
        message = f"A pattern has at most {MAX_PATTERN} characters."
        yield SchemaProblem(place, "schema_pattern", message)
        return
    try:
        _compiled(pattern)
    except _pattern_error() as error:
        reason = error.args[0] if error.args else b""
        text = reason.decode(errors="replace") if isinstance(reason, bytes) else str(reason)
        message = f"The pattern is not an RE2 regular expression: {text[:100]}."
        yield SchemaProblem(place, "schema_pattern", message)


def _against_meta_schema(schema: Schema) -> Iterator[SchemaProblem]:
    for error in _meta_validator().iter_errors(schema):
        place = tuple(error.absolute_path)
        message = f"This is not JSON Schema 2020-12: {_reason(error)}."
        yield SchemaProblem(place, "schema_invalid", message)


@lru_cache(maxsize=1)
def _meta_validator() -> Validator:
    from jsonschema import Draft202012Validator

    return Draft202012Validator(Draft202012Validator.META_SCHEMA)


def check_value(schema: Schema, value: Any, pointer: str) -> tuple[ValueProblem, ...]:
    """What in `value` does not satisfy `schema`, at most ten problems, all under `pointer`.

    The messages name the rule and never repeat the value, which may be private.
    """
    validator = _validator(json.dumps(schema))
    problems: list[ValueProblem] = []
    for error in validator.iter_errors(value):
        inside = "".join(f"/{escape_pointer(str(part))}" for part in error.absolute_path)
        problems.append(ValueProblem(pointer + inside, _reason(error)))
        if len(problems) == 10:
            break
    return tuple(problems)


def escape_pointer(part: str) -> str:
    """One part of a JSON pointer (RFC 6901 §3)."""
    return part[:100].replace("~", "~0").replace("/", "~1")


@lru_cache(maxsize=256)
def _validator(text: str) -> Validator:
    from jsonschema import Draft202012Validator
    from jsonschema.validators import extend

    safe = extend(Draft202012Validator, {"pattern": _match_pattern})  # type: ignore[no-untyped-call]
    validator: Validator = safe(json.loads(text))
    return validator


def _match_pattern(
    _validator: Validator, pattern: str, instance: Any, _schema: Schema
) -> Iterator[Any]:
    from jsonschema import ValidationError

    if isinstance(instance, str) and not _compiled(pattern).search(instance):
        yield ValidationError("does not match")


@lru_cache(maxsize=256)
def _compiled(pattern: str) -> Any:
    import re2

    options = re2.Options()
    options.log_errors = False
    options.max_mem = 1 << 20
    return re2.compile(pattern, options=options)


def _pattern_error() -> type[Exception]:
    import re2

    return re2.error  # type: ignore[no-any-return]


def _reason(error: Any) -> str:
    """A sentence about the rule that failed, without the value."""
    rule, limit = str(error.validator), error.validator_value
    if rule == "type":
        kinds = limit if isinstance(limit, list) else [limit]
        return f"must be of type {' or '.join(map(str, kinds))}"
    if rule == "required":
        missing = [key for key in limit if key not in error.instance]
        return f"must have {', '.join(map(repr, missing))}"[:200]
    if rule in {"enum", "const"}:
        return f"must be one of {_short(limit)}" if rule == "enum" else f"must be {_short(limit)}"
    return f"must satisfy {rule}: {_short(limit)}"


def _short(value: Any) -> str:
    text = json.dumps(value, ensure_ascii=False)
    return text if len(text) <= 160 else f"{text[:160]}…"


def complete_values(
    variables: Mapping[str, Schema], values: Mapping[str, Any]
) -> tuple[dict[str, Any], tuple[ValueProblem, ...]]:
    """`values` with defaults filled in, and what is missing, unknown or mistyped."""
    complete = {
        name: schema["default"] for name, schema in variables.items() if "default" in schema
    }
    complete.update(values)
    problems = [
        ValueProblem(f"/{escape_pointer(name)}", "is missing and has no default")
        for name in variables
        if name not in complete
    ]
    for name, value in values.items():
        pointer = f"/{escape_pointer(name)}"
        if name in variables:
            problems += check_value(variables[name], value, pointer)
        else:
            problems.append(ValueProblem(pointer, "is not a variable of this prompt"))
    return complete, tuple(problems)
