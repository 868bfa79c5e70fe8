"""What may be sent to a model server, and where."""

from __future__ import annotations

import json
from typing import Any

import pytest

from serving.client import (
    ALLOWED_PARAMETERS,
    ChatRequest,
    ChatRequestInvalidError,
    Endpoint,
    EndpointInvalidError,
    Message,
    ParameterRefusedError,
)
from serving.errors import ModelAnswerError
from serving.messages import chat_body, model_ids

HELLO = (Message("user", "Hello"),)


@pytest.mark.parametrize(
    ("base_url", "root_url"),
    [
        ("http://127.0.0.1:8001", "http://127.0.0.1:8001"),
        ("http://127.0.0.1:8001/", "http://127.0.0.1:8001"),
        ("http://127.0.0.1:8001/v1", "http://127.0.0.1:8001"),
        ("http://127.0.0.1:8001/v1/", "http://127.0.0.1:8001"),
        ("https://models.example/openai/v1", "https://models.example/openai"),
        ("https://models.example/dev1", "https://models.example/dev1"),
        ("http://[::1]:8001/v1", "http://[::1]:8001"),
    ],
)
def test_a_base_url_with_or_without_v1_is_the_same_server(base_url: str, root_url: str) -> None:
    endpoint = Endpoint(base_url, "tiny")
    assert endpoint.root_url == root_url
    assert endpoint.chat_url == f"{root_url}/v1/chat/completions"
    assert endpoint.models_url == f"{root_url}/v1/models"
    assert endpoint.health_url == f"{root_url}/health"


@pytest.mark.parametrize(
    "base_url",
    [
        "",
        "localhost:8001",
        "ftp://host",
        "file:///etc/passwd",
        "http://",
        "http://host:99999",
        "http://[::1",
        "http://host/?key=secret",
        "http://host/#secret",
        "http://user:secret@host",
        "http://host/a secret",
        "http://host/\x00secret",
        "http://host/\ud800secret",
        "http://secret\ud800",
        f"http://secret{'ü' * 70}.example",
    ],
)
def test_an_address_that_cannot_work_is_refused_without_repeating_it(base_url: str) -> None:
    with pytest.raises(EndpointInvalidError) as caught:
        Endpoint(base_url, "tiny")
    assert "secret" not in str(caught.value)


@pytest.mark.parametrize("api_key", ["", "a\r\nX: 1", "schlüssel", "a\x00"])
def test_a_key_that_no_header_can_hold_is_refused(api_key: str) -> None:
    with pytest.raises(EndpointInvalidError, match="api_key"):
        Endpoint("http://host", "tiny", api_key=api_key)


@pytest.mark.parametrize("setting", ["concurrency", "timeout_seconds", "max_response_bytes"])
def test_a_limit_of_nothing_is_refused(setting: str) -> None:
    settings: dict[str, Any] = {setting: 0}
    with pytest.raises(EndpointInvalidError, match="greater than 0"):
        Endpoint("http://host", "tiny", **settings)


def test_the_key_is_not_in_the_repr() -> None:
    assert "sk-1" not in repr(Endpoint("http://host", "tiny", api_key="sk-1"))


@pytest.mark.parametrize(
    "name", ["guided_json", "guided_choice", "guided_regex", "guided_grammar", "guided_x"]
)
def test_guided_parameters_are_refused_because_servers_ignore_them(name: str) -> None:
    with pytest.raises(ParameterRefusedError, match="ignores it silently") as caught:
        ChatRequest(HELLO, {name: {}})
    assert "response_format" in caught.value.hint


@pytest.mark.parametrize("name", ["n", "stream", "model", "messages", "logit_bias", "tools", ""])
def test_other_parameters_are_refused_by_name(name: str) -> None:
    with pytest.raises(ParameterRefusedError) as caught:
        ChatRequest(HELLO, {name: 1})
    assert all(allowed in caught.value.hint for allowed in ALLOWED_PARAMETERS)


def test_allowed_parameters_arrive_as_they_are() -> None:
    parameters = {
        "temperature": 0.5,
        "top_p": 0.9,
        "max_tokens": 5,
        "stop": ["\n"],
        "seed": 1,
        "response_format": {"type": "json_object"},
        "presence_penalty": 0.1,
        "frequency_penalty": -0.1,
    }
    assert set(parameters) == ALLOWED_PARAMETERS
    body = json.loads(chat_body("tiny", ChatRequest(HELLO, parameters)))
    assert body.items() >= parameters.items()


def test_an_empty_chat_is_refused() -> None:
    with pytest.raises(ChatRequestInvalidError, match="at least one message"):
        ChatRequest(())


@pytest.mark.parametrize("value", [float("nan"), float("inf"), {1, 2}, object()])
def test_a_parameter_that_is_not_json_is_refused(value: Any) -> None:
    with pytest.raises(ChatRequestInvalidError, match="JSON"):
        chat_body("tiny", ChatRequest(HELLO, {"temperature": value}))


@pytest.mark.parametrize("body", [b"", b"{}", b"[]", b'{"data": [1]}', b'{"data": null}', b"\xff"])
def test_a_list_of_models_of_another_shape_is_refused(body: bytes) -> None:
    with pytest.raises(ModelAnswerError, match="not an OpenAI model list"):
        model_ids(body)
    assert model_ids(b'{"data": [{"id": "b"}, {"id": "a"}]}') == ("b", "a")


def test_a_fixed_length_is_asked_for_only_where_it_is_wanted() -> None:
    asked = json.loads(chat_body("tiny", ChatRequest(HELLO, {"max_tokens": 64}, ignore_eos=True)))
    assert (asked["ignore_eos"], asked["max_tokens"]) == (True, 64)
    assert "ignore_eos" not in json.loads(chat_body("tiny", ChatRequest(HELLO)))
    with pytest.raises(ParameterRefusedError):
        ChatRequest(HELLO, {"ignore_eos": True})
