"""kill -9 of the worker, again and again: no answer is lost, none counts twice."""

from __future__ import annotations

import json
import random
import subprocess
import time
from collections import Counter
from pathlib import Path

import pytest

from assay.client import Assay
from tests.acceptance.conftest import platform
from tests.integration.evals.model_server import ModelServer, Say

pytestmark = pytest.mark.slow

KILLS = 20
CASES, REPEATS, ARMS = 300, 2, 2
ITEMS = CASES * REPEATS
ANSWERS = ITEMS * ARMS
HEADER = "---\nvariables: {question: {type: string}}\n---\n"
PROMPT_TOKENS, COMPLETION_TOKENS = 11, 3
QUICK = (("ASSAY_EVAL_LEASE_SECONDS", "3"), ("ASSAY_EVAL_SWEEP_SECONDS", "1"))


def commit_repository(folder: Path, url: str) -> None:
    """A prompt repository with one prompt, one large suite, and the scripted model."""
    rows = [
        {"id": f"c{i}", "variables": {"question": f"case {i}"}, "expected": "yes"}
        for i in range(CASES)
    ]
    texts = {
        "prompts/oracle/prompt.yaml": "suites: [oracle]\nmodel: tiny\n",
        "prompts/oracle/v1.jinja2": HEADER + "{{ question }}",
        "prompts/oracle/v2.jinja2": HEADER + "{{ question }} two",
        "suites/oracle.yaml": (
            f"dataset: datasets/oracle.jsonl\nrepeats: {REPEATS}\nchecks: [{{type: exact}}]\n"
        ),
        "datasets/oracle.jsonl": "\n".join(map(json.dumps, rows)),
        "gates.yaml": (
            "policies: {gate: {min_pass_rate: 0.9, margin: 0.05}}\ntags: {stable: gate}\n"
        ),
        "tags.yaml": "oracle: {stable: v1}\n",
        "models.yaml": json.dumps(
            {"models": {"tiny": {"served_id": "tiny", "revision": "r1", "base_url": url}}}
        ),
    }
    for path, text in texts.items():
        (folder / path).parent.mkdir(parents=True, exist_ok=True)
        (folder / path).write_text(text)
    for arguments in (("init", "-q", "-b", "main"), ("add", "."), ("commit", "-q", "-m", "one")):
        name = ("-c", "user.name=t", "-c", "user.email=t@localhost")
        subprocess.run(["git", "-C", str(folder), *name, *arguments], check=True)


def progressed(client: Assay, run: str, than: int) -> int:
    """Answers that are in, once there are more than `than`."""
    end = time.monotonic() + 120
    while (done := client.run(run).progress.done) <= than:
        assert time.monotonic() < end, f"the run stands still at {done}"
        time.sleep(0.05)
    return done


def test_twenty_killed_workers_leave_one_result_an_answer(tmp_path: Path) -> None:
    chance = random.Random(20)

    def slowly(_question: str, _nth: int) -> Say:
        return Say("yes", PROMPT_TOKENS, COMPLETION_TOKENS, seconds=0.05)

    with ModelServer(slowly) as server:
        commit_repository(tmp_path / "repository", server.url)
        with (
            platform(tmp_path, model_url=server.url, settings=QUICK) as assay,
            assay.client() as client,
        ):
            assert client.sync().findings == ()
            run = client.evaluate("oracle", 2).run
            done = 0
            for _ in range(KILLS):
                progressed(client, run, than=done + 5)
                time.sleep(chance.uniform(0, 0.3))
                assay.tree.kill("worker")
                done = client.run(run).progress.done
            while not (finished := client.run(run)).is_over:
                done = progressed(client, run, than=min(done, ITEMS - 1))
                time.sleep(0.2)
            answers = list(client.results(run))

    assert (finished.verdict, finished.reasons != ()) == ("PASS", True)
    assert Counter((a.case, a.repeat) for a in answers) == Counter(
        {(f"c{i}", n): 1 for i in range(CASES) for n in range(1, REPEATS + 1)}
    )
    assert finished.progress.done == finished.progress.total == ITEMS
    assert finished.prompt_tokens == ANSWERS * PROMPT_TOKENS
    assert finished.completion_tokens == ANSWERS * COMPLETION_TOKENS
    # What a killed worker was waiting for is asked again, and nothing else.
    assert sum(server.case_calls.values()) <= ANSWERS + KILLS * 16 * ARMS
