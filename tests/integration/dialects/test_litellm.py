"""The generic endpoint of LiteLLM: a pinned version with single braces, or a clear refusal."""

from __future__ import annotations

from typing import Any

import pytest
from rest_framework.test import APIClient

from registry import sync
from tests.integration.api.conftest import token_client
from tests.integration.registry.git_repositories import PromptRepository

pytestmark = pytest.mark.django_db(transaction=True)


def ask(client: APIClient, **query: str) -> tuple[int, Any]:
    answer = client.get("/beta/litellm_prompt_management", query)
    return answer.status_code, answer.json()


def test_a_pinned_version_is_messages_with_single_braces(application: APIClient) -> None:
    assert ask(application, prompt_id="reply@v1") == (
        200,
        {
            "prompt_id": "reply@v1",
            "prompt_template": [
                {"role": "system", "content": "Reply in one line."},
                {"role": "user", "content": "About {topic}?"},
            ],
            "prompt_template_optional_params": {},
        },
    )
    status, greeting = ask(application, prompt_id="greeting@v1")
    assert status == 200
    assert greeting["prompt_template"] == [{"role": "user", "content": "Hello {name}!"}]


@pytest.mark.parametrize("prompt_id", ["greeting", "greeting@stable", "greeting@v0", "@v1", "@"])
def test_a_tag_is_refused_because_litellm_would_keep_it_for_ever(
    application: APIClient, prompt_id: str
) -> None:
    status, told = ask(application, prompt_id=prompt_id)
    assert (status, told["error"]["code"]) == (400, "not_pinned")
    assert "prompt_id=greeting@v3" in told["error"]["message"]


@pytest.mark.parametrize(
    ("prompt_id", "message"),
    [
        ("polite@v1", "polite@v1 cannot be filled in by LiteLLM: there is more than"),
        ("listing@v1", "there is more than"),
        ("latex@v1", "there is more than"),
        ("shape@v1", "the text '{name}' would be taken for a variable"),
        ("greeting@v2", "the variable place has a default"),
        ("support/chat@v1", "the placeholder history is not at the end"),
    ],
)
def test_what_replacing_cannot_express_is_refused_by_name(
    application: APIClient, prompt_id: str, message: str
) -> None:
    status, told = ask(application, prompt_id=prompt_id)
    assert status == 400
    assert message in told["error"]["message"]


def test_braces_that_no_caller_could_mean_stay(
    application: APIClient, repository: PromptRepository
) -> None:
    source = '---\nvariables:\n  a: {}\n---\n{"key": {{ a }}, "b": {"c": 1}} { {x y}\n'
    repository.write({"prompts/braces/v1.jinja2": source}).commit()
    sync.sync()
    status, told = ask(application, prompt_id="braces@v1")
    assert status == 200, told
    [message] = told["prompt_template"]
    assert message["content"] == '{"key": {a}, "b": {"c": 1}} { {x y}'


def test_a_label_or_version_beside_the_id_is_refused(application: APIClient) -> None:
    status, told = ask(application, prompt_id="greeting@v1", label="canary")
    assert (status, told["error"]["message"]) == (
        400,
        "the query is prompt_id= and nothing else, not label=",
    )


def test_what_is_not_there_or_not_for_this_token(application: APIClient) -> None:
    assert ask(application, prompt_id="greeting@v99")[0] == 404
    assert ask(application, prompt_id="nobody@v1")[0] == 404
    narrow = token_client("lookup", prompts=("support/*",))
    assert ask(narrow, prompt_id="greeting@v1")[0] == 403
    assert ask(token_client("read"), prompt_id="greeting@v1")[0] == 403
    assert ask(APIClient(), prompt_id="greeting@v1")[0] == 401
