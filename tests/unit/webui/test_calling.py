"""The code to copy is code, and calls what exists."""

from __future__ import annotations

import ast
import inspect
from typing import Literal

import pytest

from assay import Client
from assay.prompts.values import Prompt
from registry.domain.version import VersionContent
from webui.calling import snippets

ADDRESS = "https://assay.example.org"
CHAT = '{% chat role="system" %}{{ company }}{% endchat %}{% placeholder "history" %}'


def content(source: str, *names: str, kind: Literal["text", "chat"] = "text") -> VersionContent:
    variables = {name: {"type": "string"} for name in names}
    path = "prompts/a/b/v1.jinja2"
    return VersionContent("a/b", 1, path, source=source, type=kind, variables=variables)


@pytest.mark.parametrize(
    "version",
    [
        None,
        content("Hi"),
        content("{{ question }} {{ tone }}", "question", "tone"),
        content("{{ x }}", "class"),
        content(CHAT, "company", kind="chat"),
    ],
)
def test_every_snippet_is_python(version: VersionContent | None) -> None:
    curl, *python = snippets("a/b", version, ADDRESS)
    assert f'"{ADDRESS}/api/v1/prompts/a/b?tag=stable"' in curl.code
    for snippet in python:
        ast.parse(snippet.code)
    inspect.signature(Client).bind(ADDRESS)


def test_variables_and_placeholders_are_those_of_the_version() -> None:
    _, ours, _, theirs = snippets("a/b", content(CHAT, "company", kind="chat"), ADDRESS)
    assert 'prompt.render({"history": history}, company=company)' in ours.code
    assert 'get_prompt("a/b", type="chat")' in theirs.code
    parameters = inspect.signature(Prompt.render).parameters
    assert parameters["placeholders"].kind is inspect.Parameter.POSITIONAL_ONLY
