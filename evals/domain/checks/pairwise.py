"""A judge finds the answer no worse than the live version's.

`judge` names an entry of the suite's `judges` whose rubric has the mode `pairwise` (the judge reads
both answers and says which is better) or `likelihood` (its model says which is likelier). A
pairwise judge is asked in both orders, each as often as it has samples: an answer wins only when
both orders agree, and a judge that decided by position, a *flip*, has said that they are equal. The
score is 1 for better, 0.5 for neither, 0 for worse; without `threshold`, 0.5 passes. Two answers
that are the same are equal without a question.

`against: expected` compares with the case's `expected` instead. A run without a live answer has
nothing to compare with: the case is an error unless `when_first: pass` says otherwise.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from typing import Any

from evals.domain.checks.judging import (
    as_text,
    ask_pair,
    judge_of,
    reported,
    rule_pair,
    said,
)
from evals.domain.checks.remote import Question, Reply, Subject
from evals.domain.checks.spec import CheckError, CheckType, Observation, Parameter
from evals.domain.judge.prechecks import objection
from evals.domain.judge.verdict import Ruling

_FLIPS = re.compile(r"; flipped in (\d+) of (\d+)\b")


@dataclass(frozen=True, slots=True)
class FlipRate:
    """How often judges decided by position: `flips` of `pairs` questions put in both orders."""

    flips: int
    pairs: int

    @property
    def rate(self) -> float:
        """The share, 0 when nothing was asked."""
        return self.flips / self.pairs if self.pairs else 0.0


def flip_rate(details: Iterable[str]) -> FlipRate:
    """Read from the details of pairwise outcomes; likelihood and unasked pairs have none."""
    # The first match is ours; what follows quotes the judge, who may say anything.
    found = [match for detail in details if (match := _FLIPS.search(detail))]
    return FlipRate(sum(int(m[1]) for m in found), sum(int(m[2]) for m in found))


def _other(params: Mapping[str, Any], subject: Subject) -> str | None:
    """The answer to compare with; None on a first version that may pass without."""
    if params["against"] == "expected":
        return as_text(subject.expected)
    if subject.baseline is not None:
        return subject.baseline.text
    if params["when_first"] == "error":
        message = "there is no live answer to compare with"
        raise CheckError(message, hint="`when_first: pass` lets first versions pass")
    return None


def _without_judge(answer: str, other: str | None) -> Observation | None:
    """What needs no judge; None when one has to be asked."""
    if problem := objection(answer):
        return Observation(False, f"{problem}; no judge was asked")
    if other is None:
        return Observation(True, "nothing is live yet, so there is nothing to compare with", 1.0)
    if answer.strip() == other.strip():
        return Observation(True, "the same as the other answer", 0.5)
    if problem := objection(other):
        return Observation(True, problem.replace("the answer", "the other answer", 1), 1.0)
    return None


def prepare(params: Mapping[str, Any], expected: Any) -> None:
    """`against: expected` needs the case to have one."""
    if params["against"] == "expected" and expected is None:
        raise CheckError("`against: expected` needs the case's `expected`")


def questions(params: Mapping[str, Any], subject: Subject) -> tuple[Question, ...]:
    """Both orders of each sample; nothing when a look at the answers decides."""
    judge = judge_of(subject, is_pairwise=True)
    prepare(params, subject.expected)
    other = _other(params, subject)
    if other is None or _without_judge(subject.answer.text, other):
        return ()
    with reported():
        return ask_pair(judge, subject, other)


def conclude(
    params: Mapping[str, Any], subject: Subject, replies: Mapping[str, Reply]
) -> Observation:
    """A win, a tie or a loss, or the mean of several."""
    judge = judge_of(subject, is_pairwise=True)
    prepare(params, subject.expected)
    if seen := _without_judge(subject.answer.text, _other(params, subject)):
        return seen
    with reported():
        ruling, reasonings = rule_pair(judge, replies)
    words = said(_with_flips(ruling, judge.mode), reasonings)
    return Observation(ruling.passed, words, ruling.score, ruling.samples)


def _with_flips(ruling: Ruling, mode: str) -> Ruling:
    if mode != "pairwise":
        return ruling
    words = f"{ruling.words}; flipped in {ruling.flips} of {ruling.pairs}"
    return replace(ruling, words=words)


CHECK = CheckType(
    type="pairwise",
    documentation=__doc__,
    parameters=(
        Parameter(
            "judge",
            {"type": "string", "minLength": 1},
            "The name of one of the suite's `judges`.",
            required=True,
        ),
        Parameter(
            "against",
            {"enum": ["live", "expected"]},
            "Compare with the live version's answer, or with the case's `expected`.",
            default="live",
        ),
        Parameter(
            "when_first",
            {"enum": ["error", "pass"]},
            "What a case is when nothing is live to compare with.",
            default="error",
        ),
    ),
    prepare=prepare,
    questions=questions,
    conclude=conclude,
)
