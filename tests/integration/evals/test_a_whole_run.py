"""From a published prompt to a verdict, and to a tag that moves on its certificate."""

from __future__ import annotations

import json

import pytest

from evals import engine
from evals.models import CaseResult
from registry import promotion
from registry.domain.actor import Actor, Role
from registry.errors import NotCertifiedError
from registry.promotion import Target
from tests.integration.evals.conftest import QUICK, Repository, again, started
from tests.integration.evals.model_server import ModelServer, Say

PROMOTER = Actor("user:petra", Role.PROMOTER.scopes)


def test_a_good_prompt_is_certified_and_can_be_promoted(
    repository: Repository, server: ModelServer, editor: Actor
) -> None:
    repository.with_(repeats=2).publish()
    run = started(editor)
    assert (run.status, run.total, run.forecast["requests"]) == ("queued", 24, 24)

    engine.work(run.pk, limits=QUICK)

    run = again(run)
    assert (run.status, run.verdict) == ("finished", "PASS"), run.reasons
    assert (run.done, run.errors) == (24, 0)
    assert (run.prompt_tokens, run.completion_tokens) == (240, 48)
    assert run.summary["passed"] == 12
    assert set(server.case_calls.values()) == {2}
    assert server.most_at_once <= 4
    assert run.certificate is not None
    assert run.certificate.fingerprint == run.fingerprint == run.model.fingerprint
    move = promotion.promote(target=Target("oracle", "stable", 1), actor=PROMOTER)
    assert move.event.certificate == run.certificate


def test_a_bad_prompt_fails_with_reasons(
    repository: Repository, server: ModelServer, editor: Actor
) -> None:
    server.reply = lambda _question, _nth: Say("no")
    repository.publish()
    run = started(editor)
    engine.work(run.pk, limits=QUICK)
    run = again(run)
    assert (run.verdict, run.certificate) == ("FAIL", None)
    assert "0/12" in run.reasons[0]
    with pytest.raises(NotCertifiedError):
        promotion.promote(target=Target("oracle", "stable", 1), actor=PROMOTER)


def test_a_real_model_is_measured_asked_and_judged(
    repository: Repository, demo_model: str, editor: Actor
) -> None:
    """Protocol facts only: what a small model says is nobody's promise."""
    rows = [
        {"id": "sunny", "variables": {"question": "I love this, thank you!"}},
        {"id": "rainy", "variables": {"question": "This is terrible, I want a refund."}},
    ]
    checks = [{"type": "regex", "pattern": '^"(positive|negative)"$'}]
    suite = {"cases": rows, "checks": checks, "repeats": 2}
    template = (
        "---\ntype: chat\nvariables:\n  question: {type: string}\nparameters:\n"
        "  temperature: 0\n  max_tokens: 8\n  response_format:\n    type: json_schema\n"
        "    json_schema: {name: label, schema: {enum: [positive, negative]}}\n---\n"
        '{% chat role="system" %}Is the text positive or negative?{% endchat %}'
        '{% chat role="user" %}{{ question }}{% endchat %}'
    )
    more = {
        "prompts/oracle/v1.jinja2": template.encode(),
        "suites/oracle.yaml": json.dumps(suite).encode(),
    }
    policy = {"min_cases": 2, "min_pass_rate": 0.3}
    repository.with_(url=demo_model, served_id="smollm2", more=more, policy=policy).publish()
    run = started(editor)
    engine.work(run.pk)
    run = again(run)
    assert (run.status, run.verdict, run.errors) == ("finished", "PASS", 0), run.reasons
    assert len(run.fingerprint) == 64
    results = CaseResult.objects.filter(run=run)
    assert results.count() == 4
    assert all(result.ttft_ms and result.total_ms for result in results)
    assert run.prompt_tokens == sum(result.prompt_tokens for result in results) > 0
