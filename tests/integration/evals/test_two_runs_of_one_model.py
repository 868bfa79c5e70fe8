"""Runs that measure one model at the same time do not call each other's model another one."""

from __future__ import annotations

import threading
import time

import pytest

from evals.models import EvalRun
from registry.domain.actor import Actor
from serving.probes import PROBES
from tests.integration.evals.conftest import Repository, again, started
from tests.integration.evals.model_server import ModelServer, Reply, Say
from tests.integration.evals.test_cancel_and_resume import workers

pytestmark = pytest.mark.django_db(transaction=True)


def both_begun_at_once(
    repository: Repository, server: ModelServer, editor: Actor
) -> tuple[EvalRun, EvalRun]:
    """Two runs, finished, of which the second began while the first one met the model."""
    repository.publish()
    has_begun = threading.Event()

    def reply(question: str, nth: int) -> Reply:
        if question == PROBES[0].user and nth == 1:
            has_begun.wait(timeout=30)
        return Say("yes")

    server.reply = reply
    first, second = started(editor), started(editor)
    with workers(first) as [one], workers(second) as [other]:
        for _ in range(600):
            if {again(first).status, again(second).status} == {EvalRun.Status.RUNNING}:
                break
            time.sleep(0.05)
        has_begun.set()
        one.result(timeout=60)
        other.result(timeout=60)
    return again(first), again(second)


def test_numbers_that_wobble_are_one_model_with_one_name(
    repository: Repository, server: ModelServer, editor: Actor
) -> None:
    server.noise = 0.05
    first, second = both_begun_at_once(repository, server, editor)
    assert (first.verdict, second.verdict) == ("PASS", "PASS"), (first.reasons, second.reasons)
    assert first.fingerprint == second.fingerprint == first.model.fingerprint
    # Met once, by three passes; the other one looked once, and each looked again at its end.
    assert server.calls[PROBES[0].user] == 3 + 1 + 2
    assert first.certificate is not None
    assert first.certificate.expired_at is None


def test_two_different_models_behind_one_address_are_not_certified_both(
    repository: Repository, server: ModelServer, editor: Actor
) -> None:
    server.noise = 1.5
    first, second = both_begun_at_once(repository, server, editor)
    assert "ERROR" in {first.verdict, second.verdict}
