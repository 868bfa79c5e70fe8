"""The answer has the phrases of a reference translation (sentence BLEU by sacrebleu).

The references are `value`, or the case's `expected`: a text, or a list of texts of which each
phrase may be taken from any. Up to four words in a row are compared, tokenised as `13a`, with case,
with exponential smoothing and effective order, so that short sentences have a score; it is
sacrebleu's divided by 100. Passes from `threshold`, 0.5 when left out. BLEU of one sentence is a
rough figure. An answer longer than 50,000 characters scores 0.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache
from typing import Any

from evals.domain.checks.spec import Answer, CheckError, CheckType, Observation, Parameter
from evals.domain.checks.weighing import reaches
from evals.domain.checks.wording import MAX_WANTED_CHARS, wanted_texts

THRESHOLD = 0.5
MAX_CHARS = 50_000
MAX_REFERENCES = 20


def prepare(params: Mapping[str, Any], expected: Any) -> list[str]:
    """The references; CheckError when one is blank or too long, or when there are too many."""
    wanted = wanted_texts({"values": params["value"]}, expected)
    if len(wanted) > MAX_REFERENCES:
        raise CheckError(f"at most {MAX_REFERENCES} references are compared with")
    if any(not text.strip() for text in wanted):
        raise CheckError("a reference is blank")
    if max(map(len, wanted)) > MAX_WANTED_CHARS:
        raise CheckError(f"a reference is longer than {MAX_WANTED_CHARS:,} characters")
    return wanted


@cache
def _metric() -> Any:
    from sacrebleu.metrics.bleu import BLEU  # takes a while to import; few suites need it

    return BLEU(effective_order=True)


def _forget() -> None:
    """Empty sacrebleu's caches, which would keep 65,536 answers in a worker's memory."""
    from sacrebleu.tokenizers.tokenizer_13a import Tokenizer13a
    from sacrebleu.tokenizers.tokenizer_re import TokenizerRegexp

    for tokenizer in (Tokenizer13a, TokenizerRegexp):
        tokenizer.__call__.cache_clear()


def evaluate(params: Mapping[str, Any], answer: Answer, expected: Any) -> Observation:
    """Score the answer against all references."""
    wanted = prepare(params, expected)
    if len(answer.text) > MAX_CHARS:
        return Observation(False, f"the answer is longer than {MAX_CHARS:,} characters", 0.0)
    try:
        percent = _metric().sentence_score(answer.text, wanted).score
    finally:
        _forget()
    score = min(max(percent / 100, 0.0), 1.0)  # a perfect match comes to 100.00000000000004
    return Observation(reaches(score, THRESHOLD), f"BLEU is {score:.3f}", score)


CHECK = CheckType(
    type="bleu",
    documentation=__doc__,
    parameters=(
        Parameter(
            "value",
            {
                "type": ["string", "array"],
                "items": {"type": "string"},
                "minItems": 1,
                "maxItems": MAX_REFERENCES,
            },
            "One reference, or several; the case's `expected` when left out.",
        ),
    ),
    evaluate=evaluate,
    prepare=prepare,
    threshold=THRESHOLD,
)
