"""Evaluation never holds up a rollback (P6)."""

from __future__ import annotations

import threading
from typing import Any

import pytest
from django.db import connection

from evals import engine
from registry import certificates, promotion
from registry.domain.actor import Actor, Role
from tests.integration.evals.conftest import QUICK, Repository, again, started
from tests.integration.registry.conftest import stable

PROMOTER = Actor("user:petra", Role.PROMOTER.scopes)
SECOND = b"---\nvariables:\n  question: {type: string}\n---\n{# again #}{{ question }}"


@pytest.mark.django_db(transaction=True)
def test_a_rollback_does_not_wait_while_a_fingerprint_is_stored(
    repository: Repository, editor: Actor, monkeypatch: pytest.MonkeyPatch
) -> None:
    repository.with_(more={"prompts/oracle/v2.jinja2": SECOND}).publish()
    for version in (1, 2):
        engine.work(started(editor, version=version).pk, limits=QUICK)
        promotion.promote(target=stable(version, prompt="oracle"), actor=PROMOTER)
    run = started(editor)
    inside, go_on = threading.Event(), threading.Event()
    record = certificates.record_fingerprint

    def slowly(**arguments: Any) -> int:
        expired = record(**arguments)
        inside.set()
        assert go_on.wait(timeout=30)
        return expired

    monkeypatch.setattr(certificates, "record_fingerprint", slowly)

    def work() -> None:
        try:
            engine.work(run.pk, limits=QUICK)
        finally:
            connection.close()

    worker = threading.Thread(target=work)
    worker.start()
    try:
        assert inside.wait(timeout=30)
        with connection.cursor() as cursor:  # whoever would wait for a lock fails instead
            cursor.execute("SET lock_timeout = '2s'")
        move = promotion.rollback(prompt="oracle", actor=PROMOTER)
        assert str(move.event.version) == "oracle@v1"
    finally:
        go_on.set()
        worker.join()
        connection.close()
    assert again(run).verdict == "PASS"
