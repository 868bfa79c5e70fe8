"""JSON into frozen dataclasses, by their type hints. Checked once, here at the edge.

Fields that a newer server adds are ignored; a missing field or another type is an error that names
the field.
"""

from __future__ import annotations

from collections.abc import Hashable, Mapping
from dataclasses import MISSING, fields, is_dataclass
from functools import cache
from types import NoneType, UnionType
from typing import Any, Literal, TypeVar, Union, cast, get_args, get_origin, get_type_hints

from assay.errors import AnswerNotUnderstoodError

T = TypeVar("T")

#: Metadata of a field: what JSON calls it, where Python keeps that word for itself.
NAMED = "named"


def read(kind: type[T], body: Any) -> T:
    """The dataclass `kind` from a JSON value. Raises AnswerNotUnderstoodError."""
    try:
        return _object(kind, body)  # type: ignore[no-any-return]
    except _Mismatch as problem:
        raise AnswerNotUnderstoodError(
            f"the server's answer is not the {kind.__name__} expected: {problem}"
        ) from None


class _Mismatch(Exception):  # noqa: N818 - never leaves this file
    """`path` grows on the way out: `progress.done is not int`."""

    def __init__(self, problem: str, path: str = "") -> None:
        self.problem = problem
        self.path = path
        super().__init__(f"{path or 'it'} {problem}")

    def inside(self, name: str) -> _Mismatch:
        return _Mismatch(self.problem, f"{name}.{self.path}" if self.path else name)


@cache
def _hints(kind: Any) -> dict[str, Any]:
    return get_type_hints(kind)


def _object(kind: type[Any], body: Any) -> Any:
    if not isinstance(body, Mapping):
        raise _Mismatch("is not an object")
    hints = _hints(cast("Hashable", kind))
    values = {}
    for spec in fields(kind):
        name = spec.metadata.get(NAMED, spec.name)
        if name in body:
            values[spec.name] = _named(name, hints[spec.name], body[name])
        elif spec.default is MISSING and spec.default_factory is MISSING:
            raise _Mismatch("is missing", name)
    return kind(**values)


def _named(name: str, hint: Any, value: Any) -> Any:
    try:
        return _value(hint, value)
    except _Mismatch as problem:
        raise problem.inside(name) from None


def _value(hint: Any, value: Any) -> Any:
    origin = get_origin(hint)
    if origin in {Union, UnionType}:
        return _one_of(get_args(hint), value)
    if origin is tuple:
        return _sequence(get_args(hint), value)
    if origin is Literal:
        return _checked(value in get_args(hint), hint, value)
    if origin is not None:
        return _mapping(get_args(hint), value)
    if is_dataclass(hint):
        return _object(hint, value)  # type: ignore[arg-type]
    return _scalar(hint, value)


def _one_of(hints: tuple[Any, ...], value: Any) -> Any:
    # The last choice (null, mostly) says nothing useful about a value of the wrong shape.
    for hint in reversed(hints[1:]):
        try:
            return _value(hint, value)
        except _Mismatch:
            continue
    return _value(hints[0], value)


def _sequence(hints: tuple[Any, ...], value: Any) -> tuple[Any, ...]:
    if not isinstance(value, list):
        raise _Mismatch("is not a list")
    if hints[-1] is Ellipsis:
        return tuple(_named(str(i), hints[0], item) for i, item in enumerate(value))
    if len(hints) != len(value):
        raise _Mismatch(f"does not have {len(hints)} items")
    return tuple(_named(str(i), *pair) for i, pair in enumerate(zip(hints, value, strict=True)))


def _mapping(hints: tuple[Any, ...], value: Any) -> dict[str, Any]:
    if not isinstance(value, dict):
        raise _Mismatch("is not an object")
    return {key: _named(key, hints[1], item) for key, item in value.items()}


def _scalar(hint: Any, value: Any) -> Any:
    if hint is Any:
        return value
    if hint is float:
        number = isinstance(value, int | float) and not isinstance(value, bool)
        return float(value) if number else _checked(False, hint, value)
    if hint is int and isinstance(value, bool):
        return _checked(False, hint, value)
    return _checked(isinstance(value, hint), hint, value)


def _checked(fits: bool, hint: Any, value: Any) -> Any:
    if fits:
        return value
    name = "null" if hint is NoneType else getattr(hint, "__name__", str(hint))
    raise _Mismatch(f"is {type(value).__name__}, not {name}")
