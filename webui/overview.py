"""The first page: what is live, what was proven, what rings."""

from __future__ import annotations

from django.core.paginator import Paginator
from django.db.models import Q, QuerySet
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render

from evals import queries as evals_queries
from registry import queries
from registry.models import Prompt
from webui.people import actor_of, page
from webui.pointers import pointer

_PROMPTS_A_PAGE = 50
#: What `?state=` can name, and what it is called on the page.
_STATES = {
    "canary": "with a canary",
    "unset": "nothing live",
    "orphaned": "without its folder",
}


@page()
def overview(request: HttpRequest) -> HttpResponse:
    """Prompts with their tags, the last runs, the last moves, alarms and the mirror."""
    wanted = {key: request.GET.get(key, "").strip()[:200] for key in ("q", "owner", "state")}
    found = _found(**wanted)
    shown = Paginator(found.order_by("name"), _PROMPTS_A_PAGE).get_page(request.GET.get("page"))
    kept = request.GET.copy()
    kept.pop("page", None)
    context = {
        "page": shown,
        "rows": [_row(prompt) for prompt in shown],
        "wanted": wanted,
        "states": _STATES,
        "is_filtered": any(wanted.values()),
        "query": kept.urlencode(),
        "runs": evals_queries.latest_runs(actor_of(request), 8),
        "moves": queries.recent_moves(8),
        "alarms": [*queries.model_alarms(), *queries.open_alarms()],
        "mirror": queries.mirror(),
        "sync": queries.last_sync(),
    }
    return render(request, "webui/overview.html", context)


def _found(*, q: str, owner: str, state: str) -> QuerySet[Prompt]:
    """Prompts whose name or description has `q`, of an owner, in a state."""
    found = queries.prompts()
    if q:
        found = found.filter(Q(name__icontains=q) | Q(description__icontains=q))
    if owner:
        found = found.filter(owners__contains=[owner])
    if state == "orphaned":
        found = found.filter(orphaned=True)
    if state in {"canary", "unset"}:
        tag = "canary" if state == "canary" else "stable"
        is_set = found.filter(tags__name=tag, tags__event__version__isnull=False)
        keys = Prompt.objects.filter(pk__in=is_set.values("pk")).values("pk")
        found = found.filter(pk__in=keys) if state == "canary" else found.exclude(pk__in=keys)
    return found


def _row(prompt: Prompt) -> dict[str, object]:
    live = {tag.name: tag.event for tag in prompt.tags.all() if tag.event.version_id}
    return {
        "prompt": prompt,
        "stable": pointer(live.get("stable")),
        "canary": pointer(live.get("canary")),
    }
