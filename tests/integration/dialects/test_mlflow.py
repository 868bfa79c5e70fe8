"""The MLflow interface, where its client does not go or hides what was answered."""

from __future__ import annotations

import base64
from typing import Any
from urllib.parse import urlencode

import pytest
from rest_framework.test import APIClient

from registry import access, sync
from tests.integration.api.conftest import token_client
from tests.integration.registry.git_repositories import PromptRepository

pytestmark = pytest.mark.django_db(transaction=True)


def ask(client: APIClient, route: str, **query: str) -> tuple[int, Any]:
    answer = client.get(f"/api/2.0/mlflow/{route}?{urlencode(query)}")
    return answer.status_code, answer.json()


def names(found: Any) -> list[str]:
    return [one["name"] for one in found["registered_models"]]


def test_a_template_that_mlflow_would_render_differently_is_refused_with_its_line(
    application: APIClient, repository: PromptRepository
) -> None:
    source = "---\nvariables:\n  who: {type: object}\n---\nHi\n{{ who | tojson }}\n"
    repository.write({"prompts/greeting/v5.jinja2": source}).commit()
    sync.sync()
    status, told = ask(application, "registered-models/alias", name="greeting", alias="latest")
    assert (status, told["error_code"]) == (400, "BAD_REQUEST")
    assert (
        "greeting@v5 cannot be rendered by MLflow: line 2: the filter `tojson`" in told["message"]
    )
    assert ask(application, "registered-models/alias", name="greeting", alias="stable")[0] == 200


def test_a_name_with_dots_that_two_prompts_could_have_is_refused(
    application: APIClient, repository: PromptRepository
) -> None:
    repository.write({"prompts/support.chat/v1.jinja2": "Other\n"}).commit()
    sync.sync()
    status, told = ask(application, "registered-models/get", name="support.chat")
    assert (status, told["error_code"]) == (400, "INVALID_PARAMETER_VALUE")
    assert "support.chat stands for support.chat and support/chat" in told["message"]
    assert ask(application, "registered-models/get", name="support/chat")[0] == 200
    limited = token_client("lookup", prompts=("support/*",))
    status, found = ask(limited, "registered-models/get", name="support.chat")
    tags = {tag["key"]: tag["value"] for tag in found["registered_model"]["tags"]}
    assert (status, tags["assay.name"]) == (200, "support/chat")
    # Both are listed, and neither twice, however small the pages are.
    seen, token = [], ""
    while True:
        query = {"max_results": "1", **({"page_token": token} if token else {})}
        _, page = ask(application, "registered-models/search", **query)
        seen += names(page)
        token = page.get("next_page_token", "")
        if not token:
            break
    assert seen.count("support.chat") == 2
    assert len(seen) == 9


@pytest.mark.parametrize(
    ("query", "message"),
    [
        ({"filter": "name LIKE 'a' OR name = 'b'"}, "AND is expected at"),
        ({"filter": "version > 1"}, "cannot be read from 'version > 1'"),
        ({"filter": "name = 'x' AND"}, "cannot be read from"),
        ({"order_by": "last_updated_timestamp DESC"}, "cannot order by"),
        ({"max_results": "0"}, "from 1 to 1000"),
        ({"max_results": "many"}, "from 1 to 1000"),
    ],
)
def test_a_search_that_cannot_be_done_says_so(
    application: APIClient, query: dict[str, str], message: str
) -> None:
    status, told = ask(application, "registered-models/search", **query)
    assert (status, told["error_code"]) == (400, "INVALID_PARAMETER_VALUE")
    assert message in told["message"]


def test_patterns_are_sqls_and_nothing_else(application: APIClient) -> None:
    def found(text: str) -> list[str]:
        return names(ask(application, "registered-models/search", filter=text)[1])

    assert found("name LIKE 'gr__ting'") == ["greeting"]
    assert found("name LIKE '.*'") == found("name LIKE 'GREET%'") == []
    assert found("name ILIKE 'GREET%' AND tag.`mlflow.prompt.is_prompt` = 'true'") == ["greeting"]
    assert found("tags.`mlflow.prompt.is_prompt` = 'false'") == []


@pytest.mark.parametrize(
    ("route", "query"),
    [
        ("registered-models/get", {}),
        ("registered-models/alias", {"name": "greeting"}),
        ("model-versions/get", {"name": "greeting", "version": "one"}),
        ("model-versions/get", {"name": "greeting", "version": "9" * 40}),
    ],
)
def test_what_makes_no_sense_is_refused(
    application: APIClient, route: str, query: dict[str, str]
) -> None:
    status, told = ask(application, route, **query)
    assert (status, told["error_code"]) == (400, "INVALID_PARAMETER_VALUE")


def test_a_name_of_many_dots_is_only_itself(application: APIClient) -> None:
    status, told = ask(application, "registered-models/get", name="a." * 90 + "a")
    assert (status, told["error_code"]) == (404, "RESOURCE_DOES_NOT_EXIST")


def test_a_password_is_a_token_too(repository: PromptRepository) -> None:
    _, secret = access.create_token(name="password", scopes=["lookup"], created_by="test")
    client, pair = APIClient(), base64.b64encode(f"anybody:{secret}".encode()).decode()
    client.credentials(HTTP_AUTHORIZATION=f"Basic {pair}")
    assert ask(client, "registered-models/get", name="greeting")[0] == 200
    for broken in ("Basic %%%", "Basic " + base64.b64encode(b"\xff").decode(), "Basic"):
        client.credentials(HTTP_AUTHORIZATION=broken)
        status, told = ask(client, "registered-models/get", name="greeting")
        assert (status, told["error_code"]) == (401, "UNAUTHENTICATED")
