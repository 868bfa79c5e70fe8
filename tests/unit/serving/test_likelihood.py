"""The likelihood of an answer: the mean over its own tokens, none of the question's."""

from __future__ import annotations

import json
import math
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from serving.errors import ModelAnswerError, ModelFeatureMissingError, ModelRequestInvalidError
from serving.likelihood import (
    LikelihoodRequest,
    answer_body,
    completion_body,
    question_body,
    read_likelihood,
    read_tokens,
)
from serving.messages import Message

QUESTION, ANSWER = (11, 12), (7, 8)


def at(token: int, logprob: Any) -> dict[str, Any]:
    """One position as vLLM 0.32 writes it."""
    return {str(token): {"logprob": logprob, "rank": 3, "decoded_token": "x"}}


def completion(*positions: Any) -> bytes:
    choice = {"index": 0, "text": " x", "prompt_logprobs": list(positions)}
    return json.dumps({"object": "text_completion", "choices": [choice]}).encode()


WHOLE = (None, at(12, -9.0), at(7, -1.0), at(8, -2.0))


def test_it_is_the_mean_over_the_tokens_of_the_answer() -> None:
    got = read_likelihood(completion(*WHOLE), QUESTION, ANSWER)
    assert (got.mean_logprob, got.answer_tokens, got.question_tokens) == (-1.5, 2, 2)


def test_likelier_tokens_that_the_server_adds_do_not_count() -> None:
    last = at(9, -0.1) | at(8, -2.0)
    assert read_likelihood(completion(*WHOLE[:3], last), QUESTION, ANSWER).mean_logprob == -1.5


def test_an_impossible_token_counts_as_vllm_writes_it() -> None:
    got = read_likelihood(completion(*WHOLE[:3], at(8, -9999.0)), QUESTION, ANSWER)
    assert got.mean_logprob == -5000.0


def test_a_certain_token_is_not_more_than_certain() -> None:
    body = completion(None, at(12, -9.0), at(7, 1e-6), at(8, 0))
    assert read_likelihood(body, QUESTION, ANSWER).mean_logprob == 0.0


@pytest.mark.parametrize(
    "body",
    [
        b"no JSON",
        b"{}",
        b'{"choices": []}',
        b'{"choices": [3]}',
        completion(*WHOLE[:3]),
        completion(*WHOLE, None),
        completion(*WHOLE[:3], None),
        completion(*WHOLE[:3], at(9, -0.1)),
        completion(*WHOLE[:3], at(8, None)),
        completion(*WHOLE[:3], at(8, "-1")),
        completion(*WHOLE[:3], at(8, 0.5)),
        completion(*WHOLE[:3], at(8, math.nan)),
        completion(*WHOLE[:3], at(8, -math.inf)),
        completion(*WHOLE[:3], at(8, -(10**400))),
        completion(*WHOLE[:3], at(8, False)),
    ],
)
def test_less_than_one_number_for_each_token_of_the_answer_is_none(body: bytes) -> None:
    with pytest.raises(ModelAnswerError) as caught:
        read_likelihood(body, QUESTION, ANSWER)
    assert not isinstance(caught.value, ModelFeatureMissingError)


@pytest.mark.parametrize("choice", [{"text": "x"}, {"text": "x", "prompt_logprobs": None}])
def test_a_server_that_ignores_the_wish_is_said_to_lack_it(choice: dict[str, Any]) -> None:
    body = json.dumps({"choices": [choice]}).encode()
    with pytest.raises(ModelFeatureMissingError, match="no prompt_logprobs") as caught:
        read_likelihood(body, QUESTION, ANSWER)
    assert not caught.value.transient


def test_llama_cpp_answers_the_wrong_field_with_nothing_and_is_found_out() -> None:
    with pytest.raises(ModelFeatureMissingError, match="tokens as vLLM does"):
        read_tokens(b'{"tokens":[]}')


@pytest.mark.parametrize("tokens", ["[]", '["a"]', "[-1]", "[1.0]", "[true]"])
def test_tokens_that_are_none_are_refused(tokens: str) -> None:
    with pytest.raises(ModelAnswerError):
        read_tokens(f'{{"count": 1, "max_model_len": 9, "tokens": {tokens}}}'.encode())


@given(st.binary(max_size=40), st.lists(st.none() | st.dictionaries(st.text(), st.floats())))
def test_anything_else_is_a_typed_error(noise: bytes, positions: list[Any]) -> None:
    for body in (noise, completion(*positions)):
        with pytest.raises(ModelAnswerError):
            read_likelihood(body, QUESTION, ANSWER)


def test_a_chat_is_asked_with_the_models_template_and_its_answer_without_special_tokens() -> None:
    chat = LikelihoodRequest((Message("user", "Sky?"),), "Blue.")
    assert json.loads(question_body("tiny", chat)) == {
        "model": "tiny",
        "messages": [{"role": "user", "content": "Sky?"}],
        "add_generation_prompt": True,
    }
    assert json.loads(answer_body("tiny", chat)) == {
        "model": "tiny",
        "prompt": "Blue.",
        "add_special_tokens": False,
    }
    plain = LikelihoodRequest("The sky is", " blue")
    assert json.loads(question_body("tiny", plain)) == {"model": "tiny", "prompt": "The sky is"}


def test_the_completion_reads_the_tokens_as_they_are_and_says_as_little_as_it_can() -> None:
    assert json.loads(completion_body("tiny", QUESTION, ANSWER)) == {
        "model": "tiny",
        "prompt": [11, 12, 7, 8],
        "max_tokens": 1,
        "temperature": 0,
        "prompt_logprobs": 0,
    }


@pytest.mark.parametrize(("question", "answer"), [("", "a"), ((), "a"), ("a", "")])
def test_nothing_has_no_likelihood(question: str | tuple[Message, ...], answer: str) -> None:
    with pytest.raises(ModelRequestInvalidError):
        LikelihoodRequest(question, answer)
