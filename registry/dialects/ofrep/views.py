"""A flag is `prompt.NAME`; its value is what the lookup answers, its variant the tag that did."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from hashlib import sha256
from typing import Any, ClassVar

from django.http import HttpResponse
from rest_framework.request import Request
from rest_framework.response import Response

from core.errors import InvalidError
from registry import lookup, queries
from registry.dialects.naming import named
from registry.dialects.view import DialectView, Wrong, actor_of
from registry.domain.canary_arm import LONGEST_KEY
from registry.domain.dots import dotted
from registry.errors import PromptUnknownError, TagUnknownError

_PREFIX = "prompt."
#: Asks for another tag than `stable`. Contexts hold applications' own attributes, so not `tag`.
_TAG = "assay.tag"
#: One answer holds every live prompt whole; a browser wants a handful.
_MOST_FLAGS = 200


class FlagUnknownError(PromptUnknownError):
    """There is no such flag."""

    code = "flag_unknown"


class TooManyFlagsError(InvalidError):
    """The token sees too many prompts to evaluate all at once."""

    code = "too_many_flags"
    hint = "limit the token to the prompts the application uses: `assay token create --prompt`"


@dataclass(frozen=True, slots=True)
class Context:
    """Who asks: `key` is the targeting key, empty without one; `tag` is asked for by name."""

    key: str
    tag: str


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

    def post(self, request: Request, flag: str) -> Response:
        """One prompt for one user."""
        if not flag.startswith(_PREFIX):
            raise FlagUnknownError(f"there is no flag {flag!r}: flags are called prompt.NAME")
        context = _context(request)
        name = named(flag.removeprefix(_PREFIX), actor_of(request))
        return Response(_evaluated(flag, lookup.by_tag(name, context.tag, context.key), context))


class FlagsView(OfrepView):
    """POST evaluate/flags."""

    def post(self, request: Request) -> HttpResponse:
        """Every prompt of the token that the tag is set for, for one user."""
        context = _context(request)
        names = queries.visible_names(actor_of(request))
        if len(names) > _MOST_FLAGS:
            raise TooManyFlagsError(
                f"the token sees {len(names)} prompts; {_MOST_FLAGS} are evaluated at once"
            )
        found = [one for name in names if (one := _flag(name, context)) is not None]
        body = json.dumps({"flags": found}, ensure_ascii=False, separators=(",", ":")).encode()
        etag = f'"{sha256(body).hexdigest()[:32]}"'
        known = request.headers.get("If-None-Match", "")
        if etag in known or known.strip() == "*":
            response = HttpResponse(status=304)
            del response["Content-Type"]
        else:
            response = HttpResponse(body, content_type="application/json")
        response["ETag"] = etag
        response["Cache-Control"] = "private, no-cache"
        return response


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


def _context(request: Request) -> Context:
    body = request.data if isinstance(request.data, dict) else {}
    context = body.get("context", {})
    if not isinstance(request.data, dict) or not isinstance(context, dict):
        raise InvalidError('the body is an object like {"context": {"targetingKey": "user-1"}}')
    key, tag = context.get("targetingKey", ""), context.get(_TAG, lookup.STABLE)
    if not isinstance(key, str) or len(key) > LONGEST_KEY:
        raise InvalidError(f"targetingKey is a text of at most {LONGEST_KEY} characters")
    if not isinstance(tag, str) or not tag:
        raise InvalidError(f"{_TAG} is the name of a tag")
    return Context(key, tag)


def _flag(name: str, context: Context) -> dict[str, Any] | None:
    try:
        answer = lookup.by_tag(name, context.tag, context.key)
    except TagUnknownError:
        return None
    return _evaluated(_PREFIX + dotted(name), answer, context)


def _evaluated(flag: str, answer: lookup.Answer, context: Context) -> dict[str, Any]:
    value = answer.body()
    return {
        "key": flag,
        "value": value,
        "variant": value["tag"],
        "reason": _reason(answer, context),
        "metadata": {"version": value["version"], "revision": value["revision"]},
    }


def _reason(answer: lookup.Answer, context: Context) -> str:
    """SPLIT where the key decided between two arms, else STATIC.

    OpenFeature's own words: its providers refuse any other.
    """
    is_drawn = context.tag == lookup.STABLE and bool(context.key)
    return "SPLIT" if is_drawn and queries.is_split(answer.prompt) else "STATIC"
