"""Judges that are asked for something else than a verdict: embeddings and likelihoods."""

from __future__ import annotations

import re
from typing import Any

import pytest

from evals.models import CaseResult, EvalRun, JudgeTrial
from registry.domain.actor import Actor
from tests.integration.evals.conftest import Repository
from tests.integration.evals.judged import (
    calibrated,
    evaluated,
    judging,
)
from tests.integration.evals.model_server import ModelServer, Say
from tests.integration.evals.umpire import Umpire
from tests.unit.evals.judges import LIKELIHOOD


def test_the_meaning_of_an_answer_is_compared_by_embeddings(
    repository: Repository, server: ModelServer, umpire: Umpire, editor: Actor
) -> None:
    vectors = {"yes": [1.0, 0.0], "yes!": [0.9, 0.1], "no": [0.0, 1.0]}
    umpire.embed = lambda text: vectors[text]
    said = {"case 3": "yes!", "case 4": "no"}
    server.reply = lambda asked, _: Say(said.get(asked, "yes"))
    checks = [{"type": "embedding_similarity", "model": "umpire"}]
    judging(repository, umpire, suite={"judges": {}, "checks": checks}).publish()
    run = evaluated(editor)
    assert (run.verdict, run.summary["passed"]) == ("PASS", 11), run.reasons
    result = CaseResult.objects.get(run=run, case="c3")
    assert result.score == pytest.approx(0.9939, abs=1e-4)
    assert CaseResult.objects.get(run=run, outcome="fail").case == "c4"


def likely(repository: Repository, umpire: Umpire, actor: Actor) -> EvalRun:
    judging(repository, umpire, rubric=LIKELIHOOD, labels=60).publish()
    calibrated(actor)
    return evaluated(actor)


def test_a_judge_may_go_by_how_likely_an_answer_is(
    repository: Repository, server: ModelServer, umpire: Umpire, editor: Actor
) -> None:
    server.reply = lambda asked, _: Say("no" if asked == "case 7" else "yes")
    umpire.likely = lambda prompt: -1.0 if re.search(r"(yes|good \d+)$", prompt) else -4.0
    run = likely(repository, umpire, editor)
    assert (run.verdict, run.summary["passed"]) == ("PASS", 11), run.reasons
    detail = CaseResult.objects.get(run=run, case="c7").checks[0]["detail"]
    assert "mean log-probability -4.000 a token; -2.5 passes" in detail


def test_an_endpoint_without_prompt_logprobs_is_named_in_the_error(
    repository: Repository, umpire: Umpire, editor: Actor
) -> None:
    def without(_prompt: str) -> Any:
        return None

    umpire.likely = without
    run = likely(repository, umpire, editor)
    assert (run.verdict, run.done) == ("ERROR", 0)
    assert "could not be put to the test" in run.reasons[0]
    assert "prompt_logprobs" in run.reasons[0]
    assert JudgeTrial.objects.get().status == "failed"
