"""Moving a tag from a page: first what it would change and on which evidence, then the move.

Every step works without a script: the review is a page with a form, and the form carries the tag's
revision that the reader has seen, so a move by somebody else in between loses nobody's work.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils import timezone

from core.errors import InvalidError
from registry import certificates, lookup, promotion, queries
from registry.difference import difference
from registry.domain.actor import Scope
from registry.models import ModelVersion, Prompt, PromptVersion
from webui.people import actor_of, page

if TYPE_CHECKING:
    from registry.models.ledger import TagEvent

_DEFAULT_WEIGHT = 10


@dataclass(frozen=True, slots=True)
class Wanted:
    """What the address or the form asks for. `weight` is percent, of a canary only."""

    prompt: Prompt
    tag: str
    version: PromptVersion
    model: ModelVersion | None
    weight: int | None

    def is_live_as(self, entry: TagEvent | None) -> bool:
        """Whether the tag's entry points at just this already."""
        if entry is None:
            return False
        points_at = (entry.version_id, entry.model_id, entry.weight)
        return points_at == (self.version.pk, self.model.pk if self.model else None, self.weight)

    @property
    def consequence(self) -> str:
        """What happens to callers, in a sentence."""
        name = f"v{self.version.number}"
        if self.weight is not None:
            return f"{self.weight} % of the keyed traffic of {self.prompt.name} goes to {name} now."
        if self.tag == lookup.STABLE:
            return f"Everybody who asks for {self.prompt.name} gets {name} now."
        return f"Whoever asks for {self.prompt.name} with the tag {self.tag} gets {name} now."


@page("POST", scope=Scope.PROMOTE)
def move(request: HttpRequest, name: str) -> HttpResponse:
    """Review a promotion, a canary or an override; POST does it."""
    wanted = _wanted(request, name)
    actor = actor_of(request)
    actor.require(Scope.PROMOTE, name)
    if request.method == "POST":
        return _moved(request, wanted)
    entry = queries.live_entry(wanted.prompt, wanted.tag)
    live = entry.version if entry else None
    compared = live or queries.live_version(wanted.prompt, lookup.STABLE)
    proof = (
        certificates.find_valid(
            version=wanted.version, model=wanted.model, tag=wanted.tag, now=timezone.now()
        )
        if wanted.model
        else certificates.Proof(None, "the prompt names no model")
    )
    is_other = compared is not None and compared != wanted.version
    context = {
        "prompt": wanted.prompt,
        "wanted": wanted,
        "live": live,
        "compared": compared,
        "proof": proof,
        "already": entry if wanted.is_live_as(entry) else None,
        "would_prove": _would_prove(entry, proof),
        "difference": difference(compared, wanted.version) if compared and is_other else None,
        "revision": queries.tag_revision(wanted.prompt, wanted.tag),
        "may_override": actor.may(Scope.ADMIN, name),
        "models": queries.models(),
    }
    return render(request, "webui/move.html", context)


@page("POST", scope=Scope.PROMOTE)
def rollback(request: HttpRequest, name: str) -> HttpResponse:
    """Say what a rollback would restore; POST does it."""
    actor = actor_of(request)
    actor.require(Scope.PROMOTE, name)
    given = request.POST if request.method == "POST" else request.GET
    tag = given.get("tag") or lookup.STABLE
    to_version = _number(given.get("to", ""), "to") if given.get("to") else None
    if request.method == "POST":
        done = promotion.rollback(
            prompt=name,
            tag=tag,
            actor=actor,
            to_version=to_version,
            reason=given.get("reason", ""),
            expected_revision=_revision(request),
        )
        return _told(request, done)
    row = queries.prompt(name)
    live = queries.live_entry(row, tag)
    context = {
        "prompt": row,
        "tag": tag,
        "live": live,
        "entry": queries.entry_to_restore(live, to_version, with_overrides=True) if live else None,
        "to_version": to_version,
        "revision": queries.tag_revision(row, tag),
    }
    return render(request, "webui/rollback.html", context)


@page("POST", scope=Scope.PROMOTE)
def clear_canary(request: HttpRequest, name: str) -> HttpResponse:
    """End the canary."""
    actor = actor_of(request)
    actor.require(Scope.PROMOTE, name)
    row = queries.prompt(name)
    if request.method == "POST":
        done = promotion.clear_canary(
            prompt=name,
            actor=actor,
            reason=request.POST.get("reason", ""),
            expected_revision=_revision(request),
        )
        return _told(request, done)
    context = {
        "prompt": row,
        "live": queries.live_entry(row, lookup.CANARY),
        "revision": queries.tag_revision(row, lookup.CANARY),
    }
    return render(request, "webui/clear_canary.html", context)


def _would_prove(entry: TagEvent | None, proof: certificates.Proof) -> bool:
    """Whether the certificate is another than the one that what is live stands on."""
    if entry is None or proof.certificate is None:
        return False
    return queries.evidence_of(entry).certificate_id != proof.certificate.pk


def _moved(request: HttpRequest, wanted: Wanted) -> HttpResponse:
    reason = request.POST.get("reason", "")
    target = promotion.Target(
        prompt=wanted.prompt.name,
        tag=wanted.tag,
        version=wanted.version.number,
        model=wanted.model.name if wanted.model else None,
        weight=wanted.weight,
        expected_revision=_revision(request),
    )
    act = promotion.override if request.POST.get("action") == "override" else promotion.promote
    return _told(request, act(target=target, actor=actor_of(request), reason=reason))


def _told(request: HttpRequest, done: promotion.TagMove) -> HttpResponse:
    event = done.event
    where = f"v{event.version.number}" if event.version else "nothing"
    messages.success(
        request,
        f"{event.prompt.name}:{event.tag} points at {where} now (revision {event.sequence}).",
    )
    for warning in done.warnings:
        messages.warning(request, warning)
    page_of_it = reverse("page-prompt", kwargs={"name": event.prompt.name})
    return redirect(f"{page_of_it}?moved={event.pk}")


def _wanted(request: HttpRequest, name: str) -> Wanted:
    """Raises InvalidError and NotFoundError kinds for what the form or the address names."""
    given = request.POST if request.method == "POST" else request.GET
    row = queries.prompt(name)
    tag = given.get("tag") or lookup.STABLE
    version = queries.version(row, _number(given.get("version", ""), "version"))
    chosen = given.get("model") or row.default_model
    weight = None
    if tag == lookup.CANARY:
        weight = _number(given.get("weight") or str(_DEFAULT_WEIGHT), "weight")
    return Wanted(row, tag, version, queries.current_model(chosen) if chosen else None, weight)


def _number(text: str, what: str) -> int:
    digits = text.strip().removeprefix("v")
    if not (digits.isascii() and digits.isdigit() and len(digits) < 7):
        raise InvalidError(f"{what} must be a number, not {text[:40]!r}")
    return int(digits)


def _revision(request: HttpRequest) -> int:
    """The revision that the form was made for: a page that is too old must lose."""
    return _number(request.POST.get("revision", ""), "revision")
