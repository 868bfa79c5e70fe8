"""From a published prompt to a verdict, and to a tag that moves on its certificate."""

from __future__ import annotations

import pytest

from evals import engine
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
