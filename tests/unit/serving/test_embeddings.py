"""Embeddings: every text has its finite vector, or nothing is taken."""

from __future__ import annotations

import json
import math
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from serving.embeddings import (
    MOST_CHARACTERS,
    MOST_DIMENSIONS,
    MOST_TEXTS,
    EmbeddingsRequest,
    embeddings_body,
    read_embeddings,
)
from serving.errors import ModelAnswerError, ModelRequestInvalidError


def entry(index: Any, embedding: Any) -> dict[str, Any]:
    return {"object": "embedding", "index": index, "embedding": embedding}


def answer(*entries: Any, **more: Any) -> bytes:
    return json.dumps({"object": "list", "model": "e5", "data": list(entries)} | more).encode()


def test_the_vectors_come_in_the_order_of_the_texts_not_of_the_answer() -> None:
    got = read_embeddings(
        answer(entry(1, [0.5, -1]), entry(0, [3, 4.0]), usage={"prompt_tokens": 9}), 2
    )
    assert got.vectors == ((3.0, 4.0), (0.5, -1.0))
    assert (got.model, got.prompt_tokens) == ("e5", 9)


@pytest.mark.parametrize("usage", [{}, {"usage": None}, {"usage": {"prompt_tokens": "9"}}])
def test_a_server_that_counts_no_tokens_is_believed(usage: dict[str, Any]) -> None:
    assert read_embeddings(answer(entry(0, [1.0]), **usage), 1).prompt_tokens is None


@pytest.mark.parametrize(
    ("body", "reason"),
    [
        (b"<html>", "not"),
        (b"[1]", "not an object"),
        (b'{"data": {}}', "not one embedding for each"),
        (answer(entry(0, [1.0])), "not one embedding for each"),
        (answer(entry(0, [1.0]), entry(0, [2.0])), "two embeddings of one text"),
        (answer(entry(0, [1.0]), entry(2, [2.0])), "an embedding of no text"),
        (answer(entry(0, [1.0]), entry(True, [2.0])), "an embedding of no text"),
        (answer(entry(0, [1.0]), {"index": 1}), "an embedding of no text"),
        (answer(entry(0, [1.0]), entry(1, [2.0, 3.0])), "different lengths"),
        (answer(entry(0, [1.0]), entry(1, [])), "not a list of numbers"),
        (answer(entry(0, [1.0]), entry(1, "AACAPw==")), "not a list of numbers"),
        (answer(entry(0, [1.0]), entry(1, [0.0] * (MOST_DIMENSIONS + 1))), "not a list"),
        (answer(entry(0, [1.0]), entry(1, ["1"])), "something else than numbers"),
        (answer(entry(0, [1.0]), entry(1, [True])), "something else than numbers"),
        (answer(entry(0, [1.0]), entry(1, [math.nan])), "not finite"),
        (answer(entry(0, [1.0]), entry(1, [-math.inf])), "not finite"),
        (answer(entry(0, [1.0]), entry(1, [10**400])), "too large"),
    ],
)
def test_what_is_no_vector_for_every_text_is_refused(body: bytes, reason: str) -> None:
    with pytest.raises(ModelAnswerError, match=reason) as caught:
        read_embeddings(body, 2)
    assert not caught.value.transient


@given(st.lists(st.lists(st.floats(allow_nan=False, allow_infinity=False), min_size=3, max_size=3)))
def test_what_was_sent_is_read_back(vectors: list[list[float]]) -> None:
    if not vectors:
        return
    body = answer(*(entry(index, vector) for index, vector in enumerate(vectors)))
    assert read_embeddings(body, len(vectors)).vectors == tuple(map(tuple, vectors))


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=9), inner),
    max_leaves=8,
)
entries = st.fixed_dictionaries({}, optional={"index": json_values, "embedding": json_values})


@given(st.binary() | st.lists(entries | json_values, max_size=3).map(lambda data: answer(*data)))
def test_anything_else_is_a_typed_error(body: bytes) -> None:
    try:
        got = read_embeddings(body, 2)
    except ModelAnswerError:
        return
    assert len(got.vectors) == 2
    assert all(map(math.isfinite, got.vectors[0] + got.vectors[1]))


def test_the_body_asks_for_numbers() -> None:
    body = json.loads(embeddings_body("e5", EmbeddingsRequest(("a", "ü\ud800"))))
    assert body == {"model": "e5", "input": ["a", "ü\ud800"], "encoding_format": "float"}


@pytest.mark.parametrize(
    "texts", [(), ("a", ""), ("a",) * (MOST_TEXTS + 1), ("a" * MOST_CHARACTERS, "a")]
)
def test_no_texts_too_many_and_empty_ones_are_not_sent(texts: tuple[str, ...]) -> None:
    with pytest.raises(ModelRequestInvalidError):
        EmbeddingsRequest(texts)
