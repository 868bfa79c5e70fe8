"""Texts of models and repositories, made harmless for any page, terminal or file."""

from __future__ import annotations

import re

#: Control characters (but tab and line feed), the ones that reorder text on screen, and what is no
#: character at all: halves of surrogates cannot be printed, and XML allows none of them.
_UNSAFE = re.compile(
    "[\x00-\x08\x0b-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069\ud800-\udfff\ufffe\uffff]"
)


def safe(text: object) -> str:
    """The text without characters that could drive a terminal."""
    return _UNSAFE.sub("\N{REPLACEMENT CHARACTER}", str(text))


def one_line(text: object) -> str:
    """The text on one line, safe to show."""
    return safe(" ".join(str(text).split()))


def clean(text: object) -> str:
    """The text with line feeds only, and without characters that control, reorder, or are none."""
    return safe(str(text).replace("\r\n", "\n").replace("\r", "\n"))


def cut(text: str, most: int) -> str:
    """At most `most` characters, and a word that there were more."""
    return text if len(text) <= most else f"{text[:most]}… (cut)"


def cut_line(text: object, most: int) -> str:
    """The start of a text on one line."""
    line = one_line(text)
    return line if len(line) <= most else f"{line[: most - 1]}…"
