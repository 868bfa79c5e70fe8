"""What became of prompts in use: keep scores, and find out which version each is about."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from django.db import transaction
from django.db.models import Avg, Count, StdDev

from registry.domain import interval
from registry.domain.actor import Actor
from registry.domain.interval import Interval
from registry.lookup import CANARY, STABLE, catalogue
from registry.models import Outcome, Prompt, PromptVersion, TraceLink

#: Scores come minutes after the answer, or the next day when a person gives them.
_LINKS_KEPT, _WAITING_KEPT, _KEPT = timedelta(days=7), timedelta(days=7), timedelta(days=400)
_MOST_LINKS = 500_000
_ARMS = frozenset({STABLE, CANARY})
_CHANGED = ["name", "kind", "value", "words", "trace", "span", "at", "version", "arm"]


@dataclass(frozen=True, slots=True)
class Use:
    """A span that used a prompt version."""

    trace: str
    span: str
    prompt: str
    version: int


@dataclass(frozen=True, slots=True)
class Score:
    """A score of a trace, or of a span in it (`span` empty: of the whole)."""

    id: str
    name: str
    kind: str
    value: float | None
    words: str
    trace: str
    span: str = ""


def note_uses(*, uses: Sequence[Use], actor: Actor, now: datetime) -> int:
    """Remember which spans used which versions, and give waiting scores their version.

    What names no version of ours, or none that the actor may see, is passed over. Returns how many
    are about one.
    """
    mine = [use for use in uses if actor.sees(use.prompt)]
    if not mine:
        return 0
    rows = PromptVersion.objects.filter(
        prompt__name__in={use.prompt for use in mine}, number__in={use.version for use in mine}
    ).values_list("prompt__name", "number", "pk")
    known = {(name, number): pk for name, number, pk in rows}
    arms = _arms(known.values())
    links = [
        TraceLink(trace=use.trace, span=use.span, version_id=pk, arm=arms.get(pk, ""), at=now)
        for use in mine
        if (pk := known.get((use.prompt, use.version))) is not None
    ]
    TraceLink.objects.bulk_create(links, ignore_conflicts=True)
    _settle({link.trace for link in links}, actor)
    return len(links)


def _settle(traces: Collection[str], actor: Actor) -> None:
    """Give waiting scores of these traces their version.

    SDKs send traces and scores at the same moment. Both sides first commit what they bring and look
    for the other's afterwards, so whoever is later finds both.
    """
    with transaction.atomic():
        waiting = Outcome.objects.filter(version=None, source=actor.name, trace__in=traces)
        found = list(waiting.select_for_update().order_by("pk"))
        _attribute(found, actor)
        Outcome.objects.bulk_update(found, ["version", "arm"])


def _arms(versions: Iterable[int]) -> dict[int, str]:
    """The arm of each version that is one now; a version that is both is `stable`."""
    pointed = [(tag, pk) for pk, tag, _ in catalogue.live_tags(versions) if tag in _ARMS]
    return {pk: tag for tag, pk in sorted(pointed)}


def keep(*, scores: Sequence[Score], actor: Actor, now: datetime) -> None:
    """Store scores: again what was sent again, changed what was changed.

    One whose trace is not known yet waits for it. Of two with one id the later counts.
    """
    rows = [
        Outcome(
            score=score.id,
            source=actor.name,
            name=score.name,
            kind=score.kind,
            value=score.value,
            words=score.words,
            trace=score.trace,
            span=score.span,
            at=now,
        )
        for score in {score.id: score for score in scores}.values()
    ]
    _attribute(rows, actor)
    # In one order for everybody: two senders of the same scores must not wait for each other.
    Outcome.objects.bulk_create(
        sorted(rows, key=lambda row: row.score),
        update_conflicts=True,
        unique_fields=["source", "score"],
        update_fields=_CHANGED,
    )
    _settle({row.trace for row in rows if row.version is None}, actor)


def _attribute(rows: Iterable[Outcome], actor: Actor) -> None:
    """Set version and arm where the traces say them."""
    rows = list(rows)
    found: dict[str, list[TraceLink]] = {}
    links = TraceLink.objects.filter(trace__in={row.trace for row in rows}).order_by("pk")
    for link in links.select_related("version__prompt"):
        if actor.sees(link.version.prompt.name):
            found.setdefault(link.trace, []).append(link)
    for row in rows:
        about = _about(row.span, found.get(row.trace, []))
        if about is not None:
            row.version, row.arm = about.version, about.arm


def _about(span: str, links: Sequence[TraceLink]) -> TraceLink | None:
    """The span's own link, or that of the whole trace where it used one version only."""
    own = [link for link in links if span and link.span == span]
    if own:
        return own[0]
    return links[0] if len({link.version_id for link in links}) == 1 else None


@dataclass(frozen=True, slots=True)
class Summary:
    """What was said of a version on an arm, under one name. `mean` is null for words."""

    version: int
    arm: str
    name: str
    kind: str
    count: int
    mean: float | None
    interval: Interval | None


def summaries(prompt: Prompt) -> list[Summary]:
    """Every version with scores, the newest first."""
    rows = (
        Outcome.objects.filter(version__prompt=prompt)
        .order_by("-version__number", "arm", "name", "kind")
        .values_list("version__number", "arm", "name", "kind")
        .annotate(Count("pk"), Avg("value"), StdDev("value", sample=True))
    )
    return [
        Summary(version, arm, name, kind, count, mean, _interval(kind, count, mean, deviation))
        for version, arm, name, kind, count, mean, deviation in rows
    ]


def _interval(
    kind: str, count: int, mean: float | None, deviation: float | None
) -> Interval | None:
    if mean is None:
        return None
    if kind == Outcome.Kind.BOOLEAN:
        return interval.share(mean, count)
    return interval.mean(mean, deviation or 0.0, count)


def forget(*, now: datetime) -> int:
    """Drop links and waiting scores of last week, and scores of last year. Returns how many."""
    old = [
        TraceLink.objects.filter(at__lt=now - _LINKS_KEPT),
        Outcome.objects.filter(version=None, at__lt=now - _WAITING_KEPT),
        Outcome.objects.filter(at__lt=now - _KEPT),
    ]
    dropped = sum(rows.delete()[0] for rows in old)
    newest = TraceLink.objects.order_by("-pk").values_list("pk", flat=True)
    first = newest[_MOST_LINKS : _MOST_LINKS + 1].first()
    if first is not None:
        dropped += TraceLink.objects.filter(pk__lte=first).delete()[0]
    return dropped
