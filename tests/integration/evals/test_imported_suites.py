"""A suite of another tool, imported, published and run: the model is asked what the tool asked."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from django.db import transaction
from django.utils import timezone
from ruamel.yaml import YAML

from evals import engine
from evals.follow import follow_repository
from evals.importers.run import read_import
from evals.models import CaseResult, EvalRun
from registry.domain.actor import Actor
from registry.domain.change import RepositoryChange
from registry.domain.files import MemoryFiles
from registry.domain.repository import parse_repository
from registry.sync.applying import apply_change
from tests.integration.evals.conftest import QUICK, again, started
from tests.integration.evals.model_server import ModelServer, Reply, Say

WORDS = [f"word{number}" for number in range(12)]


def promptfoo(folder: Path) -> Path:
    rows = "".join(f"{word},contains:{word},icontains:ECHO\n" for word in WORDS)
    (folder / "tests.csv").write_text("word,__expected,__expected2\n" + rows)
    (folder / "promptfooconfig.yaml").write_text(
        "prompts: ['case {{word}}']\n"
        "providers: [{id: openai:gpt-4o-mini, config: {temperature: 0, max_tokens: 20}}]\n"
        "defaultTest:\n"
        "  assert: [{type: javascript, value: 'true'}, {type: starts-with, value: e}]\n"
        "tests: tests.csv\n"
    )
    return folder


def openai_evals(folder: Path) -> Path:
    args = {"samples_jsonl": "s.jsonl", "ignore_case": True}
    (folder / "evals").mkdir()
    (folder / "data").mkdir()
    body = {"words": {"class": "evals.elsuite.basic.includes:Includes", "args": args}}
    (folder / "evals/words.yaml").write_text(json.dumps(body))
    system = {"role": "system", "content": "Repeat {{ what }} the user says."}
    lines = [
        {
            "input": [system, {"role": "user", "content": f"case {word}"}],
            "ideal": [word.upper(), "-"],
        }
        for word in WORDS
    ]
    (folder / "data/s.jsonl").write_text("".join(json.dumps(line) + "\n" for line in lines))
    return folder / "evals/words.yaml"


def openai_api(folder: Path) -> Path:
    criterion = {
        "type": "string_check", "name": "said", "operation": "like",
        "input": "{{ sample.output_text }}", "reference": "{{ item.word }}",
    }  # fmt: skip
    content = [{"item": {"word": word}} for word in WORDS]
    source = {
        "type": "completions", "model": "gpt-4o-mini",
        "source": {"type": "file_content", "content": content},
        "input_messages": {
            "type": "template",
            "template": [{"role": "user", "content": "case {{ item.word }}"}],
        },
    }  # fmt: skip
    runs = [{"id": "r", "data_source": source}]
    body = {"id": "e", "name": "words", "testing_criteria": [criterion], "runs": runs}
    (folder / "eval.json").write_text(json.dumps(body))
    return folder / "eval.json"


TOOLS: dict[str, Callable[[Path], Path]] = {
    "promptfoo": promptfoo,
    "openai-evals": openai_evals,
    "openai-api": openai_api,
}


def published(tool: str, folder: Path, url: str, served_id: str) -> None:
    """Import, fill in what only the owner of the model knows, and sync."""
    files = dict(read_import(tool, TOOLS[tool](folder), "words").files)
    found = YAML(typ="safe").load(files.get("models.yaml", b"models: {}"))
    models: dict[str, Any] = dict(found["models"]) or {"gpt-4o-mini": {}}
    for body in models.values():
        body.pop("base_url_env", None)
        body |= {"served_id": served_id, "base_url": url, "revision": "r1"}
    policy = {"min_cases": 10, "min_pass_rate": 0.5}
    gates = {"policies": {"gate": policy}, "tags": {"stable": "gate"}}
    files["models.yaml"] = json.dumps({"models": models}).encode()
    files["gates.yaml"] = json.dumps(gates).encode()
    repository = MemoryFiles(files)
    parsed = parse_repository(repository)
    assert [str(f) for f in parsed.findings if f.severity == "error"] == []
    change = RepositoryChange("c" * 40, repository, parsed, timezone.now())
    with transaction.atomic():
        apply_change(change)
        follow_repository(change)


def evaluated(editor: Actor) -> EvalRun:
    run = started(editor, prompt="words", model="gpt-4o-mini")
    engine.work(run.pk, limits=QUICK)
    return again(run)


@pytest.mark.django_db
@pytest.mark.parametrize("tool", TOOLS)
def test_an_imported_suite_judges_a_model(
    tool: str, tmp_path: Path, server: ModelServer, editor: Actor
) -> None:
    def echo(question: str, _nth: int) -> Reply:
        return Say(f"echo {question.rpartition(' ')[2]}")

    server.reply = echo
    published(tool, tmp_path, server.url, "tiny")
    run = evaluated(editor)
    assert (run.verdict, run.errors, run.total) == ("PASS", 0, 12), run.reasons
    assert set(server.case_calls) == {f"case {word}" for word in WORDS}


@pytest.mark.django_db
@pytest.mark.parametrize("tool", TOOLS)
def test_an_imported_suite_fails_a_model_that_is_wrong(
    tool: str, tmp_path: Path, server: ModelServer, editor: Actor
) -> None:
    server.reply = lambda _question, _nth: Say("echo something else")
    published(tool, tmp_path, server.url, "tiny")
    run = evaluated(editor)
    assert (run.verdict, run.errors) == ("FAIL", 0), run.reasons


@pytest.mark.django_db
@pytest.mark.slow
def test_an_imported_suite_runs_on_a_real_model(
    tmp_path: Path, demo_model: str, editor: Actor
) -> None:
    """Protocol facts only: what a small model says is nobody's promise."""
    published("promptfoo", tmp_path, demo_model, "smollm2")
    run = evaluated(editor)
    assert (run.done, run.errors) == (12, 0), run.reasons
    answers = CaseResult.objects.filter(run=run)
    assert all(answer.completion_tokens for answer in answers)
