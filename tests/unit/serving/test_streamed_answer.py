"""Putting an answer together: only a whole one comes out."""

from __future__ import annotations

import json
from contextlib import suppress
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from serving.answer import StreamedAnswer, require_event_stream
from serving.errors import ModelAnswerError, ModelUnavailableError
from serving.messages import MAX_CHUNK_TIMES, LikelyToken
from serving.sse import ServerEvent

FINISH = {"choices": [{"index": 0, "delta": {}, "finish_reason": "stop"}]}
USAGE = {"choices": [], "usage": {"prompt_tokens": 3, "completion_tokens": 1}}

names = st.sampled_from(
    "choices delta content finish_reason usage prompt_tokens completion_tokens index error "
    "prompt_tokens_details cached_tokens model code type".split()
)
json_values: st.SearchStrategy[Any] = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(names, inner, max_size=4),
    max_leaves=12,
)


def content(text: Any) -> dict[str, Any]:
    return {"choices": [{"index": 0, "delta": {"content": text}, "finish_reason": None}]}


def read(*chunks: Any, secret: str | None = None) -> StreamedAnswer:
    answer = StreamedAnswer(secret)
    for number, chunk in enumerate(chunks, start=1):
        answer.add(ServerEvent("", json.dumps(chunk)), float(number))
    return answer


def test_time_to_first_token_is_that_of_the_first_content_that_is_not_empty() -> None:
    got = read(content(None), content(""), content("Hi"), content("!"), FINISH, USAGE).finish(9.0)
    assert (got.ttft_ms, got.total_ms, got.text) == (3.0, 9.0, "Hi!")


def test_every_piece_of_content_has_its_time_of_arrival() -> None:
    got = read(content(""), content("a"), content(None), content("b c"), FINISH, USAGE).finish(9.0)
    assert got.chunk_times_ms == (2.0, 4.0)
    assert got.content_chunks == 2


def test_pieces_that_came_in_one_read_have_one_time() -> None:
    answer = StreamedAnswer()
    for chunk in (content("a"), content("b"), FINISH, USAGE):
        answer.add(ServerEvent("", json.dumps(chunk)), 7.0)
    assert answer.finish(7.0).chunk_times_ms == (7.0, 7.0)


def test_an_answer_without_content_has_no_times() -> None:
    got = read(content(""), FINISH, USAGE).finish(9.0)
    assert (got.ttft_ms, got.chunk_times_ms, got.content_chunks) == (None, (), 0)


def test_the_times_of_a_very_long_answer_are_bounded_and_its_pieces_all_counted() -> None:
    pieces = [content("x")] * (MAX_CHUNK_TIMES + 5)
    got = read(*pieces, FINISH, USAGE).finish(9e9)
    assert len(got.chunk_times_ms) == MAX_CHUNK_TIMES
    assert got.content_chunks == len(got.text) == MAX_CHUNK_TIMES + 5


def test_what_the_server_does_not_say_stays_unsaid() -> None:
    got = read(content("Hi"), FINISH, USAGE).finish(9.0)
    assert got.cached_tokens is None
    assert got.system_fingerprint is None
    assert got.model == ""


@pytest.mark.parametrize(
    "chunk",
    [
        content(7),
        content(["Hi"]),
        {"choices": {}},
        {"choices": ["Hi"]},
        {"choices": [{"index": 1, "delta": {"content": "other"}}]},
        {"choices": [{"delta": {}, "finish_reason": 1}]},
        {"choices": [{"delta": "Hi"}]},
        {"choices": [], "usage": 5},
        {"choices": [], "usage": {"prompt_tokens": -1, "completion_tokens": 1}},
        {"choices": [], "usage": {"prompt_tokens": True, "completion_tokens": 1}},
        {"choices": [], "usage": {"prompt_tokens": 1.5, "completion_tokens": 1}},
        {"choices": [], "usage": {"prompt_tokens": 1}},
    ],
)
def test_a_chunk_of_another_shape_is_refused(chunk: Any) -> None:
    with pytest.raises(ModelAnswerError, match="malformed"):
        read(chunk)


@pytest.mark.parametrize("data", ["", "{", "null", "[]", '"x"', "[" * 100_000, "1" * 5_000])
def test_an_event_that_is_no_json_object_is_refused(data: str) -> None:
    with pytest.raises(ModelAnswerError, match="malformed"):
        StreamedAnswer().add(ServerEvent("", data), 1.0)


@given(json_values)
def test_whatever_json_a_server_sends_only_typed_errors_come_out(chunk: Any) -> None:
    with suppress(ModelAnswerError, ModelUnavailableError):
        read({"choices": []} | chunk if isinstance(chunk, dict) else chunk, FINISH).finish(1.0)


@pytest.mark.parametrize(
    ("error", "transient", "status"),
    [
        ({"message": "no", "code": 500}, True, 500),
        ({"message": "no", "code": "503"}, True, 503),
        ({"message": "no", "code": 429}, True, 429),
        ({"message": "no", "code": 400}, False, 400),
        ({"message": "no", "type": "server_error", "code": None}, True, None),
        ({"message": "no", "type": "InternalServerError"}, True, None),
        ({"message": "no", "type": "invalid_request_error"}, False, None),
        ({"message": "no", "code": "context_length_exceeded"}, False, None),
        ("no", False, None),
    ],
)
def test_an_error_inside_the_stream_says_whether_to_try_again(
    error: Any, transient: bool, status: int | None
) -> None:
    with pytest.raises((ModelAnswerError, ModelUnavailableError), match="no") as caught:
        read(content("Hi"), {"error": error})
    failure: Any = caught.value
    assert (failure.transient, failure.status) == (transient, status)


def test_an_event_named_error_is_one() -> None:
    with pytest.raises(ModelAnswerError, match="out of luck"):
        StreamedAnswer().add(ServerEvent("error", '{"message": "out of luck"}'), 1.0)


def test_an_error_does_not_repeat_the_key() -> None:
    with pytest.raises(ModelAnswerError, match=r"bad key \[api key\]"):
        read({"error": {"message": "bad key sk-1"}}, secret="sk-1")


@pytest.mark.parametrize(
    "headers",
    [
        {},
        {"content-type": "application/json"},
        {"content-type": "text/html; charset=utf-8"},
        {"content-type": "text/event-stream", "content-encoding": "gzip"},
    ],
)
def test_only_a_plain_event_stream_is_read(headers: dict[str, str]) -> None:
    with pytest.raises(ModelAnswerError, match="not an event stream"):
        require_event_stream(headers)
    require_event_stream({"content-type": "Text/Event-Stream; charset=utf-8"})


def likely(*tokens: Any) -> dict[str, Any]:
    position = {"token": "x", "top_logprobs": list(tokens)}
    delta = {"delta": {"content": "Hi"}, "logprobs": {"content": [position]}}
    return {"choices": [{"index": 0, "finish_reason": None} | delta]}


def test_likely_tokens_come_by_their_bytes_or_else_by_their_text() -> None:
    chunk = likely(
        {"token": "\ufffd", "bytes": [0xC3], "logprob": -0.5, "id": 7},
        {"token": "é", "bytes": None, "logprob": -2},
    )
    got = read(chunk, FINISH, USAGE).finish(9.0).top_logprobs
    assert got == ((LikelyToken(b"\xc3", -0.5, 7), LikelyToken("é".encode(), -2.0)),)


@pytest.mark.parametrize("logprobs", [None, {}, {"content": None}, {"tokens": ["a"]}, "none"])
def test_an_answer_without_log_probabilities_has_none(logprobs: Any) -> None:
    chunk = {"choices": [{"index": 0, "delta": {"content": "Hi"}, "logprobs": logprobs}]}
    assert read(chunk, FINISH, USAGE).finish(9.0).top_logprobs == ()


@pytest.mark.parametrize(
    "token",
    [
        7,
        {"token": "a"},
        {"token": "a", "logprob": "0"},
        {"token": "a", "logprob": float("nan")},
        {"token": "a", "logprob": float("-inf")},
        {"logprob": -1.0},
        {"token": "a", "bytes": [256], "logprob": -1.0},
        {"token": "a", "bytes": ["a"], "logprob": -1.0},
    ],
)
def test_a_log_probability_that_is_none_is_refused(token: Any) -> None:
    with pytest.raises(ModelAnswerError, match="malformed"):
        read(likely(token))
