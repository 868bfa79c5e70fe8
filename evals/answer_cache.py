"""Answers that need not be asked for again: the same question to the same model.

The key holds everything that could change the answer: the model's measured fingerprint, the
prompt's content with its parameters, the inputs of the case and the repeat (so that repeats stay
different answers). Only whole answers are kept: never an error, never one that was cut off. What is
timed must not come from here, so nothing is looked up for cases with a latency check.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from django.db import transaction

from core.digest import digest
from evals.domain.suite import CaseSpec
from evals.models import KeptAnswer
from serving.client import ChatResponse

#: Raise it when the same question is put in other words, or answers are kept differently.
_FORMAT = 1
#: How a whole answer ends.
_WHOLE = ("stop", "eos", "stop_sequence")
_MOST_CHARACTERS = 100_000
_MOST_TOKENS = 2_147_483_647


@dataclass(frozen=True, slots=True)
class Keep:
    """An answer to be kept under its key."""

    key: str
    response: ChatResponse


def key_of(*, fingerprint: str, prompt_digest: str, case: CaseSpec, repeat: int) -> str:
    """The key of one answer: 64 hex digits. `prompt_digest` covers template and parameters."""
    inputs = [dict(case.variables), dict(case.placeholders)]
    return digest([_FORMAT, fingerprint, prompt_digest, inputs, repeat])


def find(keys: Iterable[str]) -> dict[str, KeptAnswer]:
    """The kept answers among `keys`."""
    return KeptAnswer.objects.in_bulk(list(keys))


def keep(answers: Sequence[Keep | None]) -> None:
    """Keep those that are whole. Joins the caller's transaction."""
    rows = {a.key: _row(a) for a in answers if a is not None and _is_whole(a.response)}
    if rows:
        # In the order of keys: two workers that keep the same answers wait, and do not deadlock.
        ordered = [rows[key] for key in sorted(rows)]
        with transaction.atomic():
            KeptAnswer.objects.bulk_create(ordered, ignore_conflicts=True)


def _is_whole(response: ChatResponse) -> bool:
    return (
        response.finish_reason in _WHOLE
        and len(response.text) <= _MOST_CHARACTERS
        and "\0" not in response.text
        and max(response.prompt_tokens, response.completion_tokens) <= _MOST_TOKENS
    )


def _row(answer: Keep) -> KeptAnswer:
    return KeptAnswer(
        key=answer.key,
        text=answer.response.text,
        finish_reason=answer.response.finish_reason,
        prompt_tokens=answer.response.prompt_tokens,
        completion_tokens=answer.response.completion_tokens,
    )
