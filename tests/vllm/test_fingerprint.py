"""The fingerprint on a real vLLM: what must not move it, and what must.

Distances, in nats, as they were measured on vLLM 0.32.0 stand beside each change. This server
repeats itself to the fourth decimal, so the tolerance is the floor of `serving.fingerprint`, 0.02.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import TypeVar

import pytest

from config.embedded import ports
from serving.client import ChatRequest, Endpoint, Message, ModelClient
from serving.fingerprint import Comparison, Fingerprint, confirm, measure
from tests.vllm import models
from tests.vllm.conftest import Running
from tests.vllm.server import Recipe, serving

T = TypeVar("T")


def with_client(url: str, story: Callable[[ModelClient], Awaitable[T]]) -> T:
    async def told() -> T:
        endpoint = Endpoint(url, "smollm2", concurrency=8, timeout_seconds=300)
        async with ModelClient(endpoint) as client:
            return await story(client)

    return asyncio.run(told())


@pytest.fixture(scope="module")
def known(vllm: Running) -> Fingerprint:
    return with_client(vllm.url, measure)


@pytest.fixture
def beside(recipe: Recipe, tmp_path: Path) -> Recipe:
    """For a server beside the first, on the other core and under the same name."""
    apart = recipe.with_(port=ports.free_port())
    return Recipe(apart.launch, apart.environment, tmp_path / "server.log", cores="1")


def compared(recipe: Recipe, known: Fingerprint) -> Comparison:
    with serving(recipe) as server:
        return with_client(server.url, lambda client: confirm(client, known))


async def under_load(client: ModelClient, known: Fingerprint) -> Comparison:
    """Compared while seven others chat."""

    async def chat_on(number: int) -> None:
        for turn in range(100):
            told = Message("user", f"Story {number}, part {turn}. " * (1 + 5 * number))
            await client.chat(ChatRequest((told,), {"temperature": 0.8, "max_tokens": 20}))

    others = [asyncio.create_task(chat_on(number)) for number in range(7)]
    await asyncio.sleep(1)
    try:
        return await confirm(client, known)
    finally:
        for other in others:
            other.cancel()
        await asyncio.gather(*others, return_exceptions=True)


def test_it_is_measured_by_log_probabilities(known: Fingerprint) -> None:
    assert known.mode == "logprobs"
    assert all(len(answer.logprobs) > 4 for answer in known.detail)


def test_load_does_not_move_it(vllm: Running, known: Fingerprint) -> None:
    found = with_client(vllm.url, lambda client: under_load(client, known))
    assert (found.state, found.fingerprint) == ("same", known)
    assert found.distance < 0.001
    assert known.spread < 0.001


def test_other_weights_under_the_same_name_have_changed_it(
    beside: Recipe, smollm2: Path, tmp_path: Path, known: Fingerprint
) -> None:
    """Noise of a hundredth of each tensor's deviation: 0.098, and all first words are the same."""
    copy = models.perturbed(beside.environment, smollm2, tmp_path / "copy", "noise:1e-2")
    assert compared(beside.with_(model=str(copy)), known).state == "changed"


@pytest.mark.slow
def test_two_cores_do_not_move_it(beside: Recipe, known: Fingerprint) -> None:
    recipe = Recipe(beside.launch, beside.environment, beside.log, cores="0-1")
    assert compared(recipe, known).state == "same"


@pytest.mark.slow
def test_a_server_without_a_prefix_cache_does_not_move_it(
    beside: Recipe, known: Fingerprint
) -> None:
    assert compared(beside.with_(prefix_caching=False), known).state == "same"


@pytest.mark.slow
def test_another_dtype_has_changed_it(beside: Recipe, known: Fingerprint) -> None:
    """0.042: the same weights, computed in bfloat16."""
    assert compared(beside.with_(dtype="bfloat16"), known).state == "changed"


@pytest.mark.slow
@pytest.mark.parametrize(
    "how",
    [
        "int8",  # 0.089
        "int4",  # too few likely tokens in common for a mean
        "template",  # other token counts
        "merges:0.1",  # other token counts
        "merges:0.98",  # other token counts, at the probes with seldom words
    ],
)
def test_another_precision_template_or_tokenizer_has_changed_it(
    how: str, beside: Recipe, smollm2: Path, tmp_path: Path, known: Fingerprint
) -> None:
    copy = models.perturbed(beside.environment, smollm2, tmp_path / "copy", how)
    assert compared(beside.with_(model=str(copy)), known).state == "changed"
