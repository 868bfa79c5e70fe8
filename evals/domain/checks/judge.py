"""A judge finds the answer good enough by a rubric.

`judge` names an entry of the suite's `judges`: a prompt, a rubric and a pinned model. The rubric's
mode says what is asked: `score` (the mean of the samples reaches the rubric's `pass_at`), `label`
(most samples give a label that passes; half is not enough) or `likelihood` (the judge's model finds
the answer as likely as `pass_at` asks). The check's score is the place on the scale, the share of
labels that pass, or the mean chance of a token.

An empty answer, one of nothing but punctuation and one that holds a judge's verdict fail without a
question. A verdict that cannot be read is an error of the case, never a pass. A judge that has not
been measured against human labels, or not well enough for the gate, is *advisory*: its verdicts are
shown and decide nothing.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from evals.domain.checks.judging import ask_one, judge_of, reported, rule_one, said
from evals.domain.checks.remote import Question, Reply, Subject
from evals.domain.checks.spec import CheckType, Observation, Parameter
from evals.domain.judge.prechecks import objection


def questions(_params: Mapping[str, Any], subject: Subject) -> tuple[Question, ...]:
    """A question for each sample; none when the answer fails without a judge."""
    judge = judge_of(subject, is_pairwise=False)
    if objection(subject.answer.text):
        return ()
    with reported():
        return ask_one(judge, subject)


def conclude(
    _params: Mapping[str, Any], subject: Subject, replies: Mapping[str, Reply]
) -> Observation:
    """The mean or the majority of the verdicts."""
    judge = judge_of(subject, is_pairwise=False)
    if problem := objection(subject.answer.text):
        return Observation(False, f"{problem}; no judge was asked")
    with reported():
        ruling, reasonings = rule_one(judge, replies)
    return Observation(ruling.passed, said(ruling, reasonings), ruling.score, ruling.samples)


CHECK = CheckType(
    type="judge",
    documentation=__doc__,
    parameters=(
        Parameter(
            "judge",
            {"type": "string", "minLength": 1},
            "The name of one of the suite's `judges`.",
            required=True,
        ),
    ),
    questions=questions,
    conclude=conclude,
)
