"""The answer is a text but for a few letters.

The distance is Levenshtein's: the fewest letters to insert, delete or replace to turn one text into
the other. It is measured between the answer and `value`, or the case's `expected`, after the
`normalise` steps of `exact`, and passes up to `max_distance`. The score is 1 less the distance as a
share of the longer text; a distance over `max_distance` is not measured and scores 0.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from rapidfuzz.distance import Levenshtein

from evals.domain.checks.normalisers import STEPS, normalise
from evals.domain.checks.spec import Answer, CheckType, Observation, Parameter
from evals.domain.checks.wording import bounded_text, quote

#: The work is at most text × distance; beyond this nobody means a slip of the pen.
MAX_DISTANCE = 1_000


def prepare(params: Mapping[str, Any], expected: Any) -> str:
    """The normalised text to compare with; CheckError when it is missing or too long."""
    return normalise(bounded_text(params, expected), params["normalise"])


def evaluate(params: Mapping[str, Any], answer: Answer, expected: Any) -> Observation:
    """Measure the distance, as far as it matters."""
    wanted = prepare(params, expected)
    given = normalise(answer.text, params["normalise"])
    most = params["max_distance"]
    # Also bounds the work: a longer answer is too far away without being looked at.
    is_near = abs(len(given) - len(wanted)) <= most
    distance = Levenshtein.distance(given, wanted, score_cutoff=most) if is_near else most + 1
    if distance > most:
        detail = f"more than {most:,} letters from {quote(wanted)}: {quote(answer.text)}"
        return Observation(False, detail, 0.0)
    score = 1 - distance / max(len(given), len(wanted), 1)
    return Observation(True, f"{distance:,} letters from {quote(wanted)}", score)


CHECK = CheckType(
    type="levenshtein",
    documentation=__doc__,
    parameters=(
        Parameter("value", {"type": "string"}, "The text; the case's `expected` when left out."),
        Parameter(
            "max_distance",
            {"type": "integer", "minimum": 0, "maximum": MAX_DISTANCE},
            "Most letters that may differ.",
            default=5,
        ),
        STEPS,
    ),
    evaluate=evaluate,
    prepare=prepare,
)
