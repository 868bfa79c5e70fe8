"""Who is told by webhooks, what arrived, and what was given up."""

from __future__ import annotations

from urllib.parse import urlsplit

from django.contrib import messages
from django.core.paginator import Paginator
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils import timezone

from core.errors import InvalidError
from registry import outbox
from registry.channels import channel as channel_called
from registry.channels import channels, receivers
from registry.domain.actor import Scope
from registry.writeback.status import CHANNEL
from webui.people import page
from webui.settings.answering import ask_first

_DELIVERIES_A_PAGE = 30
#: Channels that are no webhook, by whom they tell.
_OWN = {
    CHANNEL: "the prompt repository",
    "git host": "the Git host",
    "proposals": "checks of what is proposed",
}


@page(scope=Scope.ADMIN)
def listed(request: HttpRequest) -> HttpResponse:
    """The channels with how they stand, and their deliveries, the newest first."""
    chosen = request.GET.get("channel", "").strip()[:100]
    kept = request.GET.copy()
    kept.pop("page", None)
    found = outbox.deliveries(chosen)
    if request.GET.get("state") == "dead":
        found = found.filter(dead_at__isnull=False)
    context = {
        "channels": _channels(),
        "chosen": chosen,
        "is_dead_only": request.GET.get("state") == "dead",
        "page": Paginator(found, _DELIVERIES_A_PAGE).get_page(request.GET.get("page")),
        "query": kept.urlencode(),
    }
    return render(request, "webui/settings/webhooks.html", context)


@page("POST", scope=Scope.ADMIN)
def retry(request: HttpRequest, channel: str) -> HttpResponse:
    """Say what would be sent once more; POST has it sent. `delivery` names one of them."""
    way = channel_called(channel)
    text = request.GET.get("delivery", "")
    if text and not (text.isascii() and text.isdigit() and len(text) < 19):
        raise InvalidError(f"delivery={text[:40]!r} is not a number")
    delivery = int(text) if text else None
    if request.method == "POST":
        count = outbox.retry(way, now=timezone.now(), delivery=delivery)
        messages.success(request, f"{_counted(count)} to {way.name} will be tried again now.")
        return redirect("page-webhooks")
    count = outbox.given_up(way.name, delivery).count()
    return ask_first(
        request,
        title=f"Send once more to {way.name}",
        consequence=f"{_counted(count)} that {way.name} did not take will be sent again, "
        "in their order, after what is newer. A receiver tells repeats by their id.",
        button="Send again",
        back="page-webhooks",
    )


def _channels() -> list[dict[str, object]]:
    """Every configured channel, and those that are gone but left something undone."""
    standings, told = outbox.standings(), receivers()
    rows: list[dict[str, object]] = []
    for one in channels():
        receiver = told.get(one.name)
        rows.append(
            {
                "name": one.name,
                # Of an address only the host: what follows is often a secret.
                "host": _origin(receiver.url) if receiver else _OWN.get(one.name, "Assay itself"),
                "topics": sorted(one.topics),
                "standing": standings.pop(one.name, outbox.Standing()),
                "is_configured": True,
            }
        )
    gone = {name: found for name, found in standings.items() if found.waiting or found.dead}
    return rows + [
        {"name": name, "standing": found, "is_configured": False} for name, found in gone.items()
    ]


def _origin(url: str) -> str:
    parts = urlsplit(url)
    port = f":{parts.port}" if parts.port else ""
    return f"{parts.scheme}://{parts.hostname}{port}"


def _counted(count: int) -> str:
    return f"{count} message{'' if count == 1 else 's'}"
