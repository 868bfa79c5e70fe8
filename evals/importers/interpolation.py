"""Fills `{{ name }}` into texts of assertions. Looks values up and runs nothing."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from typing import Any

from evals.importers import javascript

_TAG = re.compile(r"\{\{-?\s*(.*?)\s*-?\}\}", re.DOTALL)
_PATH = re.compile(r"[A-Za-z_$][\w$]*(?:\.[A-Za-z_$][\w$]*|\[\s*(?:\d+|'[^']*'|\"[^\"]*\")\s*\])*")
_PART = re.compile(r"[A-Za-z_$][\w$]*|\[\s*(?:(\d+)|'([^']*)'|\"([^\"]*)\")\s*\]")
#: Filters that change a text; the others say how it is printed.
_CHANGES: Mapping[str, Callable[[str], str]] = {
    "trim": str.strip,
    "upper": str.upper,
    "lower": str.lower,
}
_FILTERS = (*_CHANGES, "safe", "dump")
MAX_FILLED = 200_000


class UnfilledError(Exception):
    """Why a template cannot be filled in; a clause for the report."""


def has_template(text: str) -> bool:
    """Whether a text holds anything a template engine would act on."""
    return "{{" in text or "{%" in text or "{#" in text


def fill(text: str, values: Mapping[str, Any]) -> str:
    """`text` with every `{{ … }}` replaced as Nunjucks would. Raises UnfilledError."""
    if not has_template(text):
        return text
    if "{%" in text or "{#" in text:
        raise UnfilledError("its text holds template statements, not only `{{ names }}`")
    filled = _TAG.sub(lambda found: _printed(found[1], values), text)
    if len(filled) > MAX_FILLED:
        raise UnfilledError("its text grows too large with the variables put in")
    return filled


def fill_all(value: Any, values: Mapping[str, Any]) -> Any:
    """`fill` for every text in a list or mapping. Raises UnfilledError."""
    if isinstance(value, str):
        return fill(value, values)
    if isinstance(value, list):
        return [fill_all(item, values) for item in value]
    if isinstance(value, dict):
        return {key: fill_all(item, values) for key, item in value.items()}
    return value


def look_up(path: str, values: Mapping[str, Any]) -> Any:
    """The value at `a.b[0]`. Raises UnfilledError when there is none."""
    found: Any = values
    for part in _PART.finditer(path):
        key: Any = int(part[1]) if part[1] else part[2] or part[3] or part[0]
        try:
            found = found[key]
        except (KeyError, IndexError, TypeError):
            raise UnfilledError(f"it uses `{path[:60]}`, which the test does not set") from None
    return found


def _printed(expression: str, values: Mapping[str, Any]) -> str:
    path, *filters = (part.strip() for part in expression.split("|"))
    if path.startswith(("env.", "env[", "process.")):
        raise UnfilledError(f"it reads the environment (`{path[:60]}`)")
    unknown = [name for name in filters if name not in _FILTERS]
    if not _PATH.fullmatch(path) or unknown:
        raise UnfilledError(f"it computes `{expression[:60]}`")
    value = look_up(path, values)
    if "dump" in filters:
        value = javascript.json_of(value)
    try:
        text = "" if value is None else javascript.text_of(value)
    except javascript.NoTextError:
        raise UnfilledError(f"`{path[:60]}` is an object, which has no text") from None
    for name in filters:
        text = _CHANGES.get(name, str)(text)
    return text
