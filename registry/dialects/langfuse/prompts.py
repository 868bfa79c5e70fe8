"""Prompts: one, all, and the writes that have another way here."""

from __future__ import annotations

from django.http import HttpResponse
from rest_framework.request import Request
from rest_framework.response import Response

from core.errors import RefusedError
from registry import lookup, queries
from registry.dialects.known import response
from registry.dialects.langfuse import body, listing, moving
from registry.dialects.langfuse.fast import is_bare
from registry.dialects.langfuse.view import LangfuseView, actor_of
from registry.dialects.langfuse.wanted import Wanted, wanted
from registry.domain.actor import Scope
from registry.domain.plain import PlainTextError, explained
from registry.domain.version import VersionContent
from registry.errors import TagUnknownError, VersionUnknownError
from registry.lookup import Entry, Face


class WrittenElsewhereError(RefusedError):
    """Prompts are written in the prompt repository."""

    code = "written_in_git"
    hint = (
        "open a pull request there; `assay lint` and `assay eval` say what it is worth, and the "
        "merge publishes it"
    )


class PromptsView(LangfuseView):
    """`/api/public/v2/prompts`: list; creating is refused."""

    scope = Scope.LOOKUP

    def get(self, request: Request) -> Response:
        """The prompts within the token's globs, by name."""
        return Response(listing.page(actor_of(request), request.query_params))

    def post(self, request: Request) -> Response:
        """403: a version is a file, reviewed and merged."""
        name = request.data.get("name") if isinstance(request.data, dict) else None
        where = f"prompts/{name[:200]}/vN.jinja2" if isinstance(name, str) and name else "a file"
        raise WrittenElsewhereError(f"A prompt version is {where} in the prompt repository.")


class PromptView(LangfuseView):
    """`/api/public/v2/prompts/{name}`: what a label points at, or a version by number."""

    scope = Scope.LOOKUP

    def get(self, request: Request, name: str) -> HttpResponse:
        """As text with `{{variables}}`, or 400 naming what cannot be said so."""
        actor_of(request).require(Scope.LOOKUP, name)
        where = lookup.standing()
        want = wanted(request.META.get("QUERY_STRING", ""))
        face = _face(name, want, request)
        reply = lookup.reply(face, request.headers.get("If-None-Match", ""), where)
        return response(reply)

    def delete(self, _request: Request, name: str) -> Response:
        """403: what was published stays, and callers depend on it."""
        raise WrittenElsewhereError(
            f"Published versions of {name} are never deleted; a prompt ends when its folder leaves "
            "the prompt repository and its callers leave it."
        )


class VersionView(LangfuseView):
    """`/api/public/v2/prompts/{name}/versions/{version}`: labels are moved with evidence."""

    scope = Scope.PROMOTE

    def patch(self, request: Request, name: str, number: int) -> HttpResponse:
        """Promote: the gate decides, as on every other path."""
        actor = actor_of(request)
        actor.require(Scope.PROMOTE, name)
        sdk = request.headers.get("X-Langfuse-Sdk-Name", "")[:40]
        wished = moving.labels_in(request.data)
        # Before anything moves: a client that is told of an error believes that nothing did.
        served(name, Wanted(number=number), is_bare=True)
        moving.move(name=name, number=number, labels=wished, actor=actor, sdk=sdk)
        entry = lookup.entry(name)
        made = body.face(entry, lookup.text(entry, number), None, bare=True)
        return HttpResponse(made.body[0], content_type="application/json")


def _face(name: str, want: Wanted, request: Request) -> Face:
    bare = is_bare(
        request.headers.get("User-Agent", ""), request.headers.get("X-Langfuse-Sdk-Version", "")
    )
    return served(name, want, is_bare=bare)


def served(name: str, want: Wanted, *, is_bare: bool) -> Face:
    """The answer, from the database. Raises NotFoundError kinds, PlainTextError with its place."""
    entry = lookup.entry(name)
    chosen = body.choice(entry, want)
    number = body.number(entry, want, chosen)
    if number is None:
        raise _nothing(entry, want)
    text = lookup.text(entry, number)
    try:
        return body.face(entry, text, chosen, bare=is_bare)
    except PlainTextError as error:
        raise _located(name, number, error) from error


def _nothing(entry: Entry, want: Wanted) -> TagUnknownError | VersionUnknownError:
    if not entry.newest:
        return VersionUnknownError(f"Prompt {entry.name!r} has no version yet.")
    tags = ", ".join(body.labels_of(entry.pointers, is_newest=True))
    return TagUnknownError(
        f"Prompt not found: {entry.name!r} with label {want.label!r}; it has the labels {tags}."
    )


def _located(name: str, number: int, error: PlainTextError) -> PlainTextError:
    """With file and line, for which the body as it was written is needed."""
    version = queries.version(queries.prompt(name), number)
    found = explained(VersionContent.from_json(version.content)) or error
    found.message = (
        f"{name} v{number} cannot be filled in by clients without Jinja2: {found.message}"
    )
    return found
