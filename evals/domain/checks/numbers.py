"""Numbers as people and models write them, found in a text and read exactly.

1,234.50 and 1 234,50 and 1'234.5 are the same number in three countries. `1,234` alone is not
decided by its spelling: 1234 or 1.234. Nothing here guesses; the caller says which mark is the
decimal one, or gets no reading.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterator
from dataclasses import dataclass
from fractions import Fraction
from typing import Literal

DecimalMark = Literal[".", ","]

#: Digits of one number, and its largest power of ten: more is not a number anybody means.
MAX_DIGITS = 400
_GAPS = " \N{NO-BREAK SPACE}\N{THIN SPACE}\N{NARROW NO-BREAK SPACE}"
_APOSTROPHES = "'\N{RIGHT SINGLE QUOTATION MARK}_"  # and the underscore of programmers
_MINUS = "\N{MINUS SIGN}-"  # in this order: a hyphen in the middle of a character class is a range
_DIGITS = frozenset("0123456789")

# The time is linear in the text, whatever it is: repetitions are possessive, or bounded, or nothing
# behind them can fail. Only of single characters: until Python 3.11.4 a possessive group that fails
# half-way keeps what it took (gh-106052).
_SPACED = (
    rf"[1-9][0-9]{{0,2}}+(?P<gap>[{_GAPS}])[0-9]{{3}}(?:(?P=gap)[0-9]{{3}}){{0,6}}"
    rf"(?:[.,][0-9]++)?(?![0-9]|[.,{_APOSTROPHES}{_GAPS}][0-9])"
)
_PLAIN = rf"(?:(?<![\w.,])\.)?[0-9]++(?:[.,{_APOSTROPHES}][0-9]++)*"
_NUMBER = re.compile(
    rf"(?<!\w)(?<![0-9][.,{_APOSTROPHES}])"
    rf"(?:(?P<sign>(?<![\])])[+{_MINUS}])(?P<money>[$€£¥]?))?"
    rf"(?P<digits>{_SPACED}|{_PLAIN})"
    rf"(?:[eE](?P<power>[+{_MINUS}]?[0-9]++)(?![.,{_APOSTROPHES}]?\w))?"
)
_GROUPED = re.compile(rf"[1-9][0-9]{{0,2}}(?P<mark>[.,{_GAPS}{_APOSTROPHES}])[0-9]{{3}}"
                      r"(?:(?P=mark)[0-9]{3})*")  # fmt: skip
_UNDECIDED = re.compile(r"[1-9][0-9]{0,2},[0-9]{3}")


@dataclass(frozen=True, slots=True)
class Written:
    """A number as it stands in a text, from `start` to `end`; `digits` may hold separators."""

    start: int
    end: int
    sign: str
    money: str
    digits: str
    power: str

    @property
    def is_negative(self) -> bool:
        """Whether a minus stands before it, or before its currency sign."""
        return self.sign in _MINUS and self.sign != ""


def find_numbers(text: str) -> Iterator[Written]:
    """Everything in `text` that starts like a number, in order.

    A hyphen after a word is no sign (3-5 is 3 and 5), and digits inside a word are no number (v2).
    """
    for found in _NUMBER.finditer(text):
        parts = found.groupdict(default="")
        yield Written(
            found.start(),
            found.end(),
            parts["sign"],
            parts["money"],
            parts["digits"],
            parts["power"],
        )


def _decimal_mark(digits: str) -> DecimalMark | None:
    """The decimal mark a spelling shows; None when it could be either."""
    points, commas = digits.count("."), digits.count(",")
    if points and commas:
        return "." if digits.rfind(".") > digits.rfind(",") else ","
    if points > 1 or (commas == 1 and not _UNDECIDED.fullmatch(digits)):
        return ","
    return None if commas == 1 else "."


def _split(digits: str, decimal: DecimalMark | None) -> tuple[str, str] | None:
    """The digits before and after the decimal mark; None when they cannot be read."""
    mark = decimal or _decimal_mark(digits)
    if mark is None or len(digits) > MAX_DIGITS:
        return None
    whole, _, fraction = digits.partition(mark)
    if not _DIGITS.issuperset(fraction):
        return None
    if not _DIGITS.issuperset(whole):
        if not _GROUPED.fullmatch(whole):
            return None
        whole = "".join(filter(_DIGITS.__contains__, whole))
    return whole, fraction


def _power(written: Written) -> int | None:
    if not written.power:
        return 0
    digits = written.power.lstrip("+" + _MINUS)
    if len(digits) > len(str(MAX_DIGITS)) or int(digits) > MAX_DIGITS:
        return None
    return -int(digits) if written.power[0] in _MINUS else int(digits)


def plain_spelling(written: Written) -> str | None:
    """The number without separators, power and needless zeros: 1234.5. None when it is undecided.

    1,234 is undecided. 1.234 has a decimal point, as in JSON. 007 is a code and not a number.
    """
    parts, power = _split(written.digits, None), _power(written)
    if parts is None or power is None or (len(parts[0]) > 1 and parts[0][0] == "0"):
        return None
    digits, point = "".join(parts), len(parts[0]) + power
    digits, point = digits.rjust(len(digits) - min(point, 0), "0"), max(point, 0)
    digits = digits.ljust(point, "0")
    whole, fraction = digits[:point].lstrip("0") or "0", digits[point:].rstrip("0")
    return f"{whole}.{fraction}" if fraction else whole


def number_format(text: str) -> str:
    """`text` with its numbers in their plain spelling; what is undecided stays as it is."""
    pieces, done = [], 0
    for written in find_numbers(text):
        plain = plain_spelling(written)
        if plain is not None:
            sign = "-" if written.is_negative else written.sign
            pieces += [text[done : written.start], sign, written.money, plain]
            done = written.end
    return "".join((*pieces, text[done:]))


def value_of(written: Written, decimal: DecimalMark) -> Fraction | None:
    """The exact value; None when the separators do not fit that decimal mark, or it is too long."""
    parts, power = _split(written.digits, decimal), _power(written)
    if parts is None or power is None:
        return None
    whole, fraction = parts
    value = Fraction(int(whole + fraction)) * Fraction(10) ** (power - len(fraction))
    return -value if written.is_negative else value


def western_digits(text: str) -> str:
    """`text` with the decimal digits of every script as 0 to 9; ² and ½ are no such digits."""
    if text.isascii():
        return text
    return "".join(str(unicodedata.decimal(c)) if c.isdecimal() else c for c in text)
