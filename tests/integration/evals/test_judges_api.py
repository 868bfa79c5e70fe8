"""The /judges resource: which judges there are, and having one measured."""

from __future__ import annotations

import uuid
from typing import Any

import pytest
from rest_framework.test import APIClient

from evals import judges
from evals.models import JudgeTrial
from registry.domain.actor import Actor
from tests.integration.evals.conftest import QUICK, Repository
from tests.integration.evals.judged import Bench, evaluated, judging
from tests.integration.evals.test_runs_api import client
from tests.integration.evals.umpire import Umpire

HELPFUL = {"suite": "oracle", "judge": "helpful"}
CALIBRATIONS = "/api/v1/judges/calibrations"


@pytest.fixture
def published(repository: Repository, umpire: Umpire) -> Repository:
    ready = judging(repository, umpire, labels=60)
    ready.publish()
    return ready


def listed(caller: APIClient) -> list[dict[str, Any]]:
    answer = caller.get("/api/v1/judges")
    assert answer.status_code == 200, answer.content
    found: list[dict[str, Any]] = answer.json()["results"]
    return found


def test_a_judge_from_nobody_knows_it_to_trusted(published: Repository, editor: Actor) -> None:
    caller = client(name="ci")
    [judge] = listed(caller)
    assert (judge["suite"], judge["judge"], judge["rubric"]) == ("oracle", "helpful", "help")
    assert (judge["mode"], judge["model"], judge["samples"]) == ("score", "umpire", 1)
    assert (judge["labelled"], judge["trusted"], judge["figures"]) == (True, False, None)
    assert (judge["tried"], judge["blocked"], judge["measured_at"]) == (False, [], None)
    assert "not been measured" in judge["sentence"]

    started = caller.post(CALIBRATIONS, HELPFUL)
    assert started.status_code == 202, started.content
    trial = started.json()
    assert (trial["kind"], trial["status"], trial["figures"]) == ("calibration", "queued", None)
    assert (trial["trusted"], trial["sentence"], trial["requested_by"]) == (None, "", "token:ci")

    judges.calibrate(uuid.UUID(trial["trial"]), QUICK.patience)
    done = caller.get(f"/api/v1/judges/trials/{trial['trial']}").json()
    assert (done["status"], done["trusted"], done["error"]) == ("finished", True, "")
    assert "60 human labels at kappa 1.00" in done["sentence"]
    figures = done["figures"]
    assert (figures["labels"], figures["errors"]) == (60, 0)
    assert figures["kappa"]["value"] == figures["accuracy"]["value"] == 1.0
    assert figures["tpr"]["count"] == figures["tnr"]["count"] == 30
    assert figures["confusion"] == [["1", "1", 30], ["5", "5", 30]]
    [judge] = listed(caller)
    assert (judge["trusted"], judge["figures"]) == (True, figures)
    assert evaluated(editor).verdict == "PASS"
    assert listed(caller)[0]["tried"] is True


def test_a_blocked_judge_is_listed_with_what_fooled_it(
    published: Repository, umpire: Umpire, editor: Actor
) -> None:
    umpire.judge = lambda texts: 5 if texts["answer"] == ":" else 1
    evaluated(editor)
    [judge] = listed(client("read"))
    assert (judge["tried"], judge["trusted"]) == (True, False)
    [why] = judge["blocked"]
    assert why.startswith("the judge passed a bare colon")


def test_the_same_key_starts_one_calibration(published: Repository) -> None:
    caller = client()
    first, second = (
        caller.post(CALIBRATIONS, HELPFUL, headers={"Idempotency-Key": "k"}) for _ in range(2)
    )
    assert first.json()["trial"] == second.json()["trial"]
    assert JudgeTrial.objects.count() == 1


@pytest.mark.parametrize(
    ("body", "status", "code"),
    [
        ({"suite": "oracle", "judge": "kind"}, 404, "judge_unknown"),
        ({"suite": "nothing", "judge": "helpful"}, 404, "judge_unknown"),
        ({"suite": "oracle"}, 422, "invalid"),
        ({**HELPFUL, "model": "tiny"}, 422, "invalid"),
    ],
)
def test_what_cannot_be_measured_is_said_so(
    body: dict[str, str], status: int, code: str, published: Repository
) -> None:
    answer = client().post(CALIBRATIONS, body)
    assert (answer.status_code, answer.json()["code"]) == (status, code)


def test_without_labels_there_is_nothing_to_measure_by(
    repository: Repository, umpire: Umpire
) -> None:
    judging(repository, umpire, Bench()).publish()
    answer = client().post(CALIBRATIONS, HELPFUL)
    assert (answer.status_code, answer.json()["code"]) == (422, "labels_missing")
    assert "calibration/help.jsonl" in answer.json()["hint"]
    assert listed(client())[0]["labelled"] is False


def test_scopes_and_globs_are_kept(published: Repository) -> None:
    trial = client().post(CALIBRATIONS, HELPFUL).json()["trial"]
    reader, stranger = client("read"), client("read", "evaluate", prompts=("billing/*",))
    mine = client("read", "evaluate", prompts=("ora*",))
    assert reader.post(CALIBRATIONS, HELPFUL).status_code == 403
    assert listed(stranger) == []
    assert len(listed(mine)) == 1
    assert mine.post(CALIBRATIONS, HELPFUL).status_code == 202
    hidden = stranger.post(CALIBRATIONS, HELPFUL)
    assert (hidden.status_code, "it has none" in hidden.json()["detail"]) == (404, True)
    theirs = stranger.get(f"/api/v1/judges/trials/{trial}")
    nothing = stranger.get(f"/api/v1/judges/trials/{uuid.UUID(int=0)}")
    assert (theirs.status_code, nothing.status_code) == (404, 404)
    assert theirs.json()["code"] == nothing.json()["code"] == "judge_unknown"
    assert reader.get(f"/api/v1/judges/trials/{trial}").status_code == 200
