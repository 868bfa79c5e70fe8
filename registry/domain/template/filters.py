"""The filters and tests templates may use. Everything that is not named here does not exist."""

from __future__ import annotations

import functools
import json
import textwrap
from collections.abc import Callable, Iterator, Mapping
from typing import Any

from jinja2 import filters as jinja
from jinja2 import tests as jinja_tests

from registry.domain.template.errors import RenderRefusedError
from registry.domain.template.meter import MAX_VALUE_DEPTH, checked, planned, size, spend

#: Greatest whole number a filter takes: widths, counts, precisions.
MAX_ARGUMENT = 10_000
MAX_LITERAL = 1_000

#: Filters whose result is never much larger than their input.
_PLAIN = (
    "abs capitalize count d default dictsort first float int items last length list lower map "
    "max min reject rejectattr reverse round select selectattr sort string title trim truncate "
    "unique upper wordcount"
).split()
TESTS = (
    "boolean defined divisibleby eq == equalto even false float ge >= greaterthan gt > in integer "
    "iterable le <= lessthan lower lt < mapping ne != none number odd sequence string true "
    "undefined upper"
).split()
#: Filters that take the name of another filter or test, and at which argument.
NAMED_ARGUMENT = {
    "map": ("filter", 0),
    "select": ("test", 0),
    "reject": ("test", 0),
    "selectattr": ("test", 1),
    "rejectattr": ("test", 1),
}


def _check_arguments(arguments: tuple[Any, ...], named: Mapping[str, Any]) -> None:
    for value in (*arguments, *named.values()):
        if isinstance(value, int) and abs(value) > MAX_ARGUMENT:
            raise RenderRefusedError(f"Filters take numbers up to {MAX_ARGUMENT:,}.")
        spend(size(value))


def _as_data(value: Any) -> Any:
    """Jinja's lazy results as lists, so that they can be measured and read twice."""
    if isinstance(value, Iterator):
        return [_as_data(item) for item in value]
    if isinstance(value, (type({}.keys()), type({}.values()), type({}.items()))):
        return list(value)
    return value


def _guard(function: Callable[..., Any]) -> Callable[..., Any]:
    """Measure what goes in and what comes out."""
    leading = 1 if hasattr(function, "jinja_pass_arg") else 0  # context or environment

    @functools.wraps(function)  # also carries Jinja's mark of what to pass first
    def guarded(*arguments: Any, **named: Any) -> Any:
        spend(size(arguments[leading]))
        _check_arguments(arguments[leading + 1 :], named)
        return checked(_as_data(function(*arguments, **named)))

    return guarded


def _center(value: str, width: int = 80) -> str:
    planned(width)
    return str(value).center(width)


def _replace(value: Any, old: Any, new: Any, count: int | None = None) -> str:
    if not (isinstance(value, str) and isinstance(old, str) and isinstance(new, str) and old):
        raise RenderRefusedError("`replace` takes text, a text to find, and its replacement.")
    planned(len(value) + value.count(old) * len(new))
    return value.replace(old, new, -1 if count is None else count)


def _join(value: Any, d: str = "", attribute: Any = None) -> str:
    if attribute is not None:
        raise RenderRefusedError("Use map(attribute=…) before `join`.")
    parts = [_text(part) for part in value]
    planned(sum(map(len, parts)) + len(parts) * len(d))
    return str(d).join(parts)


def _text(value: Any) -> str:
    """What printing the value writes."""
    size(value)
    return str(value)


def _indent(value: str, width: int = 4, first: bool = False, blank: bool = False) -> str:
    text = str(value)
    planned(len(text) + (text.count("\n") + 1) * width)
    pad = " " * width
    head, newline, rest = text.partition("\n")
    rest = textwrap.indent(rest, pad, (lambda _line: True) if blank else None)
    return (pad if first else "") + head + newline + rest


def _wordwrap(value: str, width: int = 79) -> str:
    text = str(value)
    planned(2 * len(text))
    if width < 1:
        raise RenderRefusedError("`wordwrap` needs a width of at least 1.")
    # The stock filter joins with a given text per line; a newline is all a prompt needs.
    lines = (
        textwrap.wrap(line, width, expand_tabs=False, replace_whitespace=False) or [""]
        for line in text.splitlines()
    )
    return "\n".join(part for group in lines for part in group)


def _batch(value: Any, linecount: int, fill_with: Any = None) -> list[Any]:
    planned(len(value) + linecount * size(fill_with))
    return list(jinja.do_batch(value, linecount, fill_with))


def _slice(value: Any, slices: int, fill_with: Any = None) -> list[Any]:
    planned(len(value) + slices * (1 + size(fill_with)))
    return list(jinja.sync_do_slice(list(value), slices, fill_with))


def _sum(value: Any) -> Any:
    numbers = list(value)
    if not all(isinstance(number, (int, float)) for number in numbers):
        raise RenderRefusedError("`sum` adds numbers.")
    return sum(numbers)


def _tojson(value: Any, indent: int | None = None) -> str:
    """Plain JSON; the stock filter escapes it for HTML."""
    if indent is not None and not 0 <= indent <= 8:
        raise RenderRefusedError("`tojson` indents by 0 to 8.")
    planned(size(value) * (2 + (indent or 0) * MAX_VALUE_DEPTH) if indent else 6 * size(value))
    return json.dumps(value, ensure_ascii=False, indent=indent)


def _own() -> dict[str, Callable[..., Any]]:
    return {
        "batch": _batch,
        "center": _center,
        "indent": _indent,
        "join": _join,
        "replace": _replace,
        "slice": _slice,
        "sum": _sum,
        "tojson": _tojson,
        "wordwrap": _wordwrap,
    }


def public_filters() -> dict[str, Callable[..., Any]]:
    """Filter name -> guarded function: what template authors may call."""
    functions: dict[str, Any] = {name: jinja.FILTERS[name] for name in _PLAIN}
    functions |= _own()
    return {name: _guard(function) for name, function in functions.items()}


def public_tests() -> dict[str, Callable[..., Any]]:
    """Test name -> function."""
    known: dict[str, Any] = jinja_tests.TESTS
    return {name: known[name] for name in TESTS}
