"""Small steps that make two spellings of one answer equal."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Callable

#: A sign or a decimal point that belongs to the number after it: -5 must not become 5.
_NUMBER_START = re.compile(r"[-\u2010-\u2015]?[.,]?[0-9]")


def _is_punctuation(character: str) -> bool:
    # A percent sign is part of the figure before it: 5 % is not 5.
    return character not in "%‰" and unicodedata.category(character).startswith("P")


def collapse_space(text: str) -> str:
    """Every run of white space becomes one space; none is left at the edges."""
    return " ".join(text.split())


def strip_punctuation(text: str) -> str:
    """Drop punctuation around the text, never inside it, and never a sign before a number."""
    start, end = 0, len(text)
    while start < end and _is_punctuation(text[start]) and not _NUMBER_START.match(text, start):
        start += 1
    while end > start and _is_punctuation(text[end - 1]):
        end -= 1
    return text[start:end]


def nfkc(text: str) -> str:
    """Unicode NFKC: full-width letters, ligatures and composed accents get one spelling."""
    return unicodedata.normalize("NFKC", text)


NORMALISERS: dict[str, Callable[[str], str]] = {
    "strip": str.strip,
    "casefold": str.casefold,
    "collapse-space": collapse_space,
    "nfkc": nfkc,
    "strip-punctuation": strip_punctuation,
}


def normalise(text: str, steps: list[str]) -> str:
    """Apply the named steps in the order given."""
    for step in steps:
        text = NORMALISERS[step](text)
    return text
