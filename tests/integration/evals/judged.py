"""A repository whose suite asks a judge."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from typing import Any

from django.utils import timezone

from evals import engine, judges
from evals.models import CaseResult, EvalRun, JudgeTrial
from registry.domain.actor import Actor
from tests.integration.evals.conftest import QUICK, Repository, again, started
from tests.integration.evals.model_server import ModelServer
from tests.integration.evals.umpire import Umpire
from tests.unit.evals.judges import LABEL, LIKELIHOOD, ONE, SCORE

_TWO = ONE.replace("  answer: {", "  answer_a: {type: string}\n  answer_b: {").replace(
    "{{ answer }}", "{{ answer_a }}\n{{ answer_b }}"
)


@dataclass(frozen=True)
class Bench:
    """How the judge of a suite is declared, and what lies beside it."""

    rubric: str = SCORE
    judge: dict[str, Any] = field(default_factory=dict)
    suite: dict[str, Any] = field(default_factory=dict)
    labels: int = 0
    prompt: str = ""
    pin: dict[str, Any] = field(default_factory=dict)


def judging(
    repository: Repository, umpire: ModelServer, bench: Bench | None = None, **kind: Any
) -> Repository:
    """`repository` with a judge called `helpful`, and `labels` human labels."""
    bench = bench or Bench(**kind)
    is_likelihood, is_pairwise = "likelihood" in bench.rubric, "mode: pairwise" in bench.rubric
    prompt = {} if is_likelihood else {"prompt": "judges/help", "version": "v1"}
    judge = {**prompt, "rubric": "help", "model": "umpire", **bench.judge}
    check = {"type": "pairwise" if is_pairwise else "judge", "judge": "helpful", "name": "helpful"}
    if is_pairwise:
        check["when_first"] = "pass"
    suite = {"judges": {"helpful": judge}, "checks": [check], **bench.suite}
    usual = {"base_url": umpire.url, "revision": "j1", "concurrency": 4, "timeout_seconds": 10}
    tested = {
        **usual,
        "served_id": "tiny",
        "revision": repository.revision,
        "base_url": repository.url,
    }
    models = {"tiny": tested, "umpire": {**usual, "served_id": "umpire", **bench.pin}}
    more = {
        "models.yaml": json.dumps({"models": models}),
        "rubrics/help.md": bench.rubric,
        "prompts/judges/help/v1.jinja2": bench.prompt or (_TWO if is_pairwise else ONE),
        "prompts/judges/help/prompt.yaml": json.dumps({"description": "A judge."}),
    }
    if bench.labels:
        more["calibration/help.jsonl"] = "\n".join(map(json.dumps, labelled(bench)))
    texts = {path: text.encode() for path, text in more.items()}
    return repository.with_(suite=suite, more={**repository.more, **texts})


def labelled(bench: Bench) -> list[dict[str, Any]]:
    """Half of them good, half bad; people and `by_the_word` agree on all of them."""
    good, bad = ("helps", "harms") if bench.rubric == LABEL else (5, 1)
    if bench.rubric == LIKELIHOOD:
        good, bad = "pass", "fail"
    rows = []
    for number in range(bench.labels):
        word, label = ("good", good) if number % 2 else ("bad", bad)
        rows.append(
            {"id": f"l{number}", "question": "Q", "answer": f"{word} {number}", "label": label}
        )
    return rows


def calibrated(actor: Actor, suite: str = "oracle", judge: str = "helpful") -> JudgeTrial:
    """The judge measured (again) against the labels, as a worker does it."""
    trial = judges.start_calibration(
        suite=suite, judge=judge, actor=actor, now=timezone.now(), fresh=True
    )
    judges.calibrate(trial.pk, QUICK.patience)
    return judges.trial(trial.pk)


def trusted(repository: Repository, umpire: Umpire, actor: Actor, bench: Bench) -> None:
    """Published, and its judge measured, whatever came out."""
    judging(repository, umpire, bench).publish()
    trial = calibrated(actor)
    assert trial.status == "finished", trial.error


def evaluated(actor: Actor, **changes: object) -> EvalRun:
    """A run of `oracle`, worked on to its end."""
    run = started(actor, **changes)
    engine.work(run.pk, limits=QUICK)
    return again(run)


def results(run: EvalRun) -> dict[str, CaseResult]:
    """By case."""
    return {result.case: result for result in CaseResult.objects.filter(run=run)}
