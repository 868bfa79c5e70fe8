"""A version: its text, its contract, a rendered preview; and what changed between two."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from django.http import HttpRequest, HttpResponse, QueryDict
from django.shortcuts import render

from core.errors import AssayError, InvalidError
from evals import queries as evals_queries
from registry import queries, slow
from registry.difference import difference
from registry.domain.actor import Scope
from registry.domain.template.analysis import placeholder_names
from registry.domain.version import VersionContent
from registry.models import PromptVersion
from registry.preview import preview
from webui.differing import side_by_side
from webui.highlighting import highlighted
from webui.people import actor_of, page

#: The form's names, apart from the page's own fields.
_VARIABLE, _PLACEHOLDER = "var:", "placeholder:"
_LONG = 80


@dataclass(frozen=True, slots=True)
class Input:
    """One field of the preview's form. `kind`: text, long, number, choice, boolean or json."""

    name: str
    label: str
    kind: str
    value: str
    choices: tuple[str, ...] = ()
    help: str = ""
    required: bool = False


@page("POST")
def version(request: HttpRequest, name: str, number: int) -> HttpResponse:
    """A version and, after a POST, what it renders to."""
    actor = actor_of(request)
    actor.require(Scope.READ, name)
    row = queries.version(queries.prompt(name), number)
    content = VersionContent.from_json(row.content)
    rendered, problem = None, None
    if request.method == "POST":
        try:
            rendered = _rendered(row, content, request.POST)
        except AssayError as error:
            problem = error
    context = {
        "prompt": row.prompt,
        "version": row,
        "content": content,
        "template": highlighted(content.source),
        "parameters": [(key, json.dumps(value)) for key, value in content.parameters.items()],
        "partials": [(path, highlighted(text)) for path, text in content.partials.items()],
        "inputs": list(_inputs(content, request.POST)),
        "rendered": rendered,
        "problem": problem,
        "others": row.prompt.versions.exclude(pk=row.pk).order_by("-number").only("number")[:50],
        "runs": evals_queries.latest_runs(actor, 8, prompt=name, version=number),
        "may_evaluate": actor.may(Scope.EVALUATE, name),
    }
    # The form asks for its part of the page alone where scripts run.
    template = "preview" if request.headers.get("HX-Request") == "true" else "version"
    return render(request, f"webui/{template}.html", context)


@page()
def diff(request: HttpRequest, name: str) -> HttpResponse:
    """Two versions side by side: lines, words within lines, and the contract."""
    actor_of(request).require(Scope.READ, name)
    row = queries.prompt(name)
    numbers = list(row.versions.order_by("-number").values_list("number", flat=True))
    new = _number(request, "new") or (numbers[0] if numbers else 1)
    older = [number for number in numbers if number < new]
    old = _number(request, "old") or (older[0] if older else new)
    before, after = queries.version(row, old), queries.version(row, new)
    context = {
        "prompt": row,
        "old": before,
        "new": after,
        "numbers": numbers,
        "lines": side_by_side(before.template, after.template),
        "difference": difference(before, after),
        "parameters": _changed(before.content["parameters"], after.content["parameters"]),
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


def _inputs(content: VersionContent, given: QueryDict) -> Any:
    for name, schema in content.variables.items():
        key = _VARIABLE + name
        default = schema.get("default", "")
        kind = _kind(schema)
        text = default if isinstance(default, str) else json.dumps(default)
        yield Input(
            key,
            name,
            kind,
            given.get(key, "") if given else text,
            tuple(str(choice) for choice in schema.get("enum", ())),
            str(schema.get("description", "")),
            required="default" not in schema and kind != "boolean",
        )
    for name in placeholder_names(content):
        key = _PLACEHOLDER + name
        help_text = 'a JSON list of messages: [{"role": "user", "content": "…"}]'
        yield Input(key, name, "json", given.get(key, "[]") if given else "[]", (), help_text)


def _kind(schema: Mapping[str, Any]) -> str:
    if "enum" in schema and all(isinstance(choice, str) for choice in schema["enum"]):
        return "choice"
    of = schema.get("type")
    if of == "string":
        return "long" if schema.get("maxLength", _LONG + 1) > _LONG else "text"
    return {"integer": "number", "number": "number", "boolean": "boolean"}.get(str(of), "json")


def _rendered(row: PromptVersion, content: VersionContent, given: QueryDict) -> dict[str, Any]:
    """Raises AssayError kinds: values that are no JSON, or that the prompt refuses."""
    variables: dict[str, Any] = {}
    for name, schema in content.variables.items():
        text, kind = given.get(_VARIABLE + name, ""), _kind(schema)
        if kind == "boolean":
            variables[name] = bool(text)
        elif text or (kind in {"text", "long"} and "default" not in schema):
            variables[name] = text if kind in {"text", "long", "choice"} else _json(name, text)
    placeholders = {
        name: _json(name, given.get(_PLACEHOLDER + name) or "[]")
        for name in placeholder_names(content)
    }
    with slow.RENDERINGS.one():
        return preview(row, variables, placeholders)


def _json(name: str, text: str) -> Any:
    try:
        return json.loads(text)
    except (ValueError, RecursionError):
        raise InvalidError(f"{name}: this is not JSON: {text[:60]!r}") from None
