"""Variables for a prompt, as given on the command line."""

from __future__ import annotations

import json
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from assay.errors import FileUnusableError
from core.errors import InvalidError

_LONGEST_BYTES = 16 * 1_048_576


class VariableInvalidError(InvalidError):
    """This is not a variable."""

    code = "variable_invalid"
    hint = "write name=text, or name:=3 for a number, list or other JSON"


def gathered(file: Path | None, assignments: Sequence[str]) -> dict[str, Any]:
    """The variables of a JSON file (`-`: stdin) and of `name=value`, which win.

    Raises FileUnusableError, VariableInvalidError.
    """
    values = json_object(file) if file else {}
    return values | dict(_assigned(text) for text in assignments)


def json_object(file: Path) -> dict[str, Any]:
    """The JSON object in a file; `-` reads stdin. Raises FileUnusableError."""
    try:
        if str(file) == "-":
            text = sys.stdin.read(_LONGEST_BYTES)
        else:
            with file.open(encoding="utf-8") as opened:
                text = opened.read(_LONGEST_BYTES)
        values = json.loads(text)
    except OSError as error:
        raise FileUnusableError(f"{file} cannot be read: {error.strerror}") from error
    except (ValueError, RecursionError) as error:
        raise FileUnusableError(f"{file} is not JSON: {error}") from error
    if not isinstance(values, dict):
        raise FileUnusableError(f"{file} does not hold a JSON object")
    return values


def _assigned(text: str) -> tuple[str, Any]:
    name, sign, value = text.partition("=")
    if not sign or not name.rstrip(":"):
        raise VariableInvalidError(f"{text!r} is not a variable")
    if not name.endswith(":"):
        return name, value
    try:
        return name[:-1], json.loads(value)
    except (ValueError, RecursionError) as error:
        raise VariableInvalidError(f"the value of {name[:-1]!r} is not JSON: {error}") from error
