"""MLflow's own client loads, renders and searches prompts, and gets nothing it would get wrong."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.acceptance.dialects.conftest import Registry
from tests.acceptance.dialects.environments import python_with, session

SESSION = Path(__file__).with_name("session.py")
Ask = Callable[..., list[Any]]


@pytest.fixture(scope="module")
def ask(registry: Registry) -> Iterator[Ask]:
    settings = {"MLFLOW_TRACKING_URI": registry.url, "MLFLOW_HTTP_REQUEST_MAX_RETRIES": "0"}
    with session(python_with("mlflow"), SESSION, settings=settings) as mlflow:

        def run(*steps: dict[str, Any], token: str = registry.token) -> list[Any]:
            found = mlflow({"steps": steps, "token": token})
            assert found["warnings"] == []
            answers: list[Any] = found["answers"]
            return answers

        yield run


def test_prompts_are_loaded_by_tag_by_version_and_as_the_newest(ask: Ask) -> None:
    values = {"name": "Ann", "place": "Oslo"}
    steps = [
        {"load": "prompts:/greeting@stable", "values": values},
        {"load": "prompts:/greeting@canary", "values": values},
        {"load": "prompts:/greeting@blue", "values": values},
        {"load": "greeting", "version": 3, "values": values},
        {"load": "greeting", "values": values},
        {"load": "prompts:/greeting@latest", "values": values},
    ]
    stable, canary, blue, third, newest, latest = ask(*steps)
    assert (stable["version"], stable["text"]) == (2, "Good day Ann, welcome to Oslo.")
    assert (canary["version"], canary["text"]) == (3, "Welcome to Oslo, Ann.")
    assert (blue["version"], blue["text"]) == (1, "Hello Ann!")
    assert third["version"] == 3
    assert newest["version"] == latest["version"] == 4
    assert stable["aliases"] == ["stable"]
    assert stable["model_config"] == {"temperature": 0.2, "max_tokens": 64}


def test_what_it_renders_is_what_assay_renders(ask: Ask, registry: Registry) -> None:
    hostile = "{{ place }} {% if %} \\1 {x}"
    cases: list[tuple[str, dict[str, Any]]] = [
        ("greeting", {"name": hostile, "place": "{{ name }}"}),
        ("greeting", {"name": "Ann"}),
        ("polite", {"name": "ann"}),
        ("listing", {"items": ["tea", "<milk>"]}),
        ("shape", {"name": "Ann"}),
        ("latex", {"name": "Ann"}),
        ("reply", {"topic": "tea"}),
        ("support/chat", {"company": "ACME", "question": "{{ company }}?"}),
    ]
    steps = [
        {"load": f"prompts:/{name.replace('/', '.')}@stable", "values": values}
        for name, values in cases
    ]
    with registry.platform.client() as client:
        for (name, values), found in zip(cases, ask(*steps), strict=True):
            here = client.render(name, variables=values)
            if here.type == "text":
                assert found["text"] == here.text
            else:
                told = [{"role": m.role, "content": m.content} for m in here.messages]
                assert found["text"] == told


def test_a_chat_says_where_its_placeholder_goes(ask: Ask) -> None:
    [chat] = ask({"load": "prompts:/support.chat@stable"})
    assert [message["role"] for message in chat["template"]] == ["system", "user"]
    assert chat["tags"]["assay.placeholders"] == '[{"name": "history", "after_messages": 1}]'


def test_a_missing_variable_is_an_error_as_it_is_here(ask: Ask) -> None:
    greeting, shape = ask(
        {"load": "prompts:/greeting@stable", "values": {"place": "Rome"}},
        {"load": "prompts:/shape@stable", "values": {"other": "x"}},
    )
    assert greeting == {"error": "UndefinedError", "message": "'name' is undefined"}
    assert "Missing variables: {'name'}" in shape["message"]


def test_search_lists_pages_and_filters(ask: Ask) -> None:
    everything, some, folder, few, odd = ask(
        {"search": {}},
        {"search": {"filter_string": "name LIKE 'gre%'"}},
        {"search": {"filter_string": "name = 'support.chat'"}},
        {"search": {"max_results": 3, "order_by": ["name DESC"]}},
        {"search": {"filter_string": "tags.team = 'x'"}},
    )
    names = [name for name, _ in everything]
    assert names == sorted(names)
    assert {"greeting", "support.chat", "latex"} <= set(names)
    assert some == [["greeting", "Greets."]]
    assert folder == [["support.chat", "Answers customers."]]
    assert [name for name, _ in few] == names[::-1][:3]
    assert odd["error"] == "INVALID_PARAMETER_VALUE"


def test_what_is_not_there_is_said_in_mlflows_words(ask: Ask) -> None:
    nobody, version, alias, allowed = ask(
        {"load": "prompts:/nobody@stable"},
        {"load": "prompts:/greeting/99"},
        {"load": "prompts:/greeting@gone"},
        {"load": "prompts:/nobody@stable", "allow_missing": True},
    )
    assert nobody["error"] == version["error"] == "RESOURCE_DOES_NOT_EXIST"
    assert "it has v1, v2, v3, v4" in version["message"]
    assert alias["error"] == "INVALID_PARAMETER_VALUE"
    assert "it has blue, canary, stable" in alias["message"]
    assert allowed is None


def test_writes_are_refused_with_the_way_to_go(ask: Ask) -> None:
    refused = ask(
        {"write": "register_prompt", "with": {"name": "greeting", "template": "Hi"}},
        {"write": "register_prompt", "with": {"name": "brand-new", "template": "Hi"}},
        {
            "write": "set_prompt_alias",
            "with": {"name": "greeting", "alias": "stable", "version": 4},
        },
        {"write": "delete_prompt_alias", "with": {"name": "greeting", "alias": "stable"}},
    )
    assert {one["error"] for one in refused} == {"PERMISSION_DENIED"}
    assert all("open a pull request" in one["message"] for one in refused)


def test_the_token_decides_what_is_seen(ask: Ask, registry: Registry) -> None:
    narrow = registry.token_for("mlflow-narrow", scopes=["lookup"], prompts=["support/*"])
    chat, hidden, found = ask(
        {"load": "prompts:/support.chat@stable", "cache_ttl_seconds": 0},
        {"load": "prompts:/greeting@stable", "cache_ttl_seconds": 0},
        {"search": {}},
        token=narrow,
    )
    assert chat["version"] == 1
    assert hidden["error"] == "PERMISSION_DENIED"
    assert found == [["support.chat", "Answers customers."]]
    [stranger] = ask({"load": "greeting", "cache_ttl_seconds": 0}, token="assay_wrong")
    assert stranger["error"] == "UNAUTHENTICATED"
