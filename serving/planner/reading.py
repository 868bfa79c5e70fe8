"""Typed reads from a config.json somebody else wrote: every error says where and what was expected.

JSON numbers may be huge, negative, NaN or booleans; a value that passes here is safe to compute
with.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NoReturn

from serving.planner.errors import ModelConfigInvalidError

#: No published model comes near these; beyond them products stop meaning bytes of a GPU.
LARGEST_COUNT = 10**8
MOST_LAYERS = 1_000
MOST_ENTRIES = 10_000


@dataclass(frozen=True)
class Section:
    """One JSON object of a config.json and the path that leads to it."""

    values: Mapping[str, Any]
    path: str = ""

    def where(self, key: str) -> str:
        """The key's place, for messages: `text_config.hidden_size`."""
        return f"{self.path}.{key}" if self.path else key

    def has(self, key: str) -> bool:
        """Whether the key is there with a value; JSON null counts as absent."""
        return self.values.get(key) is not None

    def count(self, *keys: str, most: int = LARGEST_COUNT) -> int:
        """A required whole number from 1 to `most`, under the first of `keys` that is there."""
        value = self.optional_count(*keys, most=most)
        if value is None:
            raise ModelConfigInvalidError(
                f"config.json has no {' or '.join(self.where(key) for key in keys)}"
            )
        return value

    def optional_count(self, *keys: str, most: int = LARGEST_COUNT, least: int = 1) -> int | None:
        """A whole number from `least` to `most`, None when absent."""
        for key in keys:
            if self.has(key):
                return self._whole(key, least, most)
        return None

    def _whole(self, key: str, least: int, most: int) -> int:
        value = self.values[key]
        if isinstance(value, float) and value.is_integer():
            value = int(value)
        if isinstance(value, bool) or not isinstance(value, int) or not least <= value <= most:
            self.refuse(key, f"a whole number from {least} to {most}")
        return int(value)

    def number(self, key: str, default: float, *, most: float = 1e6) -> float:
        """A number above 0 and at most `most`."""
        value = self.values.get(key)
        if value is None:
            return default
        if isinstance(value, bool) or not isinstance(value, int | float) or not 0 < value <= most:
            self.refuse(key, f"a number above 0 and at most {most:g}")
        return float(value)

    def flag(self, key: str, *, default: bool) -> bool:
        """A JSON boolean."""
        value = self.values.get(key)
        if value is None:
            return default
        if not isinstance(value, bool):
            self.refuse(key, "true or false")
        return bool(value)

    def text(self, key: str, default: str = "") -> str:
        """A string of at most 200 characters."""
        value = self.values.get(key)
        if value is None:
            return default
        if not isinstance(value, str) or len(value) > 200:
            self.refuse(key, "a short string")
        return value

    def section(self, key: str) -> Section | None:
        """The object under the key, None when absent."""
        value = self.values.get(key)
        if value is None:
            return None
        if not isinstance(value, Mapping):
            self.refuse(key, "an object")
        return Section(value, self.where(key))

    def texts(self, key: str) -> tuple[str, ...] | None:
        """A list of strings, None when absent."""
        entries = self._entries(key)
        if entries is None:
            return None
        if not all(isinstance(entry, str) for entry in entries):
            self.refuse(key, "a list of strings")
        return tuple(entries)

    def counts(self, key: str) -> tuple[int, ...] | None:
        """A list of whole numbers from 0, None when absent."""
        entries = self._entries(key)
        if entries is None:
            return None
        for entry in entries:
            if isinstance(entry, bool) or not isinstance(entry, int) or entry < 0:
                self.refuse(key, "a list of whole numbers")
        return tuple(entries)

    def _entries(self, key: str) -> Sequence[Any] | None:
        value = self.values.get(key)
        if value is None:
            return None
        if not isinstance(value, list | tuple) or len(value) > MOST_ENTRIES:
            self.refuse(key, f"a list of at most {MOST_ENTRIES} entries")
        return value

    def refuse(self, key: str, expected: str) -> NoReturn:
        """Raise ModelConfigInvalidError for the value under the key."""
        shown = repr(self.values.get(key))
        shown = shown if len(shown) <= 60 else shown[:57] + "..."
        raise ModelConfigInvalidError(
            f"{self.where(key)} in config.json is {shown}, expected {expected}",
            field=self.where(key),
        )
