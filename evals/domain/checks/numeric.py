"""A number in the answer equals a number, exactly or nearly.

The number is `value`, or the case's `expected`: a number, or a text that is one. The difference may
be as large as the larger of `abs_tolerance` and `rel_tolerance` times the wanted number; both are 0
unless given, and the arithmetic is exact (0.1 is one tenth). `extract` says which number of the
answer counts: `only` (there must be exactly one), `first` or `last`. `decimal` is the decimal mark,
`.` unless given; the other mark, spaces and apostrophes may group thousands, and a number whose
separators do not fit (1.2.3) counts and equals nothing. A hyphen after a word or a number is no
sign (3-5 is 3 and 5), digits inside a word are no number (v2), units and percent signs are not
looked at (50 % is 50), and the answer `NaN` has no number.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from decimal import Decimal
from fractions import Fraction
from typing import Any

from evals.domain.checks.numbers import DecimalMark, find_numbers, value_of, western_digits
from evals.domain.checks.spec import (
    Answer,
    CheckError,
    CheckType,
    Observation,
    Parameter,
    Problem,
)
from evals.domain.checks.wording import clip, quote

_TOLERANCE = {"type": "number", "minimum": 0}


def _exact(number: float) -> Fraction:
    # By its shortest spelling: 0.1 in a suite means a tenth, not the nearest binary fraction.
    return Fraction(Decimal(repr(number)))


def _numbers(text: str, decimal: DecimalMark) -> list[tuple[str, Fraction | None]]:
    """Each number of `text` as it is written there, with its value; None when it is unreadable."""
    plain = western_digits(text)
    return [(plain[w.start : w.end], value_of(w, decimal)) for w in find_numbers(plain)]


def _wanted(params: Mapping[str, Any], expected: Any) -> Fraction:
    wanted = params["value"] if params["value"] is not None else expected
    if wanted is None:
        message = "there is nothing to compare with: neither `value` nor the case's `expected`"
        raise CheckError(message)
    if isinstance(wanted, int | float) and not isinstance(wanted, bool):
        if not math.isfinite(wanted):
            raise CheckError(f"{wanted} is not a number to compare with")
        return _exact(wanted) if isinstance(wanted, float) else Fraction(wanted)
    return _read(wanted, params["decimal"])


def _read(wanted: Any, decimal: DecimalMark) -> Fraction:
    text = western_digits(wanted.strip()) if isinstance(wanted, str) else ""
    found = _numbers(text, decimal)
    if len(found) != 1 or found[0][0] != text or found[0][1] is None:
        raise CheckError(f"a number is needed to compare with, not {quote(wanted)}")
    return found[0][1]


def problems(params: Mapping[str, Any]) -> Iterator[Problem]:
    """A `value` that is no number, a tolerance that is no size."""
    if params["value"] is not None:
        try:
            _wanted(params, None)
        except CheckError as error:
            yield Problem(("value",), error.message)
    for name in ("abs_tolerance", "rel_tolerance"):
        if not math.isfinite(params[name]):
            yield Problem((name,), f"`{name}` must be a finite number")


def _picked(params: Mapping[str, Any], text: str) -> tuple[str, Fraction] | str:
    """The number that counts; a text says why there is none."""
    found = _numbers(text, params["decimal"])
    if not found:
        return f"no number in {quote(text)}"
    if params["extract"] == "only" and len(found) > 1:
        return f"{len(found):,} numbers in {quote(text)}, one is asked"
    written, value = found[-1 if params["extract"] == "last" else 0]
    if value is None:
        return f"{clip(written)} is no number with the decimal mark {params['decimal']!r}"
    return written, value


def evaluate(params: Mapping[str, Any], answer: Answer, expected: Any) -> Observation:
    """Find the number and compare."""
    wanted = _wanted(params, expected)
    picked = _picked(params, answer.text)
    if isinstance(picked, str):
        return Observation(False, picked)
    written, value = picked
    allowed = max(
        _exact(float(params["abs_tolerance"])),
        _exact(float(params["rel_tolerance"])) * abs(wanted),
    )
    shown = params["value"] if params["value"] is not None else expected
    near = f"within {float(allowed):.6g} of" if allowed else "equal to"
    passed = abs(value - wanted) <= allowed
    relation = f"is {near}" if passed else f"is not {near}"
    return Observation(passed, f"{clip(written)} {relation} {clip(str(shown))}")


CHECK = CheckType(
    type="numeric",
    documentation=__doc__,
    parameters=(
        Parameter(
            "value",
            {"type": ["number", "string"]},
            "The number; the case's `expected` when left out.",
        ),
        Parameter("abs_tolerance", _TOLERANCE, "Largest difference that passes.", default=0),
        Parameter(
            "rel_tolerance",
            _TOLERANCE,
            "Largest difference that passes, as a share of the wanted number.",
            default=0,
        ),
        Parameter(
            "extract",
            {"enum": ["only", "first", "last"]},
            "Which number of the answer counts.",
            default="only",
        ),
        Parameter("decimal", {"enum": [".", ","]}, "The decimal mark.", default="."),
    ),
    evaluate=evaluate,
    problems=problems,
    prepare=_wanted,
)
