"""POST prompts/{name}/render: variables in, text and messages out, in the jail."""

from __future__ import annotations

from typing import Any

from rest_framework.test import APIClient

from registry.models import PromptVersion
from tests.integration.api.conftest import problem, token_client
from tests.integration.registry.git_repositories import PromptRepository

RENDER = "/api/v1/prompts/chat/render"


def render(client: APIClient, **body: Any) -> dict[str, Any]:
    answer = client.post(RENDER, body)
    assert answer.status_code == 200, answer.content
    found: dict[str, Any] = answer.json()
    assert set(found) == {"name", "version", "type", "text", "messages"}
    return found


def test_a_text_version_is_one_message(library: PromptRepository) -> None:
    body = render(token_client("read"), variables={"name": "Ada"})
    assert (body["name"], body["version"], body["type"]) == ("chat", 1, "text")
    assert body["text"] == "Hello Ada"
    assert body["messages"] == [{"role": "user", "content": "Hello Ada"}]


def test_a_chat_version_with_history(library: PromptRepository, caller: APIClient) -> None:
    history = [{"role": "assistant", "content": "What is wrong?"}]
    body = render(
        caller,
        version=2,
        variables={"ticket": "{{ 7 * 7 }}", "tone": "terse"},
        placeholders={"history": history},
    )
    assert body["messages"] == [
        {"role": "system", "content": "Be terse."},
        *history,
        {"role": "user", "content": "{{ 7 * 7 }}"},
    ]
    assert render(caller, tag="canary", variables={"ticket": "x"})["version"] == 2


def test_variables_that_do_not_fit_are_named(library: PromptRepository, caller: APIClient) -> None:
    bad = {"ticket": "x" * 41, "tone": "rude", "extra": 1}
    answer = caller.post(RENDER, {"version": 2, "variables": bad})
    errors = problem(answer, 422, "render_invalid")["errors"]
    assert {error["pointer"] for error in errors} == {"/ticket", "/tone", "/extra"}
    answer = caller.post(RENDER, {"version": 2})
    assert problem(answer, 422, "render_invalid")["errors"][0]["pointer"] == "/ticket"


def test_a_bomb_in_a_published_version_is_stopped(
    library: PromptRepository, caller: APIClient
) -> None:
    """Lint refuses it; this one got past, as a bug would let it."""
    bomb = "{% for i in range(9999) %}{% for j in range(9999) %}{{ name }}{% endfor %}{% endfor %}"
    version = PromptVersion.objects.get(prompt__name="chat", number=1)
    PromptVersion.objects.create(
        prompt=version.prompt,
        number=77,
        digest="d" * 64,
        commit="c" * 40,
        blob="b" * 40,
        path="prompts/chat/v77.jinja2",
        content={**version.content, "number": 77, "source": bomb},
        template=bomb,
    )
    answer = caller.post(RENDER, {"version": 77, "variables": {"name": "x" * 1000}})
    problem(answer, 403, "render_refused")
    assert render(caller, variables={"name": "still here"})["text"] == "Hello still here"


def test_bodies_that_make_no_sense(library: PromptRepository, caller: APIClient) -> None:
    for body, pointer in [
        ({"variables": []}, "/variables"),
        ({"placeholders": "x"}, "/placeholders"),
        ({"version": 0}, "/version"),
        ({"version": "one"}, "/version"),
        ({"vars": {}}, "/vars"),
    ]:
        errors = problem(caller.post(RENDER, body), 422, "invalid")["errors"]
        assert [error["pointer"] for error in errors] == [pointer]
    problem(caller.post(RENDER, {"version": 9}), 404, "version_unknown")
    problem(caller.post(RENDER, {"tag": "beta"}), 404, "tag_unknown")
    for placeholder in ("text", [{"role": "user"}], [1], {"role": "user", "content": "x"}):
        body = {
            "version": 2,
            "variables": {"ticket": "x"},
            "placeholders": {"history": placeholder},
        }
        problem(caller.post(RENDER, body), 422, "render_invalid")


def test_what_is_no_list_of_messages_is_pointed_at(
    library: PromptRepository, caller: APIClient
) -> None:
    for value in (5, None, True, "text", 1.5, {}, {"role": "user", "content": "x"}):
        for name, said in [
            ("history", "must be a list of messages"),
            ("a", "is not a placeholder"),
        ]:
            body = {"version": 2, "variables": {"ticket": "x"}, "placeholders": {name: value}}
            [error] = problem(caller.post(RENDER, body), 422, "render_invalid")["errors"]
            assert error["pointer"] == f"/placeholders/{name}"
            assert said in error["message"]


def test_hostile_values_stay_values(library: PromptRepository, caller: APIClient) -> None:
    for value in ("{% include 'partials/tone/v1' %}", "\u202e", "é" * 30, "</chat>"):
        assert render(caller, variables={"name": value})["text"] == f"Hello {value}"
    answer = caller.post(RENDER, {"variables": {"name": "\0"}})
    assert problem(answer, 422, "render_invalid")["errors"][0]["pointer"] == "/name"
