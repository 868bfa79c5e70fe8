"""What people said about answers: what a judge is measured against."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass

from core.digest import digest
from evals.domain.judge.rubric import Rubric
from evals.domain.judge.verdict import FAIL, PASS


@dataclass(frozen=True, slots=True)
class LabelledAnswer:
    """One answer, or for pairwise two, and a person's verdict on it as a word.

    `other` is the second answer, None unless the rubric is pairwise. `reference` is what a right
    answer would say, None when nobody wrote it down.
    """

    id: str
    question: str
    answer: str
    label: str
    other: str | None = None
    reference: str | None = None


def label_words(rubric: Rubric) -> tuple[str, ...]:
    """The words a person may use as label."""
    return tuple(str(verdict) for verdict in rubric.verdicts) or (PASS, FAIL)


def passes(rubric: Rubric, word: str) -> bool:
    """Whether a verdict in one word, of a person or a judge, is one that passes."""
    if rubric.mode == "score":
        return int(word) >= rubric.pass_at
    if rubric.mode == "label":
        return word in rubric.passing
    return word in ("A", "tie") if rubric.mode == "pairwise" else word == PASS


def labels_digest(rows: Sequence[LabelledAnswer]) -> str:
    """SHA-256, 64 hex digits; the order of the rows does not count."""
    return digest([asdict(row) for row in sorted(rows, key=lambda row: row.id)])
