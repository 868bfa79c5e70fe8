"""Asking the same question of the same model again would be a waste, unless that is the point."""

from __future__ import annotations

import secrets
from datetime import timedelta
from typing import Any

import pytest
from django.utils import timezone
from pytest_django.fixtures import Settings

from config.celery import app
from evals import engine, pruning, tasks
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


def aged(days: int, *keys: str, characters: int = 10) -> None:
    """Answers as they were kept so many days ago; no text of theirs can be compressed."""
    for number, key in enumerate(keys):
        text = secrets.token_hex(characters // 2)
        row = KeptAnswer.objects.create(
            key=key, text=text, finish_reason="stop", prompt_tokens=1, completion_tokens=1
        )
        at = timezone.now() - timedelta(days=days, seconds=number)
        KeptAnswer.objects.filter(pk=row.pk).update(created_at=at)


def left() -> set[str]:
    return set(KeptAnswer.objects.values_list("key", flat=True))


def test_answers_are_not_kept_for_ever(db: None, settings: Settings) -> None:
    settings.KEPT_ANSWERS_DAYS = 30
    aged(31, *(f"old-{n}" for n in range(1_200)))
    aged(29, "young")
    assert pruning.prune_kept_answers(now=timezone.now()) == 1_200
    assert left() == {"young"}
    assert pruning.prune_kept_answers(now=timezone.now()) == 0


def test_of_too_many_answers_the_oldest_go(db: None, settings: Settings) -> None:
    settings.KEPT_ANSWERS_MB = 1
    aged(3, "third", characters=400_000)
    aged(2, "second", characters=400_000)
    aged(1, "first", characters=400_000)
    tasks.tidy()
    assert left() == {"first", "second"}


def test_what_is_not_kept_any_more_is_asked_again(
    repository: Repository, server: ModelServer, editor: Actor, settings: Settings
) -> None:
    repository.publish()
    evaluated(editor)
    settings.KEPT_ANSWERS_DAYS = 0
    assert pruning.prune_kept_answers(now=timezone.now() + timedelta(seconds=1)) == 12
    assert evaluated(editor).cached == 0
    assert set(server.case_calls.values()) == {2}


def test_the_broom_comes_every_hour() -> None:
    planned = app.conf.beat_schedule["evals.tidy"]
    assert (planned["task"], planned["schedule"]) == (tasks.tidy.name, 3600)
