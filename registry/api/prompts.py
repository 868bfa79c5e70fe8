"""Reading prompts: lists, the lookup, versions, tags, history, differences, rendering."""

from __future__ import annotations

from typing import Any

from django.http import HttpResponse
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiParameter, extend_schema
from rest_framework.generics import ListAPIView
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from core.errors import InvalidError
from registry import lookup, queries, slow
from registry.api.authentication import actor_of
from registry.api.inputs import parsed
from registry.api.pagination import CursorPage, PageByName, PageByNumber
from registry.api.serializers import (
    EventOut,
    PromptOut,
    RenderIn,
    TagsOut,
    VersionOut,
)
from registry.difference import difference
from registry.domain.actor import Scope
from registry.domain.canary_arm import LONGEST_KEY
from registry.preview import preview

_TAG = OpenApiParameter("tag", str, description="`stable` when neither tag nor version is given")
_VERSION = OpenApiParameter("version", int, description="a version by number, live or not")
_COMMIT = OpenApiParameter(
    "commit",
    str,
    description="the newest version in the tree of this commit of the prompt repository: its id, "
    "or at least 4 digits that no other commit begins with",
)
_KEY = OpenApiParameter("key", str, description="who asks; the same key is always on one arm")


def _answer_header(name: str, kind: type, description: str) -> OpenApiParameter:
    return OpenApiParameter(
        name, kind, OpenApiParameter.HEADER, description=description, response=[200, 304]
    )


_ANSWER_HEADERS = [
    OpenApiParameter("If-None-Match", str, OpenApiParameter.HEADER, description="304 if it holds"),
    _answer_header("ETag", str, "a strong validator of the answer, for `If-None-Match`"),
    _answer_header("Assay-Registry-Revision", int, "the answer is at least as new as this"),
    _answer_header(
        "Assay-Registry-Incarnation",
        str,
        "the database that the revision is of: revisions of two cannot be compared, and of two "
        "incarnations the greater is the later",
    ),
    _answer_header("Assay-Mirror-Age", int, "seconds since the prompt repository last answered"),
    _answer_header("Assay-Commit", str, "the commit the version was published by"),
    _answer_header("Assay-Blob", str, "the Git blob of the version's file"),
    _answer_header(
        "Assay-Stale",
        int,
        "seconds since the database last answered; only while it is down",
    ),
]


def version_parameter(request: Request, name: str) -> int | None:
    """A version number from the query, as `3` or `v3`; None when absent. Raises InvalidError."""
    text = request.query_params.get(name, "")
    if not text:
        return None
    digits = text.removeprefix("v")
    if not (digits.isascii() and digits.isdigit() and len(digits) < 7):
        raise InvalidError(f"{name}={text!r} is not a version number")
    return int(digits)


class SeedCannotExpressError(InvalidError):
    """The first minimal registry had no chat prompts; this one has several messages."""

    code = "seed_cannot_express"


class PromptsView(ListAPIView[Any]):
    """GET prompts: every prompt the caller may see, with where its tags point."""

    scope = Scope.READ
    serializer_class = PromptOut
    pagination_class = PageByName

    def get_queryset(self) -> Any:
        """Prompts within the caller's globs."""
        return queries.visible_prompts(actor_of(self.request))


class LookupView(APIView):
    """GET prompts/{name}: the version a tag points at, or one by number."""

    scope = Scope.LOOKUP
    #: Answer in the form of the first minimal registry.
    seed = False

    @extend_schema(
        parameters=[_TAG, _VERSION, _COMMIT, _KEY, *_ANSWER_HEADERS],
        responses={200: OpenApiTypes.OBJECT, 304: None},
    )
    def get(self, request: Request, name: str) -> HttpResponse:
        """Which prompt is live? Answers `ETag`; the number before its dash is the tag's revision.

        With a `key`, `stable` is answered by the canary for its share of the keys; `arm` says which
        it was. With a `commit`, the answer is the newest version in that commit's tree, live or
        not; 404 says why there is none: the mirror has no such commit, the commit has no version of
        this prompt, or its newest one was not published with the text it has there.
        """
        actor_of(request).require(Scope.LOOKUP, name)
        where = lookup.standing()
        answer = self.answer(request, name)
        face = answer.face(seed=self.seed)
        if face is None:
            raise SeedCannotExpressError(
                f"{name} v{answer.version.number} is a chat of several messages, which a flat "
                "template cannot express",
                hint=f"ask /api/v1/prompts/{name}, or render it there",
            )
        reply = lookup.reply(face, request.headers.get("If-None-Match", ""), where)
        response = HttpResponse(reply.body, status=reply.status, headers=dict(reply.headers))
        if reply.status == 304:
            del response["Content-Type"]
        return response

    def answer(self, request: Request, name: str) -> lookup.Answer:
        """Look up what the query asks for. Raises InvalidError, NotFoundError kinds."""
        commit = request.query_params.get("commit", "")
        if commit:
            return _of_commit(name, commit, request)
        number = version_parameter(request, "version")
        if number is not None:
            return lookup.by_version(name, number)
        key = request.query_params.get("key", "")
        if len(key) > LONGEST_KEY:
            raise InvalidError(f"a key has at most {LONGEST_KEY} characters")
        return lookup.by_tag(name, request.query_params.get("tag") or lookup.STABLE, key)


def _of_commit(name: str, commit: str, request: Request) -> lookup.Answer:
    others = [one for one in ("tag", "version", "key") if request.query_params.get(one)]
    if others:
        raise InvalidError(f"commit names one version; leave {', '.join(others)} out")
    with slow.COMMITS.one():
        return lookup.by_commit(name, commit)


class SeedLookupView(LookupView):
    """GET /prompt/{name}?tag=: the call of the first minimal registry; `version` is `v3` there."""

    seed = True

    @extend_schema(
        parameters=[_TAG, *_ANSWER_HEADERS],
        responses={200: OpenApiTypes.OBJECT, 304: None},
        operation_id="seed_lookup",
    )
    def get(self, request: Request, name: str) -> HttpResponse:
        """As the lookup, with the version as `v3`."""
        return super().get(request, name)


class VersionsView(ListAPIView[Any]):
    """GET prompts/{name}/versions: every published version, newest first."""

    scope = Scope.READ
    serializer_class = VersionOut
    pagination_class = PageByNumber

    def get_queryset(self) -> Any:
        """Versions of the named prompt."""
        name = self.kwargs["name"]
        actor_of(self.request).require(Scope.READ, name)
        return queries.versions(queries.prompt(name))


class TagsView(APIView):
    """GET prompts/{name}/tags: where each tag points."""

    scope = Scope.READ

    @extend_schema(responses=OpenApiTypes.OBJECT)
    def get(self, request: Request, name: str) -> Response:
        """Tags and version numbers."""
        actor_of(request).require(Scope.READ, name)
        return Response(TagsOut(queries.prompt(name)).data)


class HistoryView(ListAPIView[Any]):
    """GET prompts/{name}/history: the ledger, newest first."""

    scope = Scope.READ
    serializer_class = EventOut
    pagination_class = CursorPage

    def get_queryset(self) -> Any:
        """Events of the named prompt, of one tag when `?tag=` is given."""
        name = self.kwargs["name"]
        actor_of(self.request).require(Scope.READ, name)
        return queries.history(queries.prompt(name), self.request.query_params.get("tag"))


class DiffView(APIView):
    """GET prompts/{name}/diff?old=1&new=2: text and contract."""

    scope = Scope.READ

    @extend_schema(
        parameters=[
            OpenApiParameter("old", int, required=True),
            OpenApiParameter("new", int, required=True),
        ],
        responses=OpenApiTypes.OBJECT,
    )
    def get(self, request: Request, name: str) -> Response:
        """What changed from one version to another."""
        actor_of(request).require(Scope.READ, name)
        old, new = version_parameter(request, "old"), version_parameter(request, "new")
        if old is None or new is None:
            raise InvalidError("say both versions: ?old=1&new=2")
        prompt = queries.prompt(name)
        found = difference(queries.version(prompt, old), queries.version(prompt, new))
        return Response({"name": name, "old": old, "new": new, **found})


class RenderView(APIView):
    """POST prompts/{name}/render: variables in, text and messages out, in the jail."""

    scope = Scope.READ

    @extend_schema(request=RenderIn, responses=OpenApiTypes.OBJECT)
    def post(self, request: Request, name: str) -> Response:
        """Render a version, or what a tag points at."""
        actor_of(request).require(Scope.READ, name)
        body = parsed(RenderIn, request)
        answer = (
            lookup.by_version(name, body["version"])
            if body["version"]
            else lookup.by_tag(name, body["tag"])
        )
        with slow.RENDERINGS.one():
            rendered = preview(answer.version, body["variables"], body["placeholders"])
        return Response({"name": name, "version": answer.version.number, **rendered})
