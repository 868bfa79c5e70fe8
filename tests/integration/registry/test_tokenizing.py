"""Tokens are counted by what the model reads with: a tokenizer.json, its server, or an estimate."""

from __future__ import annotations

import json
import socket
import threading
from collections.abc import Iterator, Sequence
from pathlib import Path

import pytest

from registry.domain.model_pin import ModelPin
from registry.domain.token_count import ESTIMATED, Counted
from registry.tokenizing import TokenCounter, TokenizerFolders, hub_folder
from serving.client import Endpoint
from tests.integration.evals.model_server import ModelServer, Say
from tests.integration.serving.llama_server import llama
from tests.integration.serving.tokenizer_file import write_tokenizer

SMOLLM2 = ModelPin("smollm2", "smollm2", revision="r1")
TINY = ModelPin("tiny", "tiny", revision="r1")
COMMIT = "0123456789abcdef0123456789abcdef01234567"
#: Where tokenizers differ: digits, other scripts, white space, special tokens, pictures.
TEXTS = (
    "Be kind, be brief and quote 1,234 figures exactly.\n" * 5,
    "   indented\n\tcode = 1\n\n\n",
    "größer als 日本語 🙂",
    "<|im_start|>system\nDon't you're we'll",
    "",
)


@pytest.fixture(scope="session")
def tokenizer(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Of SmolLM2."""
    return write_tokenizer(tmp_path_factory.mktemp("smollm2") / "tokenizer.json")


@pytest.fixture
def own(tokenizer: Path, tmp_path: Path) -> Path:
    """A folder of tokenizers with that of smollm2."""
    (tmp_path / "own" / "smollm2").mkdir(parents=True)
    (tmp_path / "own" / "smollm2" / "tokenizer.json").symlink_to(tokenizer)
    return tmp_path / "own"


@pytest.fixture
def server() -> Iterator[ModelServer]:
    """One that serves `tiny`, whose tokens are bytes."""
    with ModelServer(lambda _question, _nth: Say("yes")) as running:
        running.pages["/v1/models"] = {"data": [{"id": "tiny"}]}
        yield running


class Told(list[str]):
    """The sentences that a counter said."""

    def counter(
        self, folders: TokenizerFolders | None = None, url: str = "", seconds: float = 5.0
    ) -> TokenCounter:
        def endpoint_of(pin: ModelPin) -> Endpoint | None:
            return Endpoint(url, pin.served_id) if url else None

        folders = folders or TokenizerFolders()
        return TokenCounter(folders, endpoint_of, seconds=seconds, report=self.append)


@pytest.fixture
def told() -> Told:
    return Told()


def count(counter: TokenCounter, pin: ModelPin | None, *texts: str) -> Counted:
    [counted] = counter(pin, [texts])
    return counted


def test_a_tokenizer_and_the_model_s_server_count_alike(own: Path, told: Told) -> None:
    here = count(told.counter(TokenizerFolders(own)), SMOLLM2, *TEXTS)
    with llama() as url:
        there = count(told.counter(url=url), SMOLLM2, *TEXTS)
    assert here.tokens == there.tokens
    assert here.tokens[0] == 85, "an estimate says 64"
    assert here.how == "counted by the tokenizer of smollm2"
    assert there.how == "counted by the server of smollm2"
    assert told == []


def test_the_tokenizer_of_a_pinned_commit_is_found_in_the_hub_s_cache(
    tokenizer: Path, tmp_path: Path, told: Told
) -> None:
    snapshot = tmp_path / "hub/models--HuggingFaceTB--SmolLM2/snapshots" / COMMIT
    snapshot.mkdir(parents=True)
    (snapshot / "tokenizer.json").symlink_to(tokenizer)
    counter = told.counter(TokenizerFolders(hub=tmp_path / "hub"))

    def how(served_id: str, revision: str, tokenizer_revision: str = "") -> str:
        pin = ModelPin("m", served_id, revision, tokenizer_revision)
        return count(counter, pin, "Be kind.").how

    by_tokenizer = "counted by the tokenizer of m"
    assert how("HuggingFaceTB/SmolLM2", COMMIT) == by_tokenizer
    assert how("HuggingFaceTB/SmolLM2", "sha256:1", COMMIT) == by_tokenizer
    assert how("HuggingFaceTB/SmolLM2", COMMIT, COMMIT[::-1]) == ESTIMATED
    assert how("HuggingFaceTB/SmolLM2", "main") == ESTIMATED
    assert how("smollm2", COMMIT) == ESTIMATED
    assert how("../../HuggingFaceTB/SmolLM2", COMMIT) == ESTIMATED


@pytest.mark.parametrize(
    ("environment", "found"),
    [
        ({"HF_HUB_CACHE": "/a", "HF_HOME": "/b"}, Path("/a")),
        ({"HF_HOME": "/b", "XDG_CACHE_HOME": "/c"}, Path("/b/hub")),
        ({"XDG_CACHE_HOME": "/c"}, Path("/c/huggingface/hub")),
        ({}, Path.home() / ".cache/huggingface/hub"),
    ],
)
def test_the_hub_s_cache_is_where_its_own_tools_have_it(
    environment: dict[str, str], found: Path
) -> None:
    assert hub_folder(environment) == found


def test_a_tokenizer_counts_all_of_a_text_whatever_its_file_was_used_for(
    own: Path, told: Told
) -> None:
    file = own / "smollm2" / "tokenizer.json"
    kept = json.loads(file.read_text(encoding="utf-8"))
    kept["truncation"] = {"direction": "Right", "max_length": 4, "strategy": "LongestFirst"}
    kept["truncation"]["stride"] = 0
    kept["padding"] = {"strategy": {"Fixed": 512}, "direction": "Right", "pad_to_multiple_of": None}
    kept["padding"] |= {"pad_id": 0, "pad_type_id": 0, "pad_token": "<|endoftext|>"}
    file.unlink()
    file.write_text(json.dumps(kept), encoding="utf-8")
    assert count(told.counter(TokenizerFolders(own)), SMOLLM2, TEXTS[0], "Be").tokens == (85, 1)


def test_a_tokenizer_that_cannot_be_read_is_said_once_and_the_server_counts(
    tmp_path: Path, server: ModelServer, told: Told
) -> None:
    broken = tmp_path / "tiny" / "tokenizer.json"
    broken.parent.mkdir()
    broken.write_text("{}")
    counter = told.counter(TokenizerFolders(tmp_path), server.url)
    assert count(counter, TINY, "größer") == Counted((8,), "counted by the server of tiny")
    count(counter, TINY, "kleiner")
    [sentence] = told
    assert sentence.startswith(f"the tokenizer of tiny is not used: {broken} cannot be read: ")


def test_a_text_is_counted_once(server: ModelServer, told: Told) -> None:
    counter = told.counter(url=server.url)
    assert count(counter, TINY, "one", "two", "one").tokens == (3, 3, 3)
    server.pages.clear()  # it could not be asked any more
    assert count(counter, TINY, "two", "one").tokens == (3, 3)
    assert told == []


def test_many_texts_are_counted_at_once(server: ModelServer, told: Told) -> None:
    rows = [[f"text {number}", "the same"] for number in range(500)]
    counted = told.counter(url=server.url)(TINY, rows)
    assert [one.tokens for one in counted] == [(len(row[0]), 8) for row in rows]


def test_without_a_model_or_an_address_tokens_are_estimated(server: ModelServer) -> None:
    told = Told()
    assert count(told.counter(url=server.url), None, "größer").how == ESTIMATED
    assert count(told.counter(), TINY, "größer") == Counted((2,), ESTIMATED)
    assert told == []


def test_a_server_that_is_not_there_is_said_once_and_estimated(free_port: int, told: Told) -> None:
    counter = told.counter(url=f"http://127.0.0.1:{free_port}")
    assert count(counter, TINY, "größer", "") == Counted((2, 0), ESTIMATED)
    assert count(counter, TINY, "kleiner") == Counted((2,), ESTIMATED)
    [sentence] = told
    assert sentence.startswith("tokens of tiny are estimated: cannot connect to http://127.0.0.1:")


def test_a_model_that_the_server_does_not_have_is_not_counted_by_another_s_tokens(
    server: ModelServer, told: Told
) -> None:
    assert count(told.counter(url=server.url), SMOLLM2, "größer").how == ESTIMATED
    assert told == [f"tokens of smollm2 are estimated: {server.url} does not serve smollm2"]


def test_a_silent_server_costs_its_time_once(told: Told) -> None:
    with socket.create_server(("127.0.0.1", 0)) as deaf:
        counter = told.counter(url=f"http://127.0.0.1:{deaf.getsockname()[1]}", seconds=0.3)
        for text in ("one", "two", "three"):
            assert count(counter, TINY, text).how == ESTIMATED
        deaf.setblocking(False)
        deaf.accept()[0].close()
        with pytest.raises(BlockingIOError):  # it was called once
            deaf.accept()
    [sentence] = told
    assert sentence.endswith("within 0.3 s")


def test_what_was_counted_before_a_server_died_stays_and_no_row_is_counted_in_two_ways(
    server: ModelServer, told: Told
) -> None:
    counter = told.counter(url=server.url)
    before = count(counter, TINY, "before")
    server.pages.clear()
    rows: Sequence[Sequence[str]] = [["before"], ["before", "after!"]]
    assert counter(TINY, rows) == [before, Counted((2, 2), ESTIMATED)]


def test_several_threads_may_count(server: ModelServer, told: Told) -> None:
    counter = told.counter(url=server.url)
    found: list[str] = []

    def work(part: int) -> None:
        rows = [[f"text {number}"] for number in range(part, part + 30)]
        found.extend(counted.how for counted in counter(TINY, rows))

    threads = [threading.Thread(target=work, args=(part,)) for part in (0, 10, 20)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert found == ["counted by the server of tiny"] * 90
