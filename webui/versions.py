"""A version: its text, its contract, a rendered preview; and what changed between two."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render

from core.errors import AssayError, InvalidError
from evals import queries as evals_queries
from evals.trying import MOST_TOKENS, SECONDS
from registry import queries
from registry.difference import difference
from registry.domain.actor import Scope
from registry.domain.version import VersionContent
from registry.models import PromptVersion
from webui.differing import side_by_side
from webui.highlighting import highlighted
from webui.people import actor_of, page
from webui.previewing import inputs, rendered
from webui.rendering_cases import cases_of, render_cases

#: Of a try, unless somebody says otherwise.
_ANSWER_TOKENS = 256


@page("POST")
def version(request: HttpRequest, name: str, number: int) -> HttpResponse:
    """A version and, after a POST, what it renders to."""
    row = version_for(request, name, number)
    content = VersionContent.from_json(row.content)
    preview, problem = None, None
    if request.method == "POST":
        try:
            preview = rendered(row, content, request.POST)
        except AssayError as error:
            problem = error
    # The form asks for its part of the page alone where scripts run.
    template = "preview" if request.headers.get("HX-Request") == "true" else "version"
    context = version_context(request, row, content) | {"rendered": preview, "problem": problem}
    return render(request, f"webui/{template}.html", context)


def version_for(request: HttpRequest, name: str, number: int) -> PromptVersion:
    """A version that the reader may see. Raises NotAllowedError and NotFoundError kinds."""
    actor_of(request).require(Scope.READ, name)
    return queries.version(queries.prompt(name), number)


def version_context(
    request: HttpRequest, row: PromptVersion, content: VersionContent
) -> dict[str, Any]:
    """What a version's page shows whatever was asked of it. Querysets are read where they are
    shown.
    """
    actor, name, given = actor_of(request), row.prompt.name, request.POST
    return {
        "prompt": row.prompt,
        "version": row,
        "content": content,
        "template": highlighted(content.source),
        "parameters": [(key, json.dumps(value)) for key, value in content.parameters.items()],
        "partials": [(path, highlighted(text)) for path, text in content.partials.items()],
        "inputs": list(inputs(content, given)),
        "others": row.prompt.versions.exclude(pk=row.pk).order_by("-number").only("number")[:50],
        "runs": evals_queries.latest_runs(actor, 8, prompt=name, version=row.number),
        "may_evaluate": actor.may(Scope.EVALUATE, name),
        "models": queries.models(),
        "model": given.get("model") or row.prompt.default_model,
        "max_tokens": given.get("max_tokens") or _ANSWER_TOKENS,
        "most_tokens": MOST_TOKENS,
        "most_seconds": round(SECONDS),
    }


@page()
def diff(request: HttpRequest, name: str) -> HttpResponse:
    """Two versions side by side: lines, words within lines, the contract, and rendered on cases."""
    actor_of(request).require(Scope.READ, name)
    row = queries.prompt(name)
    numbers = list(row.versions.order_by("-number").values_list("number", flat=True))
    new = _number(request, "new") or (numbers[0] if numbers else 1)
    older = [number for number in numbers if number < new]
    old = _number(request, "old") or (older[0] if older else new)
    before, after = queries.version(row, old), queries.version(row, new)
    cases, chosen = cases_of(row), request.GET.getlist("case")
    context = {
        "prompt": row,
        "old": before,
        "new": after,
        "numbers": numbers,
        "lines": side_by_side(before.template, after.template),
        "difference": difference(before, after),
        "parameters": _changed(before.content["parameters"], after.content["parameters"]),
        "cases": cases,
        "chosen": chosen,
        "rendered": render_cases(before, after, cases, chosen),
    }
    return render(request, "webui/diff.html", context)


def _number(request: HttpRequest, key: str) -> int | None:
    text = request.GET.get(key, "").removeprefix("v")
    if not text:
        return None
    if not (text.isascii() and text.isdigit() and len(text) < 7):
        raise InvalidError(f"{key}={text[:40]!r} is not a version number")
    return int(text)


def _changed(old: Mapping[str, Any], new: Mapping[str, Any]) -> list[tuple[str, str, str]]:
    """Parameters that differ: name, before, after; a dash for one that is not there."""
    names = sorted({*old, *new})
    shown = [(name, _shown(old, name), _shown(new, name)) for name in names]
    return [line for line in shown if line[1] != line[2]]


def _shown(values: Mapping[str, Any], name: str) -> str:
    return json.dumps(values[name]) if name in values else "—"
