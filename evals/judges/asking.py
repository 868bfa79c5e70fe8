"""One judge, asked as in a run, by a model that must stay the same meanwhile."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TypeVar

from core.errors import AssayError, UnavailableError
from evals import identity
from evals.conversation import Conversation
from evals.domain.checks.remote import Question, Reply
from evals.domain.judge.spec import JudgeSpec
from evals.domain.judge_trial import Ask
from evals.errors import JudgeChangedError, JudgeSilentError
from evals.jury import endpoint_at, put_all, seated
from registry.models import ModelVersion

#: Called while a judge thinks.
Keep = Callable[[], None]
T = TypeVar("T")


def confirmed(
    model: ModelVersion, talk: Conversation, keep: Keep, put: Callable[[], T]
) -> tuple[str, T]:
    """The fingerprint of what answered, the same before and after, and what it said.

    Raises JudgeChangedError when it is not the same.
    """

    def still_ours() -> bool:
        keep()
        return True

    before = identity.identify(model, talk, still_ours, is_last=False)
    said = put()
    if identity.identify(model, talk, still_ours, is_last=True) != before:
        raise JudgeChangedError(f"{model.name} serves something else since its trial began")
    return before, said


def ready(judge: JudgeSpec, talk: Conversation, keep: Keep) -> tuple[JudgeSpec, Ask]:
    """The judge, seated, and how to ask it."""
    endpoint = endpoint_at(judge.model.name, judge.model.digest)
    [seat] = seated([judge])

    def ask(questions: Sequence[Question]) -> list[Reply | AssayError]:
        replies = put_all(talk, questions, endpoint, keep)
        _refuse_silence(replies)
        return replies

    return seat, ask


def _refuse_silence(replies: Sequence[Reply | AssayError]) -> None:
    """A server that is down, or refuses every question, has shown nothing about its judge."""
    lost = [reply for reply in replies if isinstance(reply, AssayError)]
    down = [error for error in lost if isinstance(error, UnavailableError)]
    if down or (lost and len(lost) == len(replies)):
        first = (down or lost)[0]
        raise JudgeSilentError(first.message, hint=first.hint)
