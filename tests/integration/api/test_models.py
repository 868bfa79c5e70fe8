"""GET models: the pins of models.yaml as they are now."""

from __future__ import annotations

from typing import Any

from django.utils import timezone
from rest_framework.test import APIClient

from core.digest import digest
from registry import certificates, queries
from tests.integration.api.conftest import session_client, token_client
from tests.integration.registry.git_repositories import PromptRepository

MODEL = set(
    "name served_id revision pinned engine max_context fingerprint fingerprint_at base_url".split()
)


def models(client: APIClient) -> dict[str, dict[str, Any]]:
    answer = client.get("/api/v1/models")
    assert answer.status_code == 200, answer.content
    assert set(answer.json()) == {"results"}
    return {model["name"]: model for model in answer.json()["results"]}


def test_each_pin_says_what_it_is_and_where(library: PromptRepository) -> None:
    found = models(token_client("read", "evaluate"))
    assert list(found) == ["loose", "tiny"]
    tiny, loose = found["tiny"], found["loose"]
    assert set(tiny) == MODEL
    assert (tiny["served_id"], tiny["revision"], tiny["pinned"]) == ("tiny-chat", "r1", True)
    assert (tiny["engine"], tiny["max_context"], tiny["base_url"]) == ("llama.cpp", None, None)
    assert (tiny["fingerprint"], tiny["fingerprint_at"]) == (None, None)
    assert (loose["pinned"], loose["base_url"]) == (False, "http://127.0.0.1:1")


def test_a_measured_model_shows_its_fingerprint(
    library: PromptRepository, caller: APIClient
) -> None:
    certificates.record_fingerprint(
        model=queries.current_model("tiny"),
        fingerprint=digest("weights"),
        mode="text",
        now=timezone.now(),
    )
    tiny = models(caller)["tiny"]
    assert tiny["fingerprint"] == digest("weights")
    assert tiny["fingerprint_at"] is not None


def test_a_pin_that_changed_is_shown_once(library: PromptRepository, caller: APIClient) -> None:
    library.write({"models.yaml": "models:\n  tiny: {served_id: tiny-chat, revision: r2}\n"})
    library.commit()
    caller.post("/api/v1/syncs", {})
    found = models(caller)
    assert found["tiny"]["revision"] == "r2"


def test_where_a_model_answers_is_for_those_who_use_it(library: PromptRepository) -> None:
    url = "http://127.0.0.1:1"
    for client, seen in [
        (token_client("read"), None),
        (token_client("read", "promote"), None),
        (token_client("read", "evaluate"), url),
        (token_client("read", "admin"), url),
        (token_client(prompts=("chat",)), None),
        (session_client("viewer"), None),
        (session_client("editor"), url),
    ]:
        assert models(client)["loose"]["base_url"] == seen
