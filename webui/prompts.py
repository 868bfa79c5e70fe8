"""A prompt: what is live, its versions on each model, how it got there, and how to call it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from django.core.paginator import Paginator
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.utils import timezone

from evals import queries as evals_queries
from evals.models import EvalRun
from registry import lookup, queries
from registry.domain.actor import Scope
from registry.domain.version import VersionContent
from registry.models import Certificate, ModelVersion, Prompt, PromptVersion
from webui.calling import Snippet, snippets
from webui.people import actor_of, page
from webui.pointers import pointer
from webui.reaching import Reached, reached

if TYPE_CHECKING:
    from registry.models.ledger import TagEvent

_VERSIONS_A_PAGE = 20
_MOVES = 30


@dataclass(frozen=True, slots=True)
class Proven:
    """A version on a model: its newest run and its newest certificate, if there are any."""

    model: ModelVersion
    run: EvalRun | None
    certificate: Certificate | None


@dataclass(frozen=True, slots=True)
class VersionRow:
    """A version, the tags that point at it, and what is known of it on each model."""

    version: PromptVersion
    tags: tuple[str, ...]
    proofs: tuple[Proven, ...]


@page()
def prompt(request: HttpRequest, name: str) -> HttpResponse:
    """Everything about one prompt."""
    actor = actor_of(request)
    actor.require(Scope.READ, name)
    row = queries.prompts().filter(name=name).first() or queries.prompt(name)
    live = {tag.name: tag.event for tag in row.tags.all() if tag.event.version_id}
    versions = Paginator(queries.versions(row), _VERSIONS_A_PAGE).get_page(request.GET.get("page"))
    models = list(queries.models())
    moves = _moves(row, live)
    context = {
        "prompt": row,
        "reached": _reached(moves, request.GET.get("moved", "")),
        "pointers": [(tag, pointer(event)) for tag, event in _ordered(live)],
        "has_canary": lookup.CANARY in live,
        "page": versions,
        "models": models,
        "rows": _rows(list(versions), models, live),
        "moves": moves,
        "runs": evals_queries.latest_runs(actor, 8, prompt=name),
        "may_promote": actor.may(Scope.PROMOTE, name),
        "may_evaluate": actor.may(Scope.EVALUATE, name),
        "snippets": list(_snippets(request, row, list(versions))),
    }
    return render(request, "webui/prompt.html", context)


def _snippets(
    request: HttpRequest, row: Prompt, versions: Sequence[PromptVersion]
) -> Iterator[Snippet]:
    content = VersionContent.from_json(versions[0].content) if versions else None
    return snippets(row.name, content, request.build_absolute_uri("/").rstrip("/"))


def _ordered(live: Mapping[str, TagEvent]) -> list[tuple[str, TagEvent | None]]:
    """`stable` and `canary` first, set or not; then the others by name."""
    first = [lookup.STABLE, lookup.CANARY]
    others = sorted(tag for tag in live if tag not in first)
    return [(tag, live.get(tag)) for tag in [*first, *others]]


def _rows(
    versions: Sequence[PromptVersion],
    models: Sequence[ModelVersion],
    live: Mapping[str, TagEvent],
) -> list[VersionRow]:
    runs = evals_queries.newest_runs(versions, models)
    tags: dict[Any, list[str]] = {}
    for tag, event in sorted(live.items()):
        tags.setdefault(event.version_id, []).append(tag)
    return [
        VersionRow(
            version,
            tuple(tags.get(version.pk, ())),
            tuple(
                Proven(model, runs.get((version.pk, model.pk)), _certificate(version, model))
                for model in models
            ),
        )
        for version in versions
    ]


def _certificate(version: PromptVersion, model: ModelVersion) -> Certificate | None:
    """The newest one on the model; `versions` has them at hand."""
    found = [one for one in version.certificate_set.all() if one.model_version_id == model.pk]
    return max(found, key=lambda one: one.pk, default=None)


def _moves(row: Prompt, live: Mapping[str, TagEvent]) -> list[dict[str, Any]]:
    """The newest entries; those of a tag that points elsewhere now can be gone back to."""
    return [
        {
            "event": event,
            "can_restore": event.version_id is not None
            and event.tag in live
            and event.version_id != live[event.tag].version_id,
        }
        for event in queries.history(row)[:_MOVES]
    ]


def _reached(moves: Sequence[Mapping[str, Any]], moved: str) -> Reached | None:
    """How far the move got that the reader has just made; None for who has made none."""
    made = next((move["event"] for move in moves if str(move["event"].pk) == moved), None)
    return reached(made, timezone.now()) if made else None
