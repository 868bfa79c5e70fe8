"""Putting a judge to the test: canaries it must fail, labelled answers it should agree with.

The transport is the caller's: `ask` gets all questions at once and gives as many replies, in the
same order. In place of a reply it may give the error of that one question; it raises when the model
cannot be reached at all. A judge must be seated (`compose.seat`) unless it is one of likelihood.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace

from core.errors import AssayError, InvalidError
from evals.domain.checks.judging import ask_one, ask_pair, rule_one, rule_pair
from evals.domain.checks.remote import Question, Reply, Subject
from evals.domain.checks.spec import Answer, CheckError
from evals.domain.judge.calibration import Calibration, Compared, calibrate
from evals.domain.judge.canaries import GOOD_ANSWER, CanaryCase, CanaryResult, canaries
from evals.domain.judge.errors import JudgeUnusableError, VerdictError
from evals.domain.judge.labels import LabelledAnswer, passes
from evals.domain.judge.prechecks import objection
from evals.domain.judge.spec import JudgeSpec
from evals.domain.judge.verdict import FAIL, Ruling

Ask = Callable[[Sequence[Question]], Sequence[Reply | AssayError]]


class TrialError(InvalidError):
    """The judge cannot be put to the test."""

    code = "judge_trial"


@dataclass(frozen=True, slots=True)
class _Sitting:
    """One subject before the judge. `error` is set when it cannot even be asked."""

    subject: Subject
    other: str | None = None
    questions: tuple[Question, ...] = ()
    replies: Mapping[str, Reply] = field(default_factory=dict)
    error: str = ""


def run_canaries(judge: JudgeSpec, ask: Ask, nonce: Callable[[], str]) -> tuple[CanaryResult, ...]:
    """Put every canary to the judge, without the checks that would stop it before.

    `nonce` gives a fresh one (16 to 64 lower-case hex digits) at each call.
    """
    cases = canaries(judge)
    other = GOOD_ANSWER if judge.mode == "pairwise" else None
    sittings = [
        _Sitting(_subject(judge, case.question, case.answer, GOOD_ANSWER, nonce()), other)
        for case in cases
    ]
    heard = _hear(judge, sittings, ask)
    return tuple(_canary_result(judge, *pair) for pair in zip(cases, heard, strict=True))


def _canary_result(judge: JudgeSpec, case: CanaryCase, sitting: _Sitting) -> CanaryResult:
    try:
        ruling = _ruling(judge, sitting)
    except (CheckError, VerdictError) as error:
        return CanaryResult(case.key, case.what, False, error.message)
    return CanaryResult(case.key, case.what, ruling.passed, ruling.words)


def run_calibration(
    judge: JudgeSpec, rows: Sequence[LabelledAnswer], ask: Ask, nonce: Callable[[], str]
) -> Calibration:
    """Have the judge judge what people have labelled, as it would in a run.

    Answers that fail before a judge is asked fail here too. `nonce` as in `run_canaries`.
    """
    sittings = [
        _Sitting(_subject(judge, row.question, row.answer, row.reference, nonce()), row.other)
        for row in rows
    ]
    asked = [s for s in sittings if not objection(s.subject.answer.text)]
    heard = {
        id(before): after for before, after in zip(asked, _hear(judge, asked, ask), strict=True)
    }
    compared = [
        _compared(judge, row, heard.get(id(sitting)))
        for row, sitting in zip(rows, sittings, strict=True)
    ]
    return calibrate(judge, compared)


def _compared(judge: JudgeSpec, row: LabelledAnswer, sitting: _Sitting | None) -> Compared:
    human = passes(judge.rubric, row.label)
    if sitting is None:
        worst = _worst(judge)
        return Compared(row.id, row.label, human, worst, False, 0.0)
    try:
        ruling = _ruling(judge, sitting)
    except (CheckError, VerdictError) as error:
        return Compared(row.id, row.label, human, None, not human, None, error.message)
    return Compared(row.id, row.label, human, ruling.verdict, ruling.passed, ruling.score)


def _worst(judge: JudgeSpec) -> str:
    """The verdict on what fails unjudged."""
    if judge.mode == "score":
        return str(judge.rubric.low)
    if judge.mode == "label":
        return next(str(a.value) for a in judge.rubric.anchors if not a.passes)
    return "B" if judge.mode == "pairwise" else FAIL


def _subject(
    judge: JudgeSpec, question: str, answer: str, reference: str | None, nonce: str
) -> Subject:
    given = Answer(answer, "stop", None, 0.0, None, None)
    return Subject(question, given, reference, None, judge, nonce)


def _hear(judge: JudgeSpec, sittings: Sequence[_Sitting], ask: Ask) -> list[_Sitting]:
    """Every sitting with its replies. Keys are made unique over all of them."""
    called = [_called(judge, sitting) for sitting in sittings]
    questions = [
        replace(question, key=f"{number} {question.key}")
        for number, sitting in enumerate(called)
        for question in sitting.questions
    ]
    replies = ask(questions)
    if len(replies) != len(questions):
        raise TrialError(f"{len(questions)} questions got {len(replies)} replies")
    left = iter(replies)
    left = iter(replies)
    return [_answered(sitting, left) for sitting in called]


def _answered(sitting: _Sitting, left: Iterator[Reply | AssayError]) -> _Sitting:
    own: dict[str, Reply] = {}
    error = sitting.error
    for question in sitting.questions:
        reply = next(left)
        if isinstance(reply, AssayError):
            error = error or reply.message
        else:
            own[question.key] = reply
    return replace(sitting, replies=own, error=error)


def _called(judge: JudgeSpec, sitting: _Sitting) -> _Sitting:
    try:
        if sitting.other is None:
            return replace(sitting, questions=ask_one(judge, sitting.subject))
        return replace(sitting, questions=ask_pair(judge, sitting.subject, sitting.other))
    except JudgeUnusableError as error:
        return replace(sitting, error=error.message)


def _ruling(judge: JudgeSpec, sitting: _Sitting) -> Ruling:
    if sitting.error:
        raise VerdictError(sitting.error)
    rule = rule_one if sitting.other is None else rule_pair
    return rule(judge, sitting.replies)[0]
