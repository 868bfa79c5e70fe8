"""Reads answered from the registry; writes refused, but for one that no user asks for."""

from __future__ import annotations

from typing import Any

from rest_framework.request import Request
from rest_framework.response import Response

from core.errors import InvalidError, RefusedError
from registry import lookup, queries
from registry.dialects.mlflow import entities
from registry.dialects.mlflow.searching import search
from registry.dialects.naming import named
from registry.dialects.view import DialectView, Wrong, actor_of
from registry.domain.standalone import NotStandaloneError
from registry.errors import TagUnknownError
from registry.models import Prompt

#: MLflow's own alias for the newest version; nobody can move it, here as there.
_LATEST = "latest"
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

    def prompt(self, request: Request) -> Prompt:
        """The prompt that the query names. Raises InvalidError, NotFoundError kinds."""
        return queries.prompt(named(_parameter(request, "name"), actor_of(request)))


class PromptView(MlflowView):
    """GET registered-models/get."""

    def get(self, request: Request) -> Response:
        """A prompt and its aliases."""
        prompt = self.prompt(request)
        found = entities.registered_model(prompt, queries.tag_versions(prompt))
        return Response({"registered_model": found})


class AliasView(MlflowView):
    """GET registered-models/alias."""

    def get(self, request: Request) -> Response:
        """The version a tag points at; `latest` is the newest."""
        prompt, alias = self.prompt(request), _parameter(request, "alias")
        try:
            answer = (
                lookup.by_version(prompt.name, queries.newest_number(prompt))
                if alias == _LATEST
                else lookup.by_tag(prompt.name, alias)
            )
        except TagUnknownError as error:
            raise InvalidError(error.message) from error
        found = entities.model_version(answer.version, queries.tag_versions(prompt))
        return Response({"model_version": found})

    def post(self, _request: Request) -> Response:
        """403: a tag moves with evidence."""
        raise WrittenElsewhereError("An alias is a tag, and is not moved by this interface.")

    delete = post


class VersionView(MlflowView):
    """GET model-versions/get."""

    def get(self, request: Request) -> Response:
        """A version by number."""
        prompt, text = self.prompt(request), _parameter(request, "version")
        if not (text.isascii() and text.isdigit() and len(text) < 7):
            raise InvalidError(f"version={text[:60]!r} is not a version number")
        version = queries.version(prompt, int(text))
        found = entities.model_version(version, queries.tag_versions(prompt))
        return Response({"model_version": found})


class SearchView(MlflowView):
    """GET registered-models/search."""

    def get(self, request: Request) -> Response:
        """A page of the prompts within the token's globs, by name."""
        wanted = search(request.query_params.dict(), request.query_params.getlist("order_by"))
        page = wanted.page(queries.visible_names(actor_of(request)))
        shown, more = page[: wanted.limit], page[wanted.limit :]
        rows = {prompt.name: prompt for prompt in queries.prompts_named(shown)}
        found = [entities.registered_model(rows[name], _aliases(rows[name])) for name in shown]
        token = {"next_page_token": shown[-1]} if more else {}
        return Response({"registered_models": found, **token})


def _aliases(prompt: Prompt) -> dict[str, int]:
    """Of a prompt that was read with its tags."""
    live = ((tag.name, tag.event.version) for tag in prompt.tags.all())
    return {name: version.number for name, version in live if version is not None}


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


def _parameter(request: Request, name: str) -> str:
    text: str = request.query_params.get(name, "")
    if not text:
        raise InvalidError(f"the query needs {name}=")
    return text
