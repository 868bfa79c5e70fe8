"""Asking the same question of the same model again would be a waste, unless that is the point."""

from __future__ import annotations

from typing import Any

import pytest

from evals import engine
from evals.models import EvalRun, KeptAnswer
from registry.domain.actor import Actor
from tests.integration.evals.conftest import QUICK, Repository, a_minute_passes, again, started
from tests.integration.evals.model_server import ModelServer, Reply, Say


def evaluated(editor: Actor, **changes: Any) -> EvalRun:
    run = started(editor, **changes)
    engine.work(run.pk, limits=QUICK)
    return again(run)


def test_a_second_run_asks_nothing_and_pays_nothing(
    repository: Repository, server: ModelServer, editor: Actor
) -> None:
    repository.with_(repeats=2).publish()
    first = evaluated(editor)
    second = evaluated(editor)
    assert set(server.case_calls.values()) == {2}
    assert (first.cached, second.cached) == (0, 24)
    assert (second.verdict, second.done, second.prompt_tokens) == ("PASS", 24, 0)
    assert second.results.filter(from_cache=True, total_ms=None, prompt_tokens=10).count() == 24


def test_repeats_stay_different_answers(
    repository: Repository, server: ModelServer, editor: Actor
) -> None:
    server.reply = lambda _asked, nth: Say("yes" if nth == 1 else "no")
    repository.with_(repeats=2).publish()
    evaluated(editor)
    outcomes = evaluated(editor).results.order_by("case", "repeat")
    assert sorted({result.text for result in outcomes}) == ["no", "yes"]


def test_new_checks_judge_old_answers(
    repository: Repository, server: ModelServer, editor: Actor
) -> None:
    repository.publish()
    assert evaluated(editor).verdict == "PASS"
    repository.with_(suite={"checks": [{"type": "contains", "value": "no"}]}).publish()
    run = evaluated(editor)
    assert (run.verdict, run.cached) == ("FAIL", 12)


@pytest.mark.parametrize("what", ["model", "fresh", "timed"])
def test_it_asks_again_when_it_must(
    repository: Repository, server: ModelServer, editor: Actor, what: str
) -> None:
    timed = {"checks": [{"type": "latency", "max_ms": 60_000}]}
    changed = repository.with_(suite=timed) if what == "timed" else repository
    changed.publish()
    evaluated(editor)
    if what == "model":
        server.weights = "second"
        a_minute_passes()
    run = evaluated(editor, use_cache=what != "fresh")
    assert run.cached == 0
    assert set(server.case_calls.values()) == {2}


def test_an_answer_that_was_cut_off_is_not_kept(
    repository: Repository, server: ModelServer, editor: Actor
) -> None:
    server.reply = lambda _asked, _nth: Say("yes", finish_reason="length")
    repository.publish()
    evaluated(editor)
    assert not KeptAnswer.objects.exists()


def test_answers_of_a_run_whose_model_changed_are_not_kept(
    repository: Repository, server: ModelServer, editor: Actor
) -> None:
    """Another model's right answers must not speak for this one."""
    repository.publish()
    run = started(editor)

    def swapped(asked: str, _nth: int) -> Reply:
        server.weights = "second" if asked.startswith("case ") else server.weights
        return Say("yes")

    server.reply = swapped
    engine.work(run.pk, limits=QUICK)
    assert again(run).verdict == "ERROR"
    server.weights, server.reply = "first", lambda _asked, _nth: Say("no")
    a_minute_passes()
    honest = evaluated(editor)
    assert (honest.verdict, honest.cached) == ("FAIL", 0)


def test_a_weak_fingerprint_shares_no_answers(
    repository: Repository, server: ModelServer, editor: Actor
) -> None:
    server.gives_logprobs = False
    repository.publish()
    evaluated(editor)
    assert not KeptAnswer.objects.exists()
    assert evaluated(editor).cached == 0
