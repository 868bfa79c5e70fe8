"""Texts as vectors: the body of `/v1/embeddings` and what is taken from its answer. Pure."""

from __future__ import annotations

import json
import math
from dataclasses import dataclass
from typing import Any

from serving.errors import ModelRequestInvalidError, malformed

#: Of one request. A caller with more asks several times.
MOST_TEXTS = 256
MOST_CHARACTERS = 1_000_000
#: The largest embedding models have 8,192; more is no embedding.
MOST_DIMENSIONS = 65_536
_NUMBERS = {int, float}


@dataclass(frozen=True, slots=True)
class EmbeddingsRequest:
    """Texts to be embedded by one model. Raises ModelRequestInvalidError for none, for too many,
    and for an empty one: it has no embedding.
    """

    texts: tuple[str, ...]

    def __post_init__(self) -> None:
        """Refuse here what a server would refuse, cut off or choke on."""
        if not 1 <= len(self.texts) <= MOST_TEXTS:
            raise ModelRequestInvalidError(f"1 to {MOST_TEXTS} texts can be embedded at once")
        if not all(self.texts):
            raise ModelRequestInvalidError("an empty text has no embedding")
        if sum(map(len, self.texts)) > MOST_CHARACTERS:
            raise ModelRequestInvalidError(
                f"texts of more than {MOST_CHARACTERS:,} characters cannot be embedded at once"
            )


@dataclass(frozen=True, slots=True)
class Embeddings:
    """One vector per text, in the order of the texts; all have the same length and are finite.

    They are as the model gives them: not every model normalises. `prompt_tokens` is None when the
    server does not say.
    """

    vectors: tuple[tuple[float, ...], ...]
    model: str
    prompt_tokens: int | None


def embeddings_body(served_id: str, request: EmbeddingsRequest) -> bytes:
    """The JSON body of a request for embeddings as numbers."""
    body = {"model": served_id, "input": list(request.texts), "encoding_format": "float"}
    return json.dumps(body, separators=(",", ":")).encode()


def read_embeddings(body: bytes, texts: int) -> Embeddings:
    """The embeddings of that many texts. Raises ModelAnswerError for anything less."""
    answer = json_object(body)
    data = answer.get("data")
    if not isinstance(data, list) or len(data) != texts:
        malformed(f"not one embedding for each of {texts} texts")
    by_index = {_index(entry, texts): _vector(entry["embedding"]) for entry in data}
    if len(by_index) != texts:
        malformed("two embeddings of one text")
    if len({len(vector) for vector in by_index.values()}) != 1:
        malformed("embeddings of different lengths")
    vectors = tuple(by_index[index] for index in range(texts))
    model = answer.get("model")
    return Embeddings(vectors, model if isinstance(model, str) else "", _prompt_tokens(answer))


def json_object(body: bytes) -> dict[str, Any]:
    """A whole answer as a JSON object. Raises ModelAnswerError."""
    try:
        answer = json.loads(body)
    except (ValueError, RecursionError):
        malformed("what should be JSON is not")
    if not isinstance(answer, dict):
        malformed("JSON that is not an object")
    return answer


def _index(entry: Any, texts: int) -> int:
    index = entry.get("index") if isinstance(entry, dict) else None
    if type(index) is not int or not 0 <= index < texts or "embedding" not in entry:
        malformed("an embedding of no text")
    return index


def _vector(values: Any) -> tuple[float, ...]:
    if not isinstance(values, list) or not 1 <= len(values) <= MOST_DIMENSIONS:
        malformed("an embedding that is not a list of numbers")
    if not {type(value) for value in values} <= _NUMBERS:
        malformed("an embedding of something else than numbers")
    try:
        vector = tuple(map(float, values))
    except OverflowError:
        malformed("an embedding with a number that is too large")
    if not all(map(math.isfinite, vector)):  # Python's JSON knows NaN and Infinity
        malformed("an embedding with a number that is not finite")
    return vector


def _prompt_tokens(answer: dict[str, Any]) -> int | None:
    usage = answer.get("usage")
    count = usage.get("prompt_tokens") if isinstance(usage, dict) else None
    return count if type(count) is int and count >= 0 else None
