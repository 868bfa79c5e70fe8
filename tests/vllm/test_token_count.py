"""A real vLLM counts the tokens of texts as the tokenizer.json beside its weights does."""

from __future__ import annotations

from pathlib import Path

from registry.domain.model_pin import ModelPin
from registry.tokenizing import TokenCounter, TokenizerFolders
from serving.client import Endpoint
from tests.vllm.conftest import Running

PIN = ModelPin("smollm2", "smollm2", revision="r1")
TEXTS = (
    "Be kind, be brief and quote 1,234 figures exactly.\n" * 5,
    "   indented\n\tcode = 1\n\n\n",
    "größer als 日本語 🙂",
    "<|im_start|>system\nDon't you're we'll",
    "",
)


def test_both_ways_of_counting_agree(vllm: Running, smollm2: Path, tmp_path: Path) -> None:
    (tmp_path / "smollm2").symlink_to(smollm2)
    told: list[str] = []
    here = TokenCounter(TokenizerFolders(own=tmp_path), seconds=30, report=told.append)
    there = TokenCounter(
        TokenizerFolders(),
        lambda pin: Endpoint(vllm.url, pin.served_id),
        seconds=30,
        report=told.append,
    )
    [by_tokenizer], [by_server] = here(PIN, [TEXTS]), there(PIN, [TEXTS])
    assert told == []
    assert by_server.how == "counted by the server of smollm2"
    assert by_tokenizer.how == "counted by the tokenizer of smollm2"
    assert by_server.tokens == by_tokenizer.tokens
    assert by_tokenizer.tokens[0] > 80, "an estimate says 64"
