"""The ledger of all tags, that of people and tokens, and the mirror that versions come from."""

from __future__ import annotations

import csv
from collections.abc import Iterable, Iterator, Sequence
from typing import TYPE_CHECKING

from django.core.paginator import Paginator
from django.db.models import QuerySet
from django.http import Http404, HttpRequest, HttpResponse, StreamingHttpResponse
from django.shortcuts import render
from django.utils import timezone

from core.errors import InvalidError
from registry import access, queries
from registry.domain.actor import Scope
from registry.models import AccessEvent
from webui.people import actor_of, page
from webui.reaching import reached

if TYPE_CHECKING:
    from registry.models.ledger import TagEvent

_EVENTS_A_PAGE = 50
_KINDS = ("adopted", "promoted", "rolled_back", "overridden", "cleared")
_COLUMNS = (
    "registry_revision at prompt tag revision kind version model weight actor role reason "
    "certificate commit"
).split()
_ACCESS_COLUMNS = ("at", "kind", "subject", "told", "actor")
_SYNCS = 20


@page()
def ledger(request: HttpRequest) -> HttpResponse | StreamingHttpResponse:
    """Every move of every tag, newest first; `entry` is a single one, and `format=csv` downloads
    what is filtered. To htmx, `entry` is how far that move got.
    """
    wanted = {
        key: request.GET.get(key, "").strip()[:200] for key in ("prompt", "tag", "kind", "actor")
    }
    entry = _entry(request.GET.get("entry", ""))
    events = queries.ledger(**wanted, entry=entry)
    if request.GET.get("format") == "csv":
        return _download("ledger.csv", _COLUMNS, map(_cells, events.iterator(chunk_size=1000)))
    if entry is not None and request.headers.get("HX-Request") == "true":
        return _reach(request, events)
    listed = Paginator(events, _EVENTS_A_PAGE).get_page(request.GET.get("page"))
    single = next(iter(listed), None) if entry is not None else None
    context = {
        "page": listed,
        "reached": reached(single, timezone.now()) if single else None,
        "wanted": wanted,
        "is_filtered": any(wanted.values()) or entry is not None,
        "entry": entry,
        "kinds": _KINDS,
        "query": _kept(request),
        "sees_access": actor_of(request).may(Scope.ADMIN),
    }
    return render(request, "webui/ledger.html", context)


@page(scope=Scope.ADMIN)
def access_ledger(request: HttpRequest) -> HttpResponse | StreamingHttpResponse:
    """Who made and ended tokens, invited people and changed their roles; as `ledger`."""
    wanted = {key: request.GET.get(key, "").strip()[:200] for key in ("subject", "kind", "actor")}
    events = access.access_events(**wanted)
    if request.GET.get("format") == "csv":
        cells = (
            [event.created_at.isoformat(), event.kind, event.subject, event.told, event.actor]
            for event in events.iterator(chunk_size=1000)
        )
        return _download("access.csv", _ACCESS_COLUMNS, cells)
    context = {
        "page": Paginator(events, _EVENTS_A_PAGE).get_page(request.GET.get("page")),
        "wanted": wanted,
        "is_filtered": any(wanted.values()),
        "kinds": AccessEvent.Kind.choices,
        "query": _kept(request),
    }
    return render(request, "webui/ledger_access.html", context)


def _kept(request: HttpRequest) -> str:
    """The address's query without the page."""
    kept = request.GET.copy()
    kept.pop("page", None)
    return kept.urlencode()


def _reach(request: HttpRequest, events: QuerySet[TagEvent]) -> HttpResponse:
    found = events.first()
    if found is None:
        raise Http404
    return render(request, "webui/reach.html", {"reached": reached(found, timezone.now())})


def _entry(text: str) -> int | None:
    if not text:
        return None
    if not (text.isascii() and text.isdigit() and len(text) < 16 and int(text)):
        raise InvalidError(f"entry={text[:40]!r} is not the number of an entry")
    return int(text)


@page()
def mirror(request: HttpRequest) -> HttpResponse:
    """Where versions come from: the mirror, its last attempts, and what they found."""
    context = {
        "mirror": queries.mirror(),
        "sync": queries.last_sync(),
        "syncs": queries.syncs()[:_SYNCS],
        "alarms": queries.open_alarms(),
        "undelivered": queries.undelivered_messages(),
    }
    return render(request, "webui/mirror.html", context)


class _Echo:
    """What csv.writer writes to: it hands each line back."""

    def write(self, line: str) -> str:
        return line


def _download(
    name: str, columns: Sequence[str], rows: Iterable[Sequence[object]]
) -> StreamingHttpResponse:
    writer = csv.writer(_Echo())

    def lines() -> Iterator[str]:
        yield writer.writerow(columns)
        for row in rows:
            yield writer.writerow([_plain(cell) for cell in row])

    response = StreamingHttpResponse(lines(), content_type="text/csv; charset=utf-8")
    response["Content-Disposition"] = f'attachment; filename="{name}"'
    return response


def _cells(event: TagEvent) -> list[object]:
    return [
        event.registry_revision,
        event.created_at.isoformat(),
        event.prompt.name,
        event.tag,
        event.sequence,
        event.kind,
        event.version.number if event.version else "",
        event.model.name if event.model else "",
        "" if event.weight is None else event.weight,
        event.actor,
        event.role,
        event.reason,
        event.certificate.digest if event.certificate else "",
        event.commit,
    ]


def _plain(cell: object) -> str:
    """A spreadsheet would run what begins like a formula; an apostrophe keeps it text."""
    text = str(cell)
    return f"'{text}" if text[:1] in {"=", "+", "-", "@", "\t", "\r"} else text
