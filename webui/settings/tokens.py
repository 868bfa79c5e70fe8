"""API tokens: made here and shown once, or ended."""

from __future__ import annotations

from datetime import timedelta

from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils import timezone

from core.errors import InvalidError
from registry import access
from registry.domain.actor import Scope
from webui.people import actor_of, page
from webui.settings.answering import ask_first

_LONGEST_DAYS = 3650


@page("POST", scope=Scope.ADMIN)
def listed(request: HttpRequest) -> HttpResponse:
    """Every token. POST makes one; its answer is the only place that shows the secret."""
    problem: InvalidError | None = None
    secret = ""
    if request.method == "POST":
        try:
            secret = _made(request)
        except InvalidError as error:
            problem = error
    context = {
        "tokens": access.tokens(),
        "scopes": list(Scope),
        "secret": secret,
        # What was typed stays in the form only when it has to be typed again.
        "given": request.POST if problem else {},
        "chosen": request.POST.getlist("scope") if problem else [Scope.LOOKUP],
        "problem": problem,
        "now": timezone.now(),
    }
    status = 422 if problem else 200
    return render(request, "webui/settings/tokens.html", context, status=status)


@page("POST", scope=Scope.ADMIN)
def revoke(request: HttpRequest, token: int) -> HttpResponse:
    """Say what ending a token means; POST ends it."""
    row = access.token(token)
    if request.method == "POST":
        access.revoke_token(token_id=token, by=actor_of(request).name, now=timezone.now())
        messages.success(request, f"The token {row.name} is revoked.")
        return redirect("page-tokens")
    return ask_first(
        request,
        title=f"Revoke the token {row.name}",
        consequence=f"Whoever uses {row} is refused from now on. This cannot be undone.",
        button="Revoke it",
        back="page-tokens",
    )


def _made(request: HttpRequest) -> str:
    """The secret of the token that the form asks for. Raises InvalidError kinds."""
    given = request.POST
    text = given.get("days", "").strip()
    if text and not (text.isascii() and text.isdigit() and 0 < int(text[:9]) <= _LONGEST_DAYS):
        raise InvalidError(f"days must be a number from 1 to {_LONGEST_DAYS}, not {text[:40]!r}")
    _, secret = access.create_token(
        name=given.get("name", ""),
        scopes=given.getlist("scope"),
        prompts=given.get("prompts", "").split(),
        created_by=actor_of(request).name,
        expires_at=timezone.now() + timedelta(days=int(text)) if text else None,
    )
    return secret
