"""The `filter` of a list: a JSON array of conditions on versions, all of which must hold.

As the SDK's own documentation of `prompts.list` has them (langfuse 5.0.4).
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from typing import Any

from core.errors import InvalidError

#: A version as a condition sees it.
Row = Mapping[str, Any]
Condition = Callable[[Row], bool]

_MOST_CONDITIONS = 50
_LONGEST_PATTERN = 500
_COLUMNS = {
    "string": {"name": "name", "type": "type"},
    "stringOptions": {"name": "name", "type": "type"},
    "number": {"version": "version"},
    "datetime": {"createdAt": "created_at", "updatedAt": "updated_at"},
    "arrayOptions": {"labels": "labels", "tags": "tags"},
}
_ORDER: dict[str, Callable[[Any, Any], bool]] = {
    ">": lambda one, other: bool(one > other),
    "<": lambda one, other: bool(one < other),
    ">=": lambda one, other: bool(one >= other),
    "<=": lambda one, other: bool(one <= other),
}
_OPTIONS: dict[str, Callable[[set[str], set[str]], bool]] = {
    "any of": lambda found, wanted: bool(found & wanted),
    "all of": lambda found, wanted: wanted <= found,
    "none of": lambda found, wanted: not found & wanted,
}
_AROUND = {
    "contains": "%{}%",
    "does not contain": "%{}%",
    "starts with": "{}%",
    "ends with": "%{}",
}


def conditions(text: str) -> tuple[Condition, ...]:
    """Read a filter. Raises InvalidError naming what is not understood: a condition that is
    ignored would look as if it found everything.
    """
    try:
        given = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise InvalidError(f"filter is not JSON: {str(error)[:100]}") from error
    if not isinstance(given, list) or len(given) > _MOST_CONDITIONS:
        raise InvalidError(f"filter is an array of at most {_MOST_CONDITIONS} conditions")
    return tuple(_condition(one, f"filter[{index}]") for index, one in enumerate(given))


def _condition(given: Any, where: str) -> Condition:
    if not isinstance(given, dict):
        raise InvalidError(f"{where} is not an object")
    kind, operator, value = (given.get(key) for key in ("type", "operator", "value"))
    if not isinstance(kind, str) or kind not in _COLUMNS:
        raise InvalidError(f"{where}: type is one of {', '.join(_COLUMNS)}, not {_shown(kind)}")
    columns = _COLUMNS[kind]
    column = columns.get(given["column"]) if isinstance(given.get("column"), str) else None
    if column is None:
        shown = _shown(given.get("column"))
        raise InvalidError(f"{where}: {kind} goes with {', '.join(columns)}, not with {shown}")
    made = _MAKERS[kind](column, operator, value) if isinstance(operator, str) else None
    if made is None:
        raise InvalidError(
            f"{where}: {_shown(operator)} with {_shown(value)} is no condition of type {kind}"
        )
    return made


def _shown(value: Any) -> str:
    return repr(value)[:60]


def _string(column: str, operator: str, value: Any) -> Condition | None:
    if operator == "is not empty":
        return lambda row: bool(row[column])
    if not isinstance(value, str) or len(value) > _LONGEST_PATTERN:
        return None
    if operator == "=":
        return lambda row: bool(row[column] == value)
    if operator not in _AROUND:
        return None
    matches = _like(_AROUND[operator].format(value))
    return lambda row: matches(row[column]) != (operator == "does not contain")


def _like(pattern: str) -> Callable[[str], bool]:
    """SQL's ILIKE: `%` is any text, `_` one character, a backslash takes the next as it is."""
    pieces: list[str] = [""]
    for escaped, plain in re.findall(r"\\(.)|(.)", pattern, re.DOTALL):
        if plain == "%":
            pieces.append("")
        else:
            pieces[-1] += "." if plain == "_" else re.escape(escaped or plain)
    parts = [re.compile(piece, re.DOTALL | re.IGNORECASE) for piece in pieces]

    def matches(text: str) -> bool:
        return _in_order(parts, text)

    return matches


def _in_order(parts: list[re.Pattern[str]], text: str) -> bool:
    """Whether `text` is the parts with anything between them. Linear for each part: a pattern of
    many `%` as one regular expression would try all ways to share the text out.
    """
    first, *middle = parts
    if not middle:
        return first.fullmatch(text) is not None
    found = first.match(text)
    for part in middle[:-1]:
        found = part.search(text, found.end()) if found else None
    starts = range(found.end(), len(text) + 1) if found else range(0)
    return any(middle[-1].fullmatch(text, at) for at in starts)


def _string_options(column: str, operator: str, value: Any) -> Condition | None:
    wanted = _strings(value)
    if wanted is None or operator not in {"any of", "none of"}:
        return None
    return lambda row: (row[column] in wanted) == (operator == "any of")


def _array_options(column: str, operator: str, value: Any) -> Condition | None:
    wanted, holds = _strings(value), _OPTIONS.get(operator)
    if wanted is None or holds is None:
        return None
    return lambda row: holds(set(row[column]), wanted)


def _strings(value: Any) -> set[str] | None:
    is_list = isinstance(value, list) and value and all(isinstance(one, str) for one in value)
    return set(value) if is_list else None


def _number(column: str, operator: str, value: Any) -> Condition | None:
    is_number = isinstance(value, int | float) and not isinstance(value, bool)
    holds = _comparison(operator) if is_number else None
    return (lambda row: holds(row[column], value)) if holds else None


def _comparison(operator: str) -> Callable[[Any, Any], bool] | None:
    if operator == "=":
        return lambda one, other: bool(one == other)
    return _ORDER.get(operator)


def _datetime(column: str, operator: str, value: Any) -> Condition | None:
    holds = _ORDER.get(operator)
    if holds is None or not isinstance(value, str):
        return None
    when = moment(value)
    return lambda row: holds(row[column], when)


def moment(text: str) -> datetime:
    """An ISO 8601 time; without a zone it is UTC. Raises InvalidError."""
    try:
        found = datetime.fromisoformat(text)
    except ValueError as error:
        raise InvalidError(f"{text[:60]!r} is not a time in ISO 8601") from error
    return found if found.tzinfo else found.replace(tzinfo=UTC)


_MAKERS: dict[str, Callable[[str, Any, Any], Condition | None]] = {
    "string": _string,
    "stringOptions": _string_options,
    "number": _number,
    "datetime": _datetime,
    "arrayOptions": _array_options,
}
