"""How likely a model finds a given answer: bodies and answers of vLLM's `prompt_logprobs`. Pure.

Question and answer are turned into tokens apart and sent as numbers. So it is certain where the
answer begins: as one text, the two tokens at the border could become one.
"""

from __future__ import annotations

import json
import math
from dataclasses import dataclass
from typing import Any

from serving.embeddings import json_object
from serving.errors import ModelFeatureMissingError, ModelRequestInvalidError, malformed
from serving.messages import Message

#: What other servers lack; llama.cpp ignores `prompt_logprobs` and knows another `/tokenize`.
_HINT = "vLLM has it: /tokenize and prompt_logprobs of /v1/completions"
#: Half a unit in the last place of a float32 may make a certain token more than certain.
_ROUNDING = 1e-4
#: vLLM writes -9999 for what is impossible; what is far below is no logarithm of a probability.
_LEAST = -1e9


@dataclass(frozen=True, slots=True)
class LikelihoodRequest:
    """A question and one answer to it, whoever gave it.

    `question` is a chat, to which the model's own template is applied, or a plain prompt.
    Raises ModelRequestInvalidError when one of both is empty.
    """

    question: tuple[Message, ...] | str
    answer: str

    def __post_init__(self) -> None:
        """Nothing is not likely, and nothing is not asked."""
        if not self.question or not self.answer:
            raise ModelRequestInvalidError("a likelihood needs a question and an answer")


@dataclass(frozen=True, slots=True)
class Likelihood:
    """`mean_logprob` is the natural logarithm of the probability of a token of the answer, given
    all before it, in the mean over the answer: 0 is certain, lower is less likely.
    """

    mean_logprob: float
    answer_tokens: int
    question_tokens: int


def question_body(served_id: str, request: LikelihoodRequest) -> bytes:
    """The body of `/tokenize` for the question, with everything that comes before an answer."""
    if isinstance(request.question, str):
        return _json({"model": served_id, "prompt": request.question})
    messages = [{"role": turn.role, "content": turn.content} for turn in request.question]
    return _json({"model": served_id, "messages": messages, "add_generation_prompt": True})


def answer_body(served_id: str, request: LikelihoodRequest) -> bytes:
    """The body of `/tokenize` for the answer, which begins nothing."""
    return _json({"model": served_id, "prompt": request.answer, "add_special_tokens": False})


def read_tokens(body: bytes) -> tuple[int, ...]:
    """Token ids, at least one. Raises ModelFeatureMissingError and ModelAnswerError."""
    answer = json_object(body)
    tokens = answer.get("tokens")
    if "count" not in answer or not isinstance(tokens, list):
        raise ModelFeatureMissingError(
            "the model server does not tell tokens as vLLM does", hint=_HINT
        )
    if not tokens or not all(type(token) is int and token >= 0 for token in tokens):
        malformed("tokens that are none")
    return tuple(tokens)


def completion_body(served_id: str, question: tuple[int, ...], answer: tuple[int, ...]) -> bytes:
    """The body of a completion that reads question and answer and says as little as it can."""
    body = {
        "model": served_id,
        "prompt": [*question, *answer],
        "max_tokens": 1,
        "temperature": 0,
        "prompt_logprobs": 0,
    }
    return _json(body)


def read_likelihood(body: bytes, question: tuple[int, ...], answer: tuple[int, ...]) -> Likelihood:
    """The likelihood of `answer`. Raises ModelFeatureMissingError and ModelAnswerError."""
    choices = json_object(body).get("choices")
    choice = choices[0] if isinstance(choices, list) and choices else None
    if not isinstance(choice, dict):
        malformed("a completion without a choice")
    positions = choice.get("prompt_logprobs")
    if positions is None:
        raise ModelFeatureMissingError("the model server offers no prompt_logprobs", hint=_HINT)
    if not isinstance(positions, list) or len(positions) != len(question) + len(answer):
        malformed("not one log-probability for each token of the prompt")
    told = positions[len(question) :]
    logprobs = [_logprob(position, token) for position, token in zip(told, answer, strict=True)]
    return Likelihood(math.fsum(logprobs) / len(logprobs), len(answer), len(question))


def _logprob(position: Any, token: int) -> float:
    told = position.get(str(token)) if isinstance(position, dict) else None
    logprob: Any = told.get("logprob") if isinstance(told, dict) else None
    is_number = isinstance(logprob, float | int) and not isinstance(logprob, bool)
    if not (is_number and _LEAST <= logprob <= _ROUNDING):
        malformed("a token of the answer without its log-probability")
    return min(0.0, float(logprob))


def _json(body: dict[str, Any]) -> bytes:
    return json.dumps(body, separators=(",", ":")).encode()
