"""kill -9 of the broker and of the database in the middle of a run: it goes on by itself."""

from __future__ import annotations

import time
from collections import Counter
from pathlib import Path

import pytest

from assay.answers import EvalRun
from assay.client import Assay
from core.errors import AssayError
from tests.acceptance.conftest import platform
from tests.acceptance.test_worker_killed import (
    ANSWERS,
    COMPLETION_TOKENS,
    ITEMS,
    PROMPT_TOKENS,
    QUICK,
    commit_repository,
)
from tests.integration.evals.model_server import ModelServer, Say

pytestmark = pytest.mark.slow


def _patiently(client: Assay, run: str) -> EvalRun:
    """The run, once the database answers again."""
    end = time.monotonic() + 60
    while True:
        try:
            return client.run(run)
        except AssayError:
            assert time.monotonic() < end, "the server did not recover"
            time.sleep(0.2)


def _progressed(client: Assay, run: str, than: int) -> int:
    end = time.monotonic() + 120
    while (done := _patiently(client, run).progress.done) <= than:
        assert time.monotonic() < end, f"the run stands still at {done}"
        time.sleep(0.1)
    return done


def test_a_run_survives_its_broker_and_its_database(tmp_path: Path) -> None:
    def slowly(_question: str, _nth: int) -> Say:
        return Say("yes", PROMPT_TOKENS, COMPLETION_TOKENS, seconds=0.05)

    with ModelServer(slowly) as server:
        commit_repository(tmp_path / "repository", server.url)
        with (
            platform(tmp_path, model_url=server.url, settings=QUICK) as assay,
            assay.client() as client,
        ):
            client.sync()
            run = client.evaluate("oracle", 2).run
            done = 0
            for service in ("valkey", "postgres", "valkey", "postgres"):
                done = _progressed(client, run, than=done + 5)
                assay.tree.kill(service)
                assay.tree.wait(service)
            while not (finished := _patiently(client, run)).is_over:
                done = _progressed(client, run, than=min(done, ITEMS - 1))
            answers = list(client.results(run))

    assert finished.verdict == "PASS"
    assert set(Counter((a.case, a.repeat) for a in answers).values()) == {1}
    assert len(answers) == finished.progress.done == ITEMS
    assert finished.prompt_tokens == ANSWERS * PROMPT_TOKENS
    assert finished.completion_tokens == ANSWERS * COMPLETION_TOKENS
