"""Small steps that make two spellings of one answer equal."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Callable, Iterator

from evals.domain.checks.numbers import number_format
from evals.domain.checks.spec import Parameter

#: A sign or a decimal point that belongs to the number after it: -5 must not become 5.
_NUMBER_START = re.compile(r"[-\u2010-\u2015]?[.,]?[0-9]")


#: Marks on one letter (Unicode's Stream-Safe Text Format, UAX 15). Normalising sorts the marks of a
#: letter, which takes seconds when a hostile text piles up a hundred thousand.
_MOST_MARKS = 30


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


def _stream_safe(text: str) -> Iterator[str]:
    """`text` in pieces, none of which has more than 30 marks in a row."""
    start = marks = 0
    for index, character in enumerate(text):
        marks = marks + 1 if unicodedata.combining(character) else 0
        if marks > _MOST_MARKS:
            yield text[start:index]
            start, marks = index, 1
    yield text[start:]


def nfkc(text: str) -> str:
    """Unicode NFKC: full-width letters, ligatures and composed accents get one spelling."""
    if text.isascii():
        return text
    return "".join(unicodedata.normalize("NFKC", piece) for piece in _stream_safe(text))


NORMALISERS: dict[str, Callable[[str], str]] = {
    "strip": str.strip,
    "casefold": str.casefold,
    "collapse-space": collapse_space,
    "nfkc": nfkc,
    "strip-punctuation": strip_punctuation,
    "number-format": number_format,
}
STEPS = Parameter(
    "normalise",
    {"type": "array", "items": {"enum": list(NORMALISERS)}, "maxItems": 10},
    "Steps applied to both sides before they are compared.",
    default=[],
)


def normalise(text: str, steps: list[str]) -> str:
    """Apply the named steps in the order given."""
    for step in steps:
        text = NORMALISERS[step](text)
    return text
