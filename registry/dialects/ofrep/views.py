"""A flag is `prompt.NAME`; its value is what the lookup answers, its variant the tag that did."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar

from django.http import HttpResponse
from rest_framework.request import Request
from rest_framework.response import Response

from registry import lookup, slow
from registry.dialects.known import response
from registry.dialects.naming import named
from registry.dialects.ofrep import evaluation
from registry.dialects.ofrep.evaluation import PREFIX
from registry.dialects.view import DialectView, Wrong, actor_of
from registry.errors import PromptUnknownError, TagUnknownError


class FlagUnknownError(PromptUnknownError):
    """There is no such flag."""

    code = "flag_unknown"


class OfrepView(DialectView):
    """Errors are `{"key", "errorCode", "errorDetails"}`."""

    codes: ClassVar[Mapping[int, str]] = {400: "INVALID_CONTEXT", 404: "FLAG_NOT_FOUND"}

    def shaped(self, wrong: Wrong) -> dict[str, Any]:
        """OpenFeature's words."""
        flag = self.kwargs.get("flag")
        code = "PARSE_ERROR" if wrong.code == "parse_error" else self.codes.get(wrong.status)
        body = {"errorCode": code or "GENERAL", "errorDetails": wrong.message}
        return {"key": flag, **body} if flag else body


class FlagView(OfrepView):
    """POST evaluate/flags/{key}."""

    def post(self, request: Request, flag: str) -> HttpResponse:
        """One prompt for one user."""
        if not flag.startswith(PREFIX):
            raise FlagUnknownError(f"there is no flag {flag!r}: flags are called prompt.NAME")
        asked = evaluation.context(request.data)
        name = named(flag.removeprefix(PREFIX), actor_of(request))
        where = lookup.standing()
        shelf = lookup.shelf_for([lookup.Item(name, asked.tag, asked.key)])
        answer = shelf.live(name, asked.tag, asked.key)
        if answer is None:
            raise TagUnknownError.among(name, asked.tag, shelf.entries[name].pointers)
        return response(evaluation.one(flag, answer, asked, where))


class FlagsView(OfrepView):
    """POST evaluate/flags."""

    def post(self, request: Request) -> HttpResponse:
        """Every prompt of the token that the tag is set for, for one user."""
        asked = evaluation.context(request.data)
        with slow.BUNDLES.one():
            where = lookup.standing()
            answers, revision = lookup.live(asked.tag, asked.key, actor_of(request))
            where = where._replace(registry_revision=revision or where.registry_revision)
            known = request.headers.get("If-None-Match", "")
            return response(evaluation.every(answers, asked, known, where))


class ConfigurationView(OfrepView):
    """GET configuration."""

    def get(self, _request: Request) -> Response:
        """What a provider may know beforehand: nothing is pushed, asking again is cheap by ETag."""
        polling = {"enabled": True, "minPollingIntervalMs": 1000}
        return Response(
            {
                "name": "Assay",
                "capabilities": {
                    "cacheInvalidation": {"polling": polling},
                    "flagEvaluation": {"supportedTypes": ["object"]},
                },
            }
        )
