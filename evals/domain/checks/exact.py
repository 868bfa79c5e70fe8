"""The answer equals a text.

The text is `value`, or the case's `expected`. Both sides first go through the `normalise` steps in
the order given: `strip` (white space at the edges), `casefold` (upper and lower case are one),
`collapse-space` (runs of white space become one space), `nfkc` (Unicode compatibility forms become
one), `strip-punctuation` (punctuation around the text, but not a sign that starts a number) and
`number-format` (1,234.50 and 1 234,50 and 1'234.5 and 1234.5 are one spelling, anywhere in the
text). That last step does not guess: `1,234` could be 1234 or 1.234 and stays as it is, `1.234` has
a decimal point, as in JSON, and 007, 1.2.3 and 2024-05-01 are no such numbers. To compare values,
say the decimal mark in `numeric`.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from evals.domain.checks.normalisers import STEPS, normalise
from evals.domain.checks.spec import Answer, CheckType, Observation, Parameter
from evals.domain.checks.wording import quote, wanted_text


def evaluate(params: Mapping[str, Any], answer: Answer, expected: Any) -> Observation:
    """Compare after normalising both sides."""
    wanted = wanted_text(params, expected)
    steps = params["normalise"]
    if normalise(answer.text, steps) == normalise(wanted, steps):
        return Observation(True, f"equals {quote(wanted)}")
    return Observation(False, f"expected {quote(wanted)}, got {quote(answer.text)}")


CHECK = CheckType(
    type="exact",
    documentation=__doc__,
    parameters=(
        Parameter("value", {"type": "string"}, "The text; the case's `expected` when left out."),
        STEPS,
    ),
    evaluate=evaluate,
    prepare=wanted_text,
)
