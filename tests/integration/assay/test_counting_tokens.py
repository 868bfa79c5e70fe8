"""lint and ci count tokens by a tokenizer, by the model's server, or say that they estimate."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from tokenizers import Tokenizer, models, pre_tokenizers

from tests.integration.assay.conftest import Terminal
from tests.integration.assay.git_repository import Repository
from tests.integration.evals.model_server import ModelServer, Say
from tests.integration.serving.llama_server import llama

RULES = "Be kind, be brief, and quote figures exactly as they are given to you.\n" * 8
LATE = f"---\nvariables: {{ticket: {{type: string}}}}\n---\nTicket: {{{{ ticket }}}}\n{RULES}"
MODEL = "models: {smollm2: {served_id: smollm2, revision: r1, max_context: 2048}}\n"
FILES = {
    "prompts/a/prompt.yaml": "model: smollm2\n",
    "prompts/a/v1.jinja2": LATE,
    "models.yaml": MODEL,
}


@pytest.fixture
def repository(tmp_path: Path) -> Repository:
    made = Repository.new(tmp_path / "repository", FILES)
    made.git("switch", "--quiet", "--create", "change")
    return made


@pytest.fixture
def words(tmp_path: Path) -> Path:
    """A folder with a tokenizer of smollm2 whose tokens are words."""
    tokenizer = Tokenizer(models.WordLevel({"?": 0}, unk_token="?"))
    tokenizer.pre_tokenizer = pre_tokenizers.WhitespaceSplit()
    (tmp_path / "tokenizers" / "smollm2").mkdir(parents=True)
    tokenizer.save(str(tmp_path / "tokenizers" / "smollm2" / "tokenizer.json"))
    return tmp_path / "tokenizers"


@pytest.fixture
def bytes_server() -> Iterator[ModelServer]:
    """A server of smollm2 whose tokens are bytes."""
    with ModelServer(lambda _question, _nth: Say("yes")) as running:
        running.pages["/v1/models"] = {"data": [{"id": "smollm2"}]}
        yield running


def hint(assay: Terminal, folder: Path, *options: str) -> str:
    """Of the one finding."""
    [finding] = assay.run("lint", str(folder), "--json", *options).document["findings"]
    assert finding["code"] == "prefix_cache"
    return str(finding["hint"])


def test_without_a_tokenizer_they_are_estimated(assay: Terminal, repository: Repository) -> None:
    assert "(142 tokens, estimated at 4 characters a token)" in hint(assay, repository.folder)


def test_a_tokenizer_on_this_machine_counts(
    assay: Terminal, repository: Repository, words: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    counted = "(112 tokens, counted by the tokenizer of smollm2)"
    assert counted in hint(assay, repository.folder, "--tokenizers", str(words))
    monkeypatch.setenv("ASSAY_TOKENIZERS", str(words))
    assert counted in hint(assay, repository.folder)


def test_a_folder_that_is_not_there_is_a_mistake_in_the_call(
    assay: Terminal, repository: Repository, tmp_path: Path
) -> None:
    ended = assay.run("lint", str(repository.folder), "--tokenizers", str(tmp_path / "nowhere"))
    assert ended.code == 2


def test_the_model_s_own_server_counts(assay: Terminal, repository: Repository) -> None:
    with llama() as url:
        told = hint(assay, repository.folder, "--tokenize-with", url)
    assert told == (
        "moving line 5-12 (143 tokens, counted by the server of smollm2) above line 4 makes it 99%"
    )


def test_a_server_that_is_not_there_is_one_sentence_and_an_estimate(
    assay: Terminal, repository: Repository, free_port: int
) -> None:
    url = f"http://127.0.0.1:{free_port}"
    ended = assay.run("lint", str(repository.folder), "--tokenize-with", url)
    assert ended.code == 0
    assert "estimated at 4 characters a token" in ended.out
    assert ended.err.count("\n") == 1
    assert ended.err.startswith(f"tokens of smollm2 are estimated: cannot connect to {url}")


@pytest.mark.parametrize("address", ["ftp://models", "models:8000"])
def test_what_is_no_address_is_a_mistake_in_the_call(
    assay: Terminal, repository: Repository, address: str
) -> None:
    ended = assay.run("lint", str(repository.folder), "--tokenize-with", address)
    assert ended.code == 2
    assert "--tokenize-with" in ended.err


def test_what_the_base_has_too_is_not_new_however_it_is_counted(
    assay: Terminal, repository: Repository, bytes_server: ModelServer
) -> None:
    repository.write({"prompts/b/prompt.yaml": "model: smollm2\n", "prompts/b/v1.jinja2": LATE})
    repository.write({"models.yaml": MODEL.replace("2048", "4096")})  # so a is looked at again
    told = hint(assay, repository.folder, "--base", "main", "--tokenize-with", bytes_server.url)
    assert "(567 tokens, counted by the server of smollm2)" in told


def test_ci_tells_the_share_before_the_first_variable_in_tokens(
    assay: Terminal, repository: Repository, words: Path
) -> None:
    early = LATE.replace(f"Ticket: {{{{ ticket }}}}\n{RULES}", f"{RULES}Ticket: {{{{ ticket }}}}\n")
    repository.commit({"prompts/a/v2.jinja2": early})

    def row(*options: str) -> str:
        ended = assay.run("ci", str(repository.folder), "--base", "main", *options)
        return next(line for line in ended.out.splitlines() if line.startswith("prompt a: "))

    shared = "prompt a: v1 → v2, tokens before the first variable:"
    assert row() == f"{shared} 1.4 % → 100.0 % (estimated at 4 characters a token)"
    counted = row("--tokenizers", str(words))
    assert counted == f"{shared} 0.9 % → 100.0 % (counted by the tokenizer of smollm2)"
