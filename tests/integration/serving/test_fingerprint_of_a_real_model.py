"""The fingerprint on SmolLM2-135M behind llama.cpp: what moves it and what must not."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from serving.client import ChatRequest, Endpoint, Message, ModelClient
from serving.fingerprint import Comparison, Fingerprint, confirm, measure
from tests.integration.serving.llama_server import llama, weights

#: SmolLM2's own template (ChatML) without the default system prompt that it adds.
BARE_TEMPLATE = (
    "{% for message in messages %}{{ '<|im_start|>' + message['role'] + '\n' "
    "+ message['content'] + '<|im_end|>' + '\n' }}{% endfor %}"
    "{% if add_generation_prompt %}{{ '<|im_start|>assistant\n' }}{% endif %}"
)


@pytest.fixture(scope="module")
def known(llama_server: str) -> Fingerprint:
    return measured(llama_server)


def measured(url: str) -> Fingerprint:
    async def story() -> Fingerprint:
        async with ModelClient(Endpoint(url, "smollm2")) as client:
            return await measure(client)

    return asyncio.run(story())


def compared(url: str, known: Fingerprint) -> Comparison:
    async def story() -> Comparison:
        async with ModelClient(Endpoint(url, "smollm2")) as client:
            return await confirm(client, known.value)

    return asyncio.run(story())


def moved(before: Fingerprint, after: Fingerprint) -> set[str]:
    """The probes whose answers differ."""
    both = zip(before.detail, after.detail, strict=True)
    return {old.probe for old, new in both if old != new}


def test_it_is_the_same_when_the_prompt_cache_is_warm(
    llama_server: str, known: Fingerprint
) -> None:
    assert measured(llama_server) == known


def test_it_is_the_same_after_a_restart(known: Fingerprint) -> None:
    with llama() as restarted:
        assert measured(restarted) == known


@pytest.mark.slow
def test_it_has_changed_when_another_chat_template_is_served(known: Fingerprint) -> None:
    with llama(chat_template=BARE_TEMPLATE) as other:
        found = compared(other, known)
    assert found.state == "changed"
    shorter = zip(known.detail, found.measured.detail, strict=True)
    assert any(new.prompt_tokens < old.prompt_tokens for old, new in shorter)


def with_other_weights(copy: Path) -> Path:
    """A copy in which 20 kB of the 98 MB, in the middle, are those of a little further on.

    Q4_1 blocks are 20 bytes, so a shift by a multiple of that leaves every block well formed.
    """
    data = bytearray(weights().read_bytes())
    middle = len(data) // 2
    data[middle : middle + 20_000] = data[middle + 40_000 : middle + 60_000]
    copy.write_bytes(data)
    return copy


@pytest.mark.slow
def test_it_has_changed_when_other_weights_are_served(known: Fingerprint, tmp_path: Path) -> None:
    with llama(with_other_weights(tmp_path / "other.gguf")) as other:
        found = compared(other, known)
    assert found.state == "changed"
    assert moved(known, found.measured)


@pytest.mark.slow
def test_it_is_the_same_while_eight_chats_run(llama_server: str, known: Fingerprint) -> None:
    words = "the refund for order nine is late please answer soon".split()

    async def chatter(client: ModelClient, seat: int) -> None:
        for turn in range(1000):
            text = " ".join(words[: 1 + (seat + turn) % len(words)])
            request = ChatRequest((Message("user", text),), {"max_tokens": 2 + turn % 7})
            await client.chat(request)

    async def story() -> Fingerprint:
        busy = ModelClient(Endpoint(llama_server, "smollm2", concurrency=8))
        async with busy, ModelClient(Endpoint(llama_server, "smollm2")) as client:
            chats = [asyncio.create_task(chatter(busy, seat)) for seat in range(8)]
            try:
                return await measure(client)
            finally:
                assert not any(chat.done() for chat in chats)
                for chat in chats:
                    chat.cancel()
                await asyncio.gather(*chats, return_exceptions=True)

    assert asyncio.run(story()) == known
