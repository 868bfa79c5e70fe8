"""Typed reading of one mapping in a document: what does not fit becomes a finding."""

from __future__ import annotations

import difflib
from collections.abc import Callable, Iterable
from typing import Any

from registry.domain.positions import Path
from registry.domain.source import Source

MAX_TEXT = 2000


class Fields:
    """One mapping. Every reader answers its default when the key is absent or its value bad."""

    def __init__(self, source: Source, at: Path, value: Any, known: Iterable[str] | None) -> None:
        """`known` are the keys that may appear; None allows any."""
        self.source = source
        self.at = at
        self.values: dict[str, Any] = {}
        if value is None:
            return
        if not isinstance(value, dict):
            source.report(at, "wrong_type", f"Expected a mapping, not {_kind(value)}.")
            return
        self.values = value
        if known is not None:
            self._refuse_unknown(tuple(known))

    def __contains__(self, key: str) -> bool:
        """Whether the key is there, whatever its value."""
        return key in self.values

    def wrong(self, key: str, code: str, message: str, *, hint: str = "") -> None:
        """Report the value of `key`."""
        self.source.report((*self.at, key), code, message, hint=hint)

    def text(self, key: str, default: str = "", *, is_required: bool = False) -> str:
        """A string of at most 2,000 characters."""
        value = self._read(key, str, "a string", is_required=is_required)
        if value is None:
            return default
        if is_required and not value:
            self.wrong(key, "bad_value", f"`{key}` must not be empty.")
        if len(value) > MAX_TEXT or "\0" in value:
            self.wrong(key, "bad_value", f"`{key}` has more than {MAX_TEXT} characters, or a NUL.")
            return default
        return str(value)

    def name(self, key: str, is_valid: Callable[[str], bool]) -> str | None:
        """A string that `is_valid` accepts as a name; None when absent."""
        value = self._read(key, str, "a string")
        if value is None:
            return None
        if is_valid(value):
            return str(value)
        self.wrong(key, "bad_name", f"{value[:60]!r} is not a valid name.")
        return None

    def names(self, key: str, is_valid: Callable[[str], bool]) -> tuple[str, ...]:
        """A list of names; a bad one is reported and left out."""
        good = []
        for index, value in enumerate(self.items(key)):
            if isinstance(value, str) and is_valid(value):
                good.append(value)
            else:
                where = (*self.at, key, index)
                self.source.report(where, "bad_name", f"{str(value)[:60]!r} is not a valid name.")
        return tuple(good)

    def items(self, key: str) -> list[Any]:
        """A list of anything; empty when absent."""
        value = self._read(key, list, "a list")
        return value or []

    def integer(self, key: str, default: int, low: int, high: int) -> int:
        """A whole number from `low` to `high`."""
        value = self._read(key, int, "a whole number")
        if value is None:
            return default
        if not low <= value <= high:
            self.wrong(key, "bad_value", f"`{key}` must be from {low:,} to {high:,}.")
            return default
        return int(value)

    def number(self, key: str, default: float, low: float, high: float) -> float:
        """A number from `low` to `high`, whole or not."""
        value = self._read(key, (int, float), "a number")
        if value is None:
            return default
        if not low <= value <= high:
            self.wrong(key, "bad_value", f"`{key}` must be from {low:g} to {high:g}.")
            return default
        return float(value)

    def boolean(self, key: str, default: bool) -> bool:
        """true or false."""
        value = self._read(key, bool, "true or false")
        return default if value is None else value

    def mapping(self, key: str, known: Iterable[str] | None) -> Fields:
        """The mapping under `key`; an empty one when absent."""
        if key in self.values and self.values[key] is None:
            self.wrong(key, "wrong_type", f"`{key}` must be a mapping, not nothing.")
        return Fields(self.source, (*self.at, key), self.values.get(key), known)

    def _read(self, key: str, kind: Any, word: str, *, is_required: bool = False) -> Any:
        if key not in self.values:
            if is_required:
                self.source.report(self.at, "missing_key", f"`{key}` is missing.")
            return None
        value = self.values[key]
        if isinstance(value, kind) and (not isinstance(value, bool) or kind is bool):
            return value
        self.wrong(key, "wrong_type", f"`{key}` must be {word}, not {_kind(value)}.")
        return None

    def _refuse_unknown(self, known: tuple[str, ...]) -> None:
        for key in self.values:
            if key not in known:
                near = difflib.get_close_matches(key[:60], known, n=1)
                hint = f"did you mean `{near[0]}`?" if near else f"known: {', '.join(known)}"
                message = f"The key `{key[:60]}` is not known here."
                self.source.report_key((*self.at, key), "unknown_key", message, hint=hint)


def _kind(value: Any) -> str:
    """What a reader of YAML calls the value."""
    names = {dict: "a mapping", list: "a list", str: "a string", bool: "true or false"}
    if value is None:
        return "nothing"
    return names.get(type(value), f"the number {value}")
