"""Two texts side by side, with the words that differ within lines that were changed."""

from __future__ import annotations

import difflib
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import zip_longest
from typing import Literal

#: Unchanged lines shown around a change.
_AROUND = 3
_MOST_LINES = 4_000
_WORDS = re.compile(r"\s+|\w+|[^\w\s]")


@dataclass(frozen=True, slots=True)
class Word:
    """A piece of a line; `differs` from the other side."""

    text: str
    differs: bool = False


@dataclass(frozen=True, slots=True)
class Side:
    """A line of one text, counted from 1."""

    number: int
    words: tuple[Word, ...]


@dataclass(frozen=True, slots=True)
class Line:
    """A row of the comparison; a side is None where the other text has a line more. `gap`: lines
    that are the same in both were left out here.
    """

    kind: Literal["same", "changed", "gap"]
    old: Side | None = None
    new: Side | None = None


def side_by_side(old: str, new: str) -> list[Line]:
    """The rows that differ and some around them; empty for equal texts."""
    before, after = old.splitlines()[:_MOST_LINES], new.splitlines()[:_MOST_LINES]
    matcher = difflib.SequenceMatcher(None, before, after, autojunk=False)
    rows: list[Line] = []
    end = 0
    for group in matcher.get_grouped_opcodes(_AROUND):
        if group[0][1] > end or (rows and group[0][1] == end):
            rows.append(Line("gap"))
        for kind, i1, i2, j1, j2 in group:
            rows += _rows(kind, before[i1:i2], after[j1:j2], i1 + 1, j1 + 1)
        end = group[-1][2]
    return rows


def _rows(
    kind: str, old: Sequence[str], new: Sequence[str], old_from: int, new_from: int
) -> Iterator[Line]:
    if kind == "equal":
        for offset, text in enumerate(old):
            words = (Word(text),)
            yield Line("same", Side(old_from + offset, words), Side(new_from + offset, words))
        return
    for offset, (before, after) in enumerate(zip_longest(old, new)):
        left, right = _marked(before, after)
        yield Line(
            "changed",
            None if before is None else Side(old_from + offset, left),
            None if after is None else Side(new_from + offset, right),
        )


def _marked(old: str | None, new: str | None) -> tuple[tuple[Word, ...], tuple[Word, ...]]:
    """Both lines in words. A line without a partner differs as a whole."""
    if old is None or new is None:
        return (Word(old or "", differs=True),), (Word(new or "", differs=True),)
    before, after = _WORDS.findall(old), _WORDS.findall(new)
    matcher = difflib.SequenceMatcher(None, before, after, autojunk=False)
    left: list[Word] = []
    right: list[Word] = []
    for kind, i1, i2, j1, j2 in matcher.get_opcodes():
        differs = kind != "equal"
        left += [Word("".join(before[i1:i2]), differs)] if i2 > i1 else []
        right += [Word("".join(after[j1:j2]), differs)] if j2 > j1 else []
    return tuple(left), tuple(right)
