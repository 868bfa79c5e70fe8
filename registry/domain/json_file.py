"""JSON files of Assay's own in the prompt repository: read as carefully as anybody's.

What does not fit raises ValueError, TypeError or KeyError, with half a sentence that says why.
"""

from __future__ import annotations

import json
import math
import re
from collections.abc import Sequence
from datetime import datetime
from typing import Any

from registry.domain.names import UNSTORABLE

#: What `load` and the readers below raise.
MISTAKES = (ValueError, TypeError, KeyError, RecursionError)
# What no clock says; databases and Python do not agree on the years beyond.
_FIRST_YEAR, _LAST_YEAR = 2000, 9000
# NUL and half characters, which PostgreSQL refuses; they cannot stand there unescaped.
_ESCAPED = re.compile(r"\\u(?:0000|[dD][89a-fA-F])")


def load(data: bytes) -> Any:
    """The JSON value of a file."""
    given = data.decode("utf-8")
    if _ESCAPED.search(given):
        raise ValueError("it holds characters that no text has")
    return json.loads(given, parse_constant=_refuse, parse_float=_finite)


def dump(value: Any) -> bytes:
    """Sorted and indented: equal contents are equal bytes, and a change is a short diff."""
    written = json.dumps(value, indent=2, sort_keys=True, ensure_ascii=False, allow_nan=False)
    return f"{written}\n".encode()


def mapping(value: Any, keys: set[str]) -> dict[str, Any]:
    """A mapping with exactly these keys."""
    if not isinstance(value, dict) or set(value) != keys:
        raise ValueError(f"a mapping with {', '.join(sorted(keys))} is expected")
    return value


def listed(value: Any) -> Sequence[Any]:
    """A list of at most 100."""
    if not isinstance(value, list) or len(value) > 100:
        raise ValueError("a list of at most 100 is expected")
    return value


def text(value: Any) -> str:
    """A text that a database can hold."""
    if not isinstance(value, str) or UNSTORABLE.search(value):
        raise TypeError("a text is expected")
    return value


def number(value: Any) -> int:
    """A whole number from 1 that fits a database."""
    if isinstance(value, bool) or not isinstance(value, int) or not 1 <= value < 2**63:
        raise TypeError("a whole number from 1 is expected")
    return value


def moment(value: Any) -> datetime:
    """A time with its offset, ISO 8601."""
    read = datetime.fromisoformat(text(value))
    if read.tzinfo is None or not _FIRST_YEAR <= read.year <= _LAST_YEAR:
        raise ValueError("a time of our days with its offset is expected")
    return read


def _refuse(name: str) -> Any:
    raise ValueError(f"{name} is not a JSON value")


def _finite(text: str) -> float:
    value = float(text)
    if not math.isfinite(value):
        raise ValueError(f"{text[:20]} is too large")
    return value


def reason(error: Exception) -> str:
    """What is wrong with the file, in a few words."""
    return str(error)[:200] or type(error).__name__
