"""The answer means what a text means, by the cosine of their embeddings.

`model` names a pin of `models.yaml` whose endpoint serves `/v1/embeddings`. The text is `value`, or
the case's `expected`. The score is the cosine, or 0 where it is negative; without `threshold`, 0.8
passes. What a cosine is worth depends on the model: choose the threshold on pairs you have looked
at. An empty answer fails without a question.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

from evals.domain.checks.remote import Question, Reply, Subject
from evals.domain.checks.spec import CheckError, CheckType, Observation, Parameter
from evals.domain.checks.wording import wanted_text

USUAL_THRESHOLD = 0.8
_KEY = "embeddings"
#: The answer and the text it is compared with.
_TEXTS = 2


def questions(params: Mapping[str, Any], subject: Subject) -> tuple[Question, ...]:
    """One request for both texts; none when the answer is empty."""
    wanted = wanted_text(params, subject.expected)
    if not subject.answer.text.strip():
        return ()
    return (Question(_KEY, params["model"], "embeddings", texts=(subject.answer.text, wanted)),)


def conclude(
    params: Mapping[str, Any], subject: Subject, replies: Mapping[str, Reply]
) -> Observation:
    """The cosine of the two vectors, as a score."""
    wanted_text(params, subject.expected)
    if not subject.answer.text.strip():
        return Observation(False, "the answer is empty")
    if _KEY not in replies:
        raise CheckError("the endpoint was not asked for embeddings")
    vectors = replies[_KEY].vectors
    if len(vectors) != _TEXTS:
        raise CheckError(f"the endpoint gave {len(vectors)} embeddings of 2 texts")
    similarity = cosine(*vectors)
    passed = similarity >= USUAL_THRESHOLD
    return Observation(passed, f"cosine {similarity:.4f}", max(0.0, similarity))


def cosine(left: Sequence[float], right: Sequence[float]) -> float:
    """From -1 to 1. CheckError for vectors that have no angle between them."""
    if len(left) != len(right):
        raise CheckError(f"embeddings of {len(left)} and {len(right)} numbers cannot be compared")
    lengths = math.hypot(*left) * math.hypot(*right)
    if not (math.isfinite(lengths) and lengths > 0):
        raise CheckError("an embedding is zero, empty or not finite")
    product = math.fsum(a * b for a, b in zip(left, right, strict=True)) / lengths
    return max(-1.0, min(1.0, product))


CHECK = CheckType(
    type="embedding_similarity",
    documentation=__doc__,
    parameters=(
        Parameter(
            "model",
            {"type": "string", "minLength": 1},
            "The pin of `models.yaml` that embeds.",
            required=True,
        ),
        Parameter("value", {"type": "string"}, "The text; the case's `expected` when left out."),
    ),
    prepare=wanted_text,
    threshold=USUAL_THRESHOLD,
    questions=questions,
    conclude=conclude,
)
