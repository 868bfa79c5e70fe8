"""Flaky cases in quarantine: with an owner and an end, and never to a run's advantage."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

import pytest
from django.db import IntegrityError, transaction
from django.utils import timezone
from rest_framework.test import APIClient

from evals import engine, judge_proof, quarantine
from evals.domain.gate import CaseTally, Evidence, Quarantine, decide
from evals.models import QuarantinedCase, Suite
from evals.queries import suite_specs
from registry.domain.actor import Actor, NotAllowedError, Role
from registry.domain.policy import GatePolicy
from registry.models import Prompt
from tests.integration.evals.conftest import QUICK, Repository, again, started
from tests.integration.evals.model_server import ModelServer, Say
from tests.integration.evals.test_runs_api import client

PATH = "/api/v1/prompts/oracle/quarantine"


@pytest.fixture
def published(repository: Repository) -> Repository:
    repository.publish()
    return repository


@pytest.fixture
def promoter() -> Actor:
    return Actor("user:pia", Role.PROMOTER.scopes)


def body(case: str = "c1", days: float = 7, **changes: Any) -> dict[str, Any]:
    return {
        "suite": "oracle",
        "case": case,
        "owner": "ada@example.org",
        "reason": "the model rounds now so, now so",
        "expires_at": (timezone.now() + timedelta(days=days)).isoformat(),
        **changes,
    }


def begin(
    actor: Actor, now: datetime, case: str = "c1", days: float = 7, **changes: Any
) -> QuarantinedCase:
    arguments = {
        "prompt": "oracle",
        "suite": "oracle",
        "case": case,
        "owner": "ada",
        "reason": "flaky",
        "expires_at": now + timedelta(days=days),
        **changes,
    }
    return quarantine.quarantine_case(actor=actor, now=now, **arguments)


def test_from_its_beginning_to_its_end(published: Repository) -> None:
    caller = client("read", "promote", name="pia")
    begun = caller.post(PATH, body())
    assert begun.status_code == 201, begun.content
    assert begun.json()["active"] is True
    assert begun.json()["created_by"] == "token:pia"

    [listed] = caller.get(PATH).json()["results"]
    assert listed == begun.json()
    [case] = caller.get("/api/v1/prompts/oracle/quarantine").json()["results"]
    assert (case["suite"], case["case"], case["owner"]) == ("oracle", "c1", "ada@example.org")

    ended = caller.delete(PATH, {"suite": "oracle", "case": "c1"})
    assert (ended.status_code, ended.json()["active"]) == (200, False)
    assert ended.json()["lifted_by"] == "token:pia"
    assert caller.get(PATH).json()["results"] == []
    [over] = caller.get(f"{PATH}?ended=true").json()["results"]
    assert over["lifted_at"] is not None
    assert caller.delete(PATH, {"suite": "oracle", "case": "c1"}).status_code == 404
    assert caller.post(PATH, body()).status_code == 201, "it may begin again"


def test_a_case_is_in_quarantine_once(published: Repository) -> None:
    caller = client("promote")
    assert caller.post(PATH, body()).status_code == 201
    again = caller.post(PATH, body(days=29))
    assert (again.status_code, again.json()["code"]) == (409, "quarantined_already")
    assert caller.post(PATH, body("c2")).status_code == 201


def test_the_same_key_begins_one(published: Repository) -> None:
    caller, sent = client("promote"), body()
    for _ in range(2):
        answer = caller.post(PATH, sent, headers={"Idempotency-Key": "k1"})
        assert answer.status_code == 201
    assert QuarantinedCase.objects.count() == 1


@pytest.mark.parametrize(
    ("changes", "status", "code"),
    [
        ({"days": 30.5}, 422, "quarantine_term"),
        ({"days": -0.1}, 422, "quarantine_term"),
        ({"expires_at": "soon"}, 422, "invalid"),
        ({"owner": ""}, 422, "invalid"),
        ({"owner": "  "}, 422, "invalid"),
        ({"reason": ""}, 422, "invalid"),
        ({"forever": True}, 422, "invalid"),
        ({"case": "c99"}, 404, "case_unknown"),
        ({"suite": "other"}, 404, "case_unknown"),
    ],
)
def test_what_is_refused(
    changes: dict[str, Any], status: int, code: str, published: Repository
) -> None:
    answer = client("promote").post(PATH, body(**changes))
    assert (answer.status_code, answer.json()["code"]) == (status, code)
    assert QuarantinedCase.objects.count() == 0


def test_who_may_move_tags_may_quarantine_and_nobody_else(published: Repository) -> None:
    for caller in (client("read", "evaluate"), client("promote", prompts=("billing/*",))):
        assert caller.post(PATH, body()).status_code == 403
        assert caller.delete(PATH, {"suite": "oracle", "case": "c1"}).status_code == 403
    assert APIClient().get(PATH).status_code == 401
    assert client("read", prompts=("billing/*",)).get(PATH).status_code == 403
    assert client("read").get("/api/v1/prompts/nobody/quarantine").status_code == 404
    with pytest.raises(NotAllowedError):
        begin(Actor("user:eda", Role.EDITOR.scopes), timezone.now())


def test_the_history_of_cases_says_what_is_in_quarantine(
    published: Repository, promoter: Actor, editor: Actor
) -> None:
    engine.work(started(editor).pk, limits=QUICK)
    row = begin(promoter, timezone.now())
    found = client().get("/api/v1/prompts/oracle/cases").json()["results"]
    assert {one["case"] for one in found if one["quarantined_until"]} == {"c1"}
    assert next(one for one in found if one["quarantined_until"])["quarantined_until"] == (
        row.expires_at.isoformat()
    )


# --- What the gate is told ---


def test_the_gate_is_told_what_is_in_force(published: Repository, promoter: Actor) -> None:
    now = timezone.now()
    row = begin(promoter, now)
    begin(promoter, now, "c2", days=1)
    begin(promoter, now, "c3")
    quarantine.lift_quarantine(prompt="oracle", suite="oracle", case="c3", actor=promoter, now=now)
    expected = Quarantine("c1", "ada", row.expires_at)
    told = quarantine.active_quarantine("oracle", "oracle", now)
    assert told[0] == expected
    assert [one.key for one in told] == ["c1", "c2"]
    tomorrow = now + timedelta(days=1)
    assert quarantine.active_quarantine("oracle", "oracle", tomorrow) == (expected,)
    assert quarantine.active_quarantine("oracle", "oracle", row.expires_at) == ()
    assert quarantine.active_quarantine("oracle", "other", now) == ()
    assert quarantine.active_quarantine("other", "oracle", now) == ()


def test_one_that_is_over_leaves_room_for_another(published: Repository, promoter: Actor) -> None:
    now = timezone.now()
    begin(promoter, now, days=1)
    later = begin(promoter, now + timedelta(days=2))
    assert QuarantinedCase.objects.count() == 2
    told = quarantine.active_quarantine("oracle", "oracle", now + timedelta(days=2))
    assert [one.expires for one in told] == [later.expires_at]


@pytest.mark.parametrize("failures", [0, 1, 4])
def test_it_never_makes_a_run_look_better(
    failures: int, published: Repository, promoter: Actor
) -> None:
    now = timezone.now()
    for case in ("c0", "c1"):
        begin(promoter, now, case)
    [suite] = suite_specs(list(Suite.objects.all()))
    policy = GatePolicy("gate", min_cases=5, min_pass_rate=0.6)
    tallies = [_tally(f"c{i}", failed=i < failures) for i in range(12)]
    held = quarantine.active_quarantine("oracle", "oracle", now)
    without = decide(tallies, suite, policy)
    with_it = decide(tallies, suite, policy, Evidence(quarantine=held, now=now))
    order = ["FAIL", "INCONCLUSIVE", "PASS"]
    assert order.index(with_it.verdict) <= order.index(without.verdict)
    assert any("quarantine" in reason and "ada" in reason for reason in with_it.reasons)


def test_what_leaves_quarantine_while_the_model_is_confirmed_counts(
    repository: Repository,
    server: ModelServer,
    editor: Actor,
    promoter: Actor,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    server.reply = lambda question, _nth: Say("no" if question == "case 1" else "yes")
    repository.publish()
    begin(promoter, timezone.now())
    confirmed = judge_proof.doubts

    def lifted(*arguments: Any) -> tuple[str, ...]:
        quarantine.lift_quarantine(
            prompt="oracle", suite="oracle", case="c1", actor=promoter, now=timezone.now()
        )
        return confirmed(*arguments)

    monkeypatch.setattr(judge_proof, "doubts", lifted)
    run = started(editor)
    engine.work(run.pk, limits=QUICK)
    assert not any("quarantine" in reason for reason in again(run).reasons)


def _tally(key: str, *, failed: bool) -> CaseTally:
    return CaseTally(key, False, 1, int(not failed), int(failed), 0, 0)


# --- What the database does not take ---


@pytest.mark.parametrize(
    "changes",
    [
        {"expires_at": timedelta(days=31)},
        {"expires_at": timedelta(0)},
        {"owner": ""},
        {"reason": ""},
        {"lifted_by": "user:ada"},
        {"lifted_at": timedelta(hours=1)},
    ],
)
def test_the_database_refuses_what_the_service_would(
    changes: dict[str, Any], published: Repository
) -> None:
    now = timezone.now()
    good: dict[str, Any] = {
        "prompt": Prompt.objects.get(),
        "suite": "oracle",
        "case": "c1",
        "owner": "ada",
        "reason": "flaky",
        "created_by": "user:pia",
        "created_at": now,
        "expires_at": timedelta(days=30),
        **changes,
    }
    row = {k: now + v if isinstance(v, timedelta) else v for k, v in good.items()}
    with pytest.raises(IntegrityError), transaction.atomic():
        QuarantinedCase.objects.create(**row)
    QuarantinedCase.objects.create(**row | _mended(now))


def _mended(now: datetime) -> dict[str, Any]:
    return {
        "owner": "ada",
        "reason": "flaky",
        "expires_at": now + timedelta(days=30),
        "lifted_by": "",
        "lifted_at": None,
    }
