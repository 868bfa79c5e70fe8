"""The answer is spelled much like a text.

The score is rapidfuzz's ratio from 0 to 1: twice the letters the two texts have in common, in
order, as a share of all their letters. It is measured against `value`, or the case's `expected`,
after the `normalise` steps of `exact`, and passes from `threshold`, 0.8 when left out. Only
spelling counts, not meaning. Of an answer longer than 40,000 characters the rest counts as
different.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from rapidfuzz.distance import Indel

from evals.domain.checks.normalisers import STEPS, normalise
from evals.domain.checks.spec import Answer, CheckType, Observation, Parameter
from evals.domain.checks.weighing import reaches
from evals.domain.checks.wording import bounded_text, quote

THRESHOLD = 0.8
#: The work is this times the length of the wanted text, which is bounded too.
MAX_COMPARED = 40_000


def prepare(params: Mapping[str, Any], expected: Any) -> str:
    """The normalised text to compare with; CheckError when it is missing or too long."""
    return normalise(bounded_text(params, expected), params["normalise"])


def ratio(given: str, wanted: str) -> float:
    """The share in common, 0 to 1; 1 for two empty texts."""
    total = len(given) + len(wanted)
    rest = max(len(given) - MAX_COMPARED, 0)
    differing = Indel.distance(given[:MAX_COMPARED], wanted) + rest
    return 1 - differing / total if total else 1.0


def evaluate(params: Mapping[str, Any], answer: Answer, expected: Any) -> Observation:
    """Measure the ratio."""
    wanted = prepare(params, expected)
    score = ratio(normalise(answer.text, params["normalise"]), wanted)
    detail = f"similarity {score:.3f} of {quote(answer.text)} to {quote(wanted)}"
    return Observation(reaches(score, THRESHOLD), detail, score)


CHECK = CheckType(
    type="similarity",
    documentation=__doc__,
    parameters=(
        Parameter("value", {"type": "string"}, "The text; the case's `expected` when left out."),
        STEPS,
    ),
    evaluate=evaluate,
    prepare=prepare,
    threshold=THRESHOLD,
)
