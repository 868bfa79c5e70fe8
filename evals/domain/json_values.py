"""JSON read strictly: what two programs could understand differently is refused."""

from __future__ import annotations

import json
import math
from collections import Counter
from typing import Any

from core.errors import InvalidError
from registry.domain.names import UNSTORABLE

#: Deeper values are not data anybody wrote by hand.
MAX_DEPTH = 50


class JsonError(InvalidError):
    """The text is not JSON."""

    code = "json_invalid"


def _refuse_constant(name: str) -> Any:
    raise JsonError(f"{name} is not JSON")


def _finite(digits: str) -> float:
    number = float(digits)
    if not math.isfinite(number):
        raise JsonError(f"the number {digits[:40]} is too large")
    return number


def _unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    mapping = dict(pairs)
    if len(mapping) < len(pairs):
        twice = Counter(key for key, _ in pairs).most_common(1)[0][0]
        raise JsonError(f"the key {json.dumps(twice)[:80]} is given twice")
    return mapping


_DECODER = json.JSONDecoder(
    parse_constant=_refuse_constant, parse_float=_finite, object_pairs_hook=_unique
)


def read_json(text: str) -> Any:
    """The value. JsonError also for NaN, infinite numbers, repeated keys and deep nesting."""
    try:
        value = _DECODER.decode(text)
    except json.JSONDecodeError as error:
        raise JsonError(f"{error.msg} (line {error.lineno}, column {error.colno})") from None
    except RecursionError:
        raise JsonError(f"nested deeper than {MAX_DEPTH}") from None
    except ValueError:
        # Python refuses whole numbers of more than 4,300 digits.
        raise JsonError("a number has too many digits") from None
    if depth(value) > MAX_DEPTH:
        raise JsonError(f"nested deeper than {MAX_DEPTH}")
    return value


def _children(value: Any) -> list[Any]:
    if isinstance(value, dict):
        return list(value.values())
    return value if isinstance(value, list) else []


def depth(value: Any) -> int:
    """Levels of nesting; a plain value is 0. Stops counting one past MAX_DEPTH."""
    level, layer = 0, [value]
    while layer and level <= MAX_DEPTH:
        layer = [child for parent in layer for child in _children(parent)]
        level += bool(layer)
    return level


def unstorable_text(value: Any) -> str | None:
    """Why a text inside `value` cannot be stored in PostgreSQL and hashed as UTF-8, or None."""
    stack = [value]
    while stack:
        item = stack.pop()
        if isinstance(item, str):
            if UNSTORABLE.search(item):
                return "a text contains NUL or half of a surrogate pair"
        elif isinstance(item, dict):
            stack.extend(item)
        stack.extend(_children(item))
    return None


def same_json(left: Any, right: Any) -> bool:
    """Equal as JSON: 1 equals 1.0, but true is not 1; order matters in arrays only."""
    if isinstance(left, bool) or isinstance(right, bool):
        return left is right
    if isinstance(left, dict) and isinstance(right, dict):
        return left.keys() == right.keys() and all(same_json(left[k], right[k]) for k in left)
    if isinstance(left, list) and isinstance(right, list):
        return len(left) == len(right) and all(map(same_json, left, right))
    if isinstance(left, int | float) and isinstance(right, int | float):
        return left == right
    return type(left) is type(right) and bool(left == right)
