"""The answer shares words with a reference (ROUGE, Lin 2004).

`rouge-1` counts single words in common, `rouge-2` pairs of neighbouring words, `rouge-l` the
longest sequence of words that both have in this order. `measure` makes a score of the count:
`recall` is its share of the reference, `precision` its share of the answer, `f1` the harmonic mean.
The reference is `value`, or the case's `expected`. Words are runs of letters and digits of any
script without regard to case, not stemmed; a script without spaces gives very long words, and suits
`similarity` better. Passes from `threshold`, 0.75 when left out. Of an answer longer than 20,000
words the rest counts as not shared. Source: C.-Y. Lin, ROUGE: A Package for Automatic Evaluation of
Summaries, ACL 2004.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Mapping, Sequence
from itertools import pairwise
from typing import Any

from rapidfuzz.distance import LCSseq

from evals.domain.checks.spec import Answer, CheckError, CheckType, Observation, Parameter
from evals.domain.checks.weighing import reaches
from evals.domain.checks.wording import bounded_text, quote

THRESHOLD = 0.75
#: The work of rouge-l is this times the words of the reference, of which there are at most 10,000.
MAX_WORDS = 20_000
_WORD = re.compile(r"[^\W_]+")


def words(text: str) -> list[str]:
    """The words of `text`, case folded."""
    return _WORD.findall(text.casefold())


def _units(variant: str, tokens: Sequence[str]) -> Sequence[str | tuple[str, str]]:
    return list(pairwise(tokens)) if variant == "rouge-2" else tokens


def _in_common(variant: str, given: Sequence[Any], wanted: Sequence[Any]) -> int:
    if variant == "rouge-l":
        return LCSseq.similarity(given, wanted)
    return (Counter(given) & Counter(wanted)).total()


def rouge(variant: str, measure: str, answer: str, reference: str) -> float:
    """The score, 0 to 1; 0 when either side has nothing to count."""
    given, wanted = _units(variant, words(answer)), _units(variant, words(reference))
    if not given or not wanted:
        return 0.0
    common = _in_common(variant, given[:MAX_WORDS], wanted)
    shares = {
        "recall": common / len(wanted),
        "precision": common / len(given),
        "f1": 2 * common / (len(given) + len(wanted)),
    }
    return shares[measure]


def prepare(params: Mapping[str, Any], expected: Any) -> str:
    """The reference; CheckError when it has too few words to count, or is too long."""
    reference = bounded_text(params, expected)
    if not _units(params["variant"], words(reference)):
        raise CheckError(f"the reference {quote(reference)} has too few words")
    return reference


def evaluate(params: Mapping[str, Any], answer: Answer, expected: Any) -> Observation:
    """Measure the overlap."""
    variant, measure = params["variant"], params["measure"]
    score = rouge(variant, measure, answer.text, prepare(params, expected))
    return Observation(reaches(score, THRESHOLD), f"{variant} {measure} is {score:.3f}", score)


CHECK = CheckType(
    type="rouge",
    documentation=__doc__,
    parameters=(
        Parameter(
            "value", {"type": "string"}, "The reference; the case's `expected` when left out."
        ),
        Parameter(
            "variant",
            {"enum": ["rouge-1", "rouge-2", "rouge-l"]},
            "What is counted.",
            default="rouge-l",
        ),
        Parameter(
            "measure", {"enum": ["f1", "recall", "precision"]}, "What is scored.", default="f1"
        ),
    ),
    evaluate=evaluate,
    prepare=prepare,
    threshold=THRESHOLD,
)
