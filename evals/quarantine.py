"""Put flaky cases into quarantine, lift it, and say what is in quarantine: the only writer.

A quarantine can never make a run look better (`evals.domain.gate.quarantine`), and yet it takes
cases out of what a pass is made of. So it asks for the scope that moves tags, has an owner, a
reason and an end, and is named in every verdict it has a part in.
"""

from __future__ import annotations

from datetime import datetime

from django.db import transaction
from django.db.models import QuerySet

from core.errors import ConflictError, InvalidError, NotFoundError
from evals.domain import gate
from evals.models import QuarantinedCase, Suite
from evals.models.quarantine import LONGEST
from registry import queries
from registry.domain.actor import Actor, Scope
from registry.models import Prompt


class CaseUnknownError(NotFoundError):
    """The prompt has no such case."""

    code = "case_unknown"
    hint = "name a case of one of the prompt's suites as the repository has them now"


class QuarantineTermError(InvalidError):
    """A quarantine ends after now, and within 30 days."""

    code = "quarantine_term"


class QuarantinedAlreadyError(ConflictError):
    """The case is in quarantine already."""

    code = "quarantined_already"
    hint = "lift that one first; its end does not move"


class NotQuarantinedError(NotFoundError):
    """The case is not in quarantine."""

    code = "not_quarantined"


def quarantine_case(
    *,
    prompt: str,
    suite: str,
    case: str,
    owner: str,
    reason: str,
    expires_at: datetime,
    actor: Actor,
    now: datetime,
) -> QuarantinedCase:
    """Begin a quarantine. Runs that are judged from now on weigh the case with care.

    Raises NotAllowedError, PromptUnknownError, CaseUnknownError, QuarantineTermError,
    QuarantinedAlreadyError.
    """
    actor.require(Scope.PROMOTE, prompt)
    if not now < expires_at <= now + LONGEST:
        raise QuarantineTermError(
            f"a quarantine ends after now and within {LONGEST.days} days, not at "
            f"{expires_at.isoformat()}"
        )
    with transaction.atomic():
        # The prompt's row makes two that begin at once wait for each other.
        row = Prompt.objects.select_for_update(no_key=True).get(pk=queries.prompt(prompt).pk)
        if not _has_case(row, suite, case):
            raise CaseUnknownError(f"{prompt} has no case {case!r} in a suite {suite!r}")
        held = in_force(row, now).filter(suite=suite, case=case).first()
        if held is not None:
            raise QuarantinedAlreadyError(
                f"{suite}/{case} is in quarantine until {held.expires_at.isoformat()}"
            )
        return QuarantinedCase.objects.create(
            prompt=row,
            suite=suite,
            case=case,
            owner=owner,
            reason=reason,
            created_by=actor.name,
            created_at=now,
            expires_at=expires_at,
        )


def _has_case(prompt: Prompt, suite: str, case: str) -> bool:
    """Whether a suite of the prompt has the case, as the repository holds it now."""
    if suite not in prompt.suites:
        return False
    current = Suite.objects.filter(name=suite, is_current=True)
    return current.filter(spec__cases__contains=[{"key": case}]).exists()


def lift_quarantine(
    *, prompt: str, suite: str, case: str, actor: Actor, now: datetime
) -> QuarantinedCase:
    """End a quarantine before its time. Raises NotAllowedError, PromptUnknownError,
    NotQuarantinedError.
    """
    actor.require(Scope.PROMOTE, prompt)
    with transaction.atomic():
        held = in_force(queries.prompt(prompt), now).select_for_update(no_key=True, of=("self",))
        row = held.filter(suite=suite, case=case).first()
        if row is None:
            raise NotQuarantinedError(f"{suite}/{case} of {prompt} is not in quarantine")
        row.lifted_by, row.lifted_at = actor.name, now
        row.save(update_fields=["lifted_by", "lifted_at"])
        return row


def in_force(prompt: Prompt, now: datetime) -> QuerySet[QuarantinedCase]:
    """What is in quarantine now: neither lifted nor over."""
    return QuarantinedCase.objects.filter(prompt=prompt, lifted_at=None, expires_at__gt=now)


def ever(prompt: Prompt) -> QuerySet[QuarantinedCase]:
    """Every quarantine of a prompt, the newest first."""
    return QuarantinedCase.objects.filter(prompt=prompt)


def active_quarantine(prompt: str, suite: str, now: datetime) -> tuple[gate.Quarantine, ...]:
    """What the gate must be told about a suite of a prompt. Expired and lifted ones are nothing."""
    rows = QuarantinedCase.objects.filter(
        prompt__name=prompt, suite=suite, lifted_at=None, expires_at__gt=now
    ).order_by("case")
    return tuple(gate.Quarantine(row.case, row.owner, row.expires_at) for row in rows)
