"""One place in a JSON value, named by a JSON Pointer (RFC 6901) or a simple path.

`/items/0/sku` and `items[0].sku` and `$.items[0].sku` are the same place.
"""

from __future__ import annotations

import re
from typing import Any

from core.errors import InvalidError

MAX_PATH_CHARS = 500
_STEP = re.compile(r"\.(?P<key>[^.\[\]]+)|\[(?P<index>0|[1-9][0-9]{0,8})\]")
_INDEX = re.compile(r"0|[1-9][0-9]{0,8}")
_BAD_ESCAPE = re.compile(r"~(?![01])")

Steps = tuple[str | int, ...]


class PathError(InvalidError):
    """The path cannot be read."""

    code = "json_path_invalid"


def parse_path(path: str) -> Steps:
    """The steps from the top. PathError when it is neither a pointer nor a simple path."""
    if len(path) > MAX_PATH_CHARS:
        raise PathError(f"the path is longer than {MAX_PATH_CHARS} characters")
    if path.startswith("/"):
        return _pointer(path)
    return _simple("." + path if path and path[0] not in "$.[" else path.removeprefix("$"))


def _pointer(path: str) -> Steps:
    if _BAD_ESCAPE.search(path):
        raise PathError("in a JSON Pointer ~ is written ~0, and / in a key ~1")
    return tuple(key.replace("~1", "/").replace("~0", "~") for key in path[1:].split("/"))


def _simple(path: str) -> Steps:
    steps: list[str | int] = []
    done = 0
    while done < len(path):
        step = _STEP.match(path, done)
        if step is None:
            hint = "write it as items[0].sku or as /items/0/sku"
            raise PathError(f"the path cannot be read from {path[done:][:40]!r} on", hint=hint)
        steps.append(step["key"] if step["index"] is None else int(step["index"]))
        done = step.end()
    return tuple(steps)


def _step(value: Any, step: str | int) -> Any:
    if isinstance(value, dict) and isinstance(step, str):
        return value[step]
    if isinstance(value, list) and _INDEX.fullmatch(str(step)):
        return value[int(step)]
    raise KeyError(step)


def value_at(value: Any, steps: Steps) -> Any:
    """What stands there. LookupError when nothing does."""
    for step in steps:
        value = _step(value, step)
    return value
