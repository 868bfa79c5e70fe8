"""The first page: what is live, what was proven, what rings."""

from __future__ import annotations

from typing import TYPE_CHECKING

from django.contrib.auth.decorators import login_required
from django.core.paginator import Paginator
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.views.decorators.http import require_safe

from evals import queries as evals_queries
from registry import lookup, queries
from registry.models import Prompt

if TYPE_CHECKING:
    from registry.models.ledger import TagEvent

_PROMPTS_A_PAGE = 50


@login_required
@require_safe
def overview(request: HttpRequest) -> HttpResponse:
    """Prompts with their tags, the last runs, the last moves, alarms and the mirror."""
    page = Paginator(queries.prompts().order_by("name"), _PROMPTS_A_PAGE).get_page(
        request.GET.get("page")
    )
    context = {
        "page": page,
        "rows": [_row(prompt) for prompt in page],
        "runs": evals_queries.runs()[:8],
        "moves": queries.recent_moves(8),
        "alarms": [*queries.model_alarms(), *queries.open_alarms()],
        "mirror": queries.mirror(),
        "sync": queries.last_sync(),
    }
    return render(request, "webui/overview.html", context)


def _row(prompt: Prompt) -> dict[str, object]:
    live = {tag.name: tag.event for tag in prompt.tags.all() if tag.event.version_id}
    return {
        "prompt": prompt,
        "stable": _pointer(live.get("stable")),
        "canary": _pointer(live.get("canary")),
    }


def _pointer(event: TagEvent | None) -> dict[str, object] | None:
    if event is None:
        return None
    # A rollback to an override is as loud as the override.
    overridden = queries.evidence_of(event).kind == "overridden"
    return {"event": event, "proven": lookup.is_proven(event), "overridden": overridden}
