"""Checks of proposed commits: the list, and one with everything that a comment tells."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any, Generic, TypeVar
from uuid import UUID

from django.contrib import messages
from django.core.paginator import Paginator
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils import timezone

from evals import commit_checks, queries
from evals.commit_checks.outcomes import outcome_of
from evals.domain.harmless import cut
from evals.domain.proposal import ChangeReport, PromptChange
from evals.models import CommitCheck
from registry.domain.actor import Scope
from webui.people import actor_of, page

_CHECKS_A_PAGE = 30
#: What is shown of a change, as who proposes it says how large it is: entries of each list, and
#: characters of all differences.
_MOST, _DIFF_CHARACTERS = 200, 100_000
_Entry = TypeVar("_Entry")


@dataclass(frozen=True, slots=True)
class Beginning(Generic[_Entry]):
    """The first entries of a list, and how many more there are."""

    shown: Sequence[_Entry]
    more: int

    @classmethod
    def of(cls, entries: Sequence[_Entry]) -> Beginning[_Entry]:
        """As many as a page bears."""
        return cls(entries[:_MOST], max(0, len(entries) - _MOST))


@page()
def listed(request: HttpRequest) -> HttpResponse:
    """Checks, newest first."""
    found = queries.checks_for(actor_of(request))
    context = {"page": Paginator(found, _CHECKS_A_PAGE).get_page(request.GET.get("page"))}
    return render(request, "webui/checks.html", context)


@page()
def check(request: HttpRequest, check: UUID) -> HttpResponse:
    """One check. It is drawn from its values; the comment's Markdown is shown as the text it is."""
    actor = actor_of(request)
    found = queries.check_for(actor, check)
    is_live = found.status in CommitCheck.LIVE
    context = {
        "check": found,
        "is_live": is_live,
        "change": _parts(ChangeReport.from_json(found.change)) if found.change else None,
        "prompts": Beginning.of(
            [{"row": one, "outcome": outcome_of(one)} for one in found.prompts.all()]
        ),
        "progress": queries.check_progress(found) if is_live else None,
        "may_cancel": is_live and actor.may(Scope.EVALUATE),
    }
    return render(request, "webui/check.html", context)


def _parts(change: ChangeReport) -> dict[str, Beginning[Any]]:
    """Errors come before warnings."""
    findings = sorted(change.findings, key=lambda one: (one.severity != "error", one))
    return {
        "prompts": Beginning.of(_within(change.prompts, _DIFF_CHARACTERS)),
        "findings": Beginning.of(findings),
        "reached": Beginning.of(change.reached),
        "elsewhere": Beginning.of(change.elsewhere),
    }


def _within(prompts: Sequence[PromptChange], left: int) -> list[PromptChange]:
    """With as much of their differences as there are characters left."""
    found = []
    for prompt in prompts:
        found.append(replace(prompt, diff=cut(prompt.diff, left) if left else ""))
        left = max(0, left - len(prompt.diff))
    return found


@page("POST", scope=Scope.EVALUATE)
def cancel(request: HttpRequest, check: UUID) -> HttpResponse:
    """Stop a check and its runs."""
    if request.method == "POST":
        commit_checks.cancel_check(check_id=check, actor=actor_of(request), now=timezone.now())
        messages.success(request, "The check and its runs stop; what was measured stays.")
    return redirect("page-check", check=check)
