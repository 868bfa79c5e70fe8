"""GET models: the pins of models.yaml as they are now."""

from __future__ import annotations

from typing import Any

from django.utils import timezone
from rest_framework.test import APIClient

from core.digest import digest
from registry import certificates, probing, queries
from serving.served import Served
from tests.integration.api.conftest import session_client, token_client
from tests.integration.registry.git_repositories import PromptRepository

MODEL = set(
    "name served_id revision tokenizer_revision pinned engine engine_version dtype quantization "
    "max_context tensor_parallel concurrency fingerprint fingerprint_at fingerprint_mode "
    "fingerprint_state base_url probe drift".split()
)
SERVED = Served(
    is_reachable=True, is_healthy=True, ids=("tiny-chat",), engine="vllm", version="0.32.0"
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


def looked_at(name: str, **found: Any) -> None:
    probing.remember(
        model=queries.current_model(name),
        served=SERVED,
        differences=(),
        now=timezone.now(),
        **found,
    )


def test_the_last_look_and_the_last_comparison_are_shown(
    library: PromptRepository, caller: APIClient
) -> None:
    assert models(caller)["tiny"]["probe"] is None
    looked_at("tiny", fingerprint="same", distance=0.004)
    looked_at("tiny", error="the model server answered 500")
    tiny = models(caller)["tiny"]
    assert (tiny["probe"]["version"], tiny["probe"]["fingerprint"]) == ("0.32.0", "not measured")
    assert tiny["fingerprint_state"] == "same"
    one = caller.get("/api/v1/models/tiny").json()
    assert {key: one[key] for key in MODEL} == tiny
    assert [look["fingerprint"] for look in one["probes"]] == ["not measured", "same"]
    assert one["probes"][1]["distance"] == 0.004


def test_what_a_server_says_is_not_for_tokens_of_some_prompts_and_its_errors_for_fewer(
    library: PromptRepository,
) -> None:
    looked_at("tiny", error="cannot connect to 10.0.0.7")
    assert models(token_client(prompts=("chat",)))["tiny"]["probe"] is None
    assert models(token_client("read"))["tiny"]["probe"]["error"] == ""
    assert "10.0.0.7" in models(token_client("read", "evaluate"))["tiny"]["probe"]["error"]


def test_a_drifted_model_says_so(library: PromptRepository, caller: APIClient) -> None:
    for weights in ("first", "second"):
        certificates.record_fingerprint(
            model=queries.current_model("tiny"),
            fingerprint=digest(weights),
            mode="text",
            now=timezone.now(),
        )
    drift = models(caller)["tiny"]["drift"]
    assert drift["message"] == "tiny serves something else than what was certified on it"
    assert models(caller)["loose"]["drift"] is None


def test_an_unknown_model_is_404_and_names_those_that_exist(
    library: PromptRepository, caller: APIClient
) -> None:
    answer = caller.get("/api/v1/models/gone")
    assert answer.status_code == 404
    assert "loose, tiny" in answer.json()["detail"]


def test_a_look_is_asked_for_and_only_where_there_is_an_address(
    library: PromptRepository,
) -> None:
    client = token_client("read", "evaluate")
    asked = client.post("/api/v1/models/loose/probes", {"fingerprint": True})
    assert asked.status_code == 202, asked.content
    assert asked.json()["model"] == "loose"
    assert client.post("/api/v1/models/tiny/probes", {}).status_code == 503
    assert client.post("/api/v1/models/loose/probes", {"deep": True}).status_code == 422
