"""A suite with a latency phase: both arms are timed after the answers, and the gate may look."""

from __future__ import annotations

from typing import Any

from evals import engine
from evals.models import EvalRun
from registry import promotion
from registry.domain.actor import Actor, Role
from tests.integration.evals.conftest import QUICK, Repository, again, started
from tests.integration.evals.model_server import Fail, ModelServer, Reply, Say
from tests.integration.registry.conftest import stable

PROMOTER = Actor("user:petra", Role.PROMOTER.scopes)
TWO = b"---\nvariables:\n  question: {type: string}\n---\n{{ question }} two"
PHASE = {"concurrency": [2], "requests": 30, "warmup": 2, "max_tokens": 8}


def published(repository: Repository, editor: Actor, **policy: Any) -> None:
    """v1 is live, v2 waits, and the suite has a latency phase."""
    suite = {"latency": PHASE}
    repository.with_(
        suite=suite, policy={"min_pass_rate": 0.3, **policy}, more={"prompts/oracle/v2.jinja2": TWO}
    ).publish()
    engine.work(started(editor).pk, limits=QUICK)
    promotion.promote(target=stable(1, prompt="oracle"), actor=PROMOTER)


def evaluated(editor: Actor) -> EvalRun:
    run = started(editor, version=2)
    engine.work(run.pk, limits=QUICK)
    return again(run)


def test_both_arms_are_timed_and_the_report_is_kept(
    repository: Repository, server: ModelServer, editor: Actor
) -> None:
    published(repository, editor)
    run = evaluated(editor)
    assert run.verdict == "PASS", run.reasons
    [level] = run.latency["oracle"]["levels"]
    assert [(arm["arm"], arm["summary"]["requests"]) for arm in level["arms"]] == [
        ("candidate", 30),
        ("baseline", 30),
    ]
    assert server.most_at_once <= 4


def test_a_guardrail_on_latency_fails_a_slow_candidate(
    repository: Repository, server: ModelServer, editor: Actor
) -> None:
    published(repository, editor, guardrails={"latency_mean": {"max_increase": 0.5}})
    server.reply = lambda asked, _: Say("yes", seconds=0.05 if asked.endswith("two") else 0.005)
    run = evaluated(editor)
    assert run.verdict == "FAIL", run.reasons
    [suite] = run.summary["suites"]
    [rail] = suite["guardrails"]
    assert (rail["name"], rail["verdict"]) == ("latency_mean", "FAIL")


def test_a_guardrail_on_tpot_weighs_the_latency_phase(
    repository: Repository, server: ModelServer, editor: Actor
) -> None:
    published(repository, editor, guardrails={"tpot_p50": {"max_increase": 0.5}})
    server.reply = lambda _asked, _: Say("yes", completion_tokens=6)
    [suite] = evaluated(editor).summary["suites"]
    [rail] = suite["guardrails"]
    assert (rail["name"], rail["pairs"]) == ("tpot_p50", 30)  # the phase's, not the answers'


def test_a_phase_that_breaks_is_an_error_and_certifies_nothing(
    repository: Repository, server: ModelServer, editor: Actor
) -> None:
    published(repository, editor)

    def breaks_when_timed(asked: str, nth: int) -> Reply:
        return Fail(500) if asked.startswith("case") and nth > 1 else Say("yes")

    server.calls.clear()
    server.reply = breaks_when_timed
    run = evaluated(editor)
    assert (run.verdict, run.certificate) == ("ERROR", None)
    assert any("latency of oracle could not be measured" in reason for reason in run.reasons)
