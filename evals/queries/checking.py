"""Checks of proposed commits."""

from __future__ import annotations

from uuid import UUID

from django.conf import settings
from django.db.models import Prefetch, Q, QuerySet
from django.db.models.functions import Now

from evals.errors import CheckUnknownError
from evals.models import CheckedPrompt, CommitCheck
from registry.domain.actor import Actor, NotAllowedError


def checks() -> QuerySet[CommitCheck]:
    """Every check of a proposed commit, newest first, with its prompts and their runs."""
    prompts = CheckedPrompt.objects.select_related("run__model").defer("run__policy_spec")
    found = CommitCheck.objects.defer("change", "report_markdown", "comment_markdown")
    return found.prefetch_related(Prefetch("prompts", prompts))


def checks_for(actor: Actor) -> QuerySet[CommitCheck]:
    """`checks` for somebody who sees every prompt: a commit may be about each of them.

    Raises NotAllowedError for others.
    """
    require_every_prompt(actor)
    return checks()


def check_for(actor: Actor, check_id: UUID) -> CommitCheck:
    """One check with its whole report. Raises CheckUnknownError, and as `checks_for`."""
    found = checks_for(actor).defer(None).filter(pk=check_id).first()
    if found is None:
        kept = f"checks are deleted {settings.CHECKS_DAYS} days after they ended"
        raise CheckUnknownError(f"there is no check {check_id}", hint=kept)
    return found


def check_progress(check: CommitCheck) -> dict[str, int] | None:
    """Answers of all runs of a check: `done`, `total`, `errors`. None before the first run."""
    found = [one.run for one in check.prompts.all() if one.run is not None]
    if not found:
        return None
    return {name: sum(getattr(run, name) for run in found) for name in ("done", "total", "errors")}


def checks_to_work_on() -> list[UUID]:
    """Checks that nobody prepares, oldest first."""
    idle = CommitCheck.objects.filter(
        Q(leased_until=None) | Q(leased_until__lte=Now()), status__in=CommitCheck.LIVE
    )
    return list(idle.order_by("created_at").values_list("pk", flat=True))


def require_every_prompt(actor: Actor) -> None:
    """Raises NotAllowedError for who is limited to some prompts: a check may be about each."""
    if actor.prompts:
        raise NotAllowedError(
            f"{actor.name} is limited to {', '.join(actor.prompts)}",
            hint="a check is about every prompt that a commit touches",
        )
