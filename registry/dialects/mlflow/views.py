"""Reads answered from the registry; writes refused, but for one that no user asks for."""

from __future__ import annotations

from typing import Any

from rest_framework.request import Request
from rest_framework.response import Response

from core.errors import RefusedError
from registry import lookup, queries
from registry.dialects.mlflow import asking, entities
from registry.dialects.mlflow.searching import search
from registry.dialects.naming import named
from registry.dialects.view import DialectView, Wrong, actor_of
from registry.domain.standalone import NotStandaloneError
from registry.lookup import Entry

_CODES = {
    400: "INVALID_PARAMETER_VALUE",
    401: "UNAUTHENTICATED",
    403: "PERMISSION_DENIED",
    404: "RESOURCE_DOES_NOT_EXIST",
    405: "ENDPOINT_NOT_FOUND",
    409: "RESOURCE_CONFLICT",
    429: "REQUEST_LIMIT_EXCEEDED",
    503: "TEMPORARILY_UNAVAILABLE",
}


class WrittenElsewhereError(RefusedError):
    """Prompts are written in the prompt repository."""

    code = "written_in_git"
    hint = (
        "open a pull request there; merging publishes the version, and `assay promote` moves a "
        "tag when its evaluation has passed"
    )


class MlflowView(DialectView):
    """Errors are `{"error_code", "message"}`."""

    def shaped(self, wrong: Wrong) -> dict[str, Any]:
        """MLflow's words."""
        # `allow_missing=True` takes the usual code of a 400 for a prompt that is not there.
        code = "BAD_REQUEST" if wrong.code == NotStandaloneError.code else _CODES.get(wrong.status)
        return {"error_code": code or "INTERNAL_ERROR", "message": wrong.message}

    def entry(self, request: Request) -> Entry:
        """The prompt that the query names. Raises InvalidError, NotFoundError kinds."""
        name = asking.parameter(request.query_params, "name")
        return lookup.entry(named(name, actor_of(request)))


class PromptView(MlflowView):
    """GET registered-models/get."""

    def get(self, request: Request) -> Response:
        """A prompt and its aliases."""
        return Response({"registered_model": entities.registered_model(self.entry(request))})


class AliasView(MlflowView):
    """GET registered-models/alias."""

    def get(self, request: Request) -> Response:
        """The version a tag points at; `latest` is the newest."""
        entry = self.entry(request)
        return _version(entry, asking.by_alias(entry, request.query_params))

    def post(self, _request: Request) -> Response:
        """403: a tag moves with evidence."""
        raise WrittenElsewhereError("An alias is a tag, and is not moved by this interface.")

    delete = post


class VersionView(MlflowView):
    """GET model-versions/get."""

    def get(self, request: Request) -> Response:
        """A version by number."""
        entry = self.entry(request)
        return _version(entry, asking.by_number(entry, request.query_params))


def _version(entry: Entry, number: int) -> Response:
    text = lookup.text(entry, number)
    return Response({"model_version": entities.model_version(entry, text)})


class SearchView(MlflowView):
    """GET registered-models/search."""

    def get(self, request: Request) -> Response:
        """A page of the prompts within the token's globs, by name."""
        wanted = search(request.query_params.dict(), request.query_params.getlist("order_by"))
        page = wanted.page(queries.visible_names(actor_of(request)))
        shelf = lookup.shelf_for(lookup.Item(name, lookup.STABLE) for name in page)
        return Response(entities.searched([shelf.entries[name] for name in page], wanted.limit))


class TagView(MlflowView):
    """POST registered-models/set-tag."""

    def post(self, _request: Request) -> Response:
        """`{}`, and nothing is kept: reading a prompt makes the client note its experiment."""
        return Response({})


class WriteView(MlflowView):
    """Everything else that MLflow's prompt registry can write."""

    def post(self, _request: Request) -> Response:
        """403: a version is a file, reviewed and merged."""
        raise WrittenElsewhereError("This interface is for reading.")

    patch = delete = post
