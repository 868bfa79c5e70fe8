"""judge: what is known of judges, and having one measured."""

from __future__ import annotations

from typing import Any

import pytest

from tests.integration.assay.bodies import problem
from tests.integration.assay.conftest import Terminal
from tests.integration.assay.scripted_server import DROPPED, Reply, ScriptedServer

ID = "00000000-0000-4000-8000-000000000003"
LOOK = f"GET /judges/trials/{ID}"
RATE = {"value": 0.9, "count": 30, "interval": [0.74, 0.97]}
FIGURES = {
    "labels": 60,
    "errors": 0,
    "accuracy": {**RATE, "count": 60},
    "tpr": RATE,
    "tnr": {"value": None, "count": 0, "interval": [0.0, 1.0]},
    "kappa": {"value": 0.8, "interval": [0.65, 0.95]},
    "confusion": [["1", "1", 27], ["5", "1", 3], ["5", "5", 30]],
}
SENTENCE = "the judge agrees with 60 human labels at kappa 0.80"


def trial(**changes: Any) -> dict[str, Any]:
    queued = {
        "trial": ID,
        "kind": "calibration",
        "status": "queued",
        "suite": "support",
        "judge": "helpful",
        "rubric": "helpfulness",
        "mode": "score",
        "model": "umpire",
        "figures": None,
        "trusted": None,
        "sentence": "",
        "error": "",
        "requested_by": "token:ci",
        "created_at": "2026-05-01T10:00:00Z",
        "finished_at": None,
    }
    return {**queued, **changes}


def measured(*, trusted: bool) -> dict[str, Any]:
    return trial(status="finished", figures=FIGURES, trusted=trusted, sentence=SENTENCE)


@pytest.fixture
def started(server: ScriptedServer) -> ScriptedServer:
    server.script("POST /judges/calibrations", Reply(trial(), 202))
    return server


@pytest.mark.parametrize(
    ("trusted", "code", "word"), [(True, 0, "trusted"), (False, 1, "advisory")]
)
def test_trust_is_the_exit_code(
    assay: Terminal, started: ScriptedServer, trusted: bool, code: int, word: str
) -> None:
    started.script(LOOK, trial(), measured(trusted=trusted))
    ended = assay.run("judge", "calibrate", "support", "helpful", "--wait")
    assert ended.code == code
    assert ended.out.startswith(f"{word}  support/helpful on umpire\n  - {SENTENCE}\n")
    lines = [" ".join(line.split()) for line in ended.out.splitlines()]
    assert "accuracy 0.900 0.740 to 0.970 60" in lines
    assert "fails what people fail - 0.000 to 1.000 0" in lines
    assert "kappa 0.800 0.650 to 0.950 60" in lines
    assert "5 1 3" in lines
    body = started.asked("POST /judges/calibrations")[0].body
    assert body == {"suite": "support", "judge": "helpful", "fresh": False}


def test_a_judge_that_could_not_be_measured_is_neither(
    assay: Terminal, started: ScriptedServer
) -> None:
    started.script(LOOK, trial(status="failed", error="the model answered 503"))
    ended = assay.run("judge", "calibrate", "support", "helpful", "--wait")
    assert ended.code == 4
    assert "failed  support/helpful" in ended.out
    assert "the model answered 503" in ended.out


def test_without_wait_it_is_only_started(assay: Terminal, started: ScriptedServer) -> None:
    ended = assay.run("judge", "calibrate", "support", "helpful")
    assert ended.code == 0
    assert ended.out == "queued  support/helpful on umpire\n"
    assert not started.asked(LOOK)


def test_json_has_exactly_the_documented_fields(assay: Terminal, started: ScriptedServer) -> None:
    started.script(LOOK, measured(trusted=False))
    ended = assay.run("judge", "calibrate", "support", "helpful", "--wait", "--json")
    assert ended.code == 1
    assert list(ended.document) == (
        "trial status suite judge rubric mode model figures trusted sentence error".split()
    )
    assert list(ended.document["figures"]) == list(FIGURES)


def test_a_server_that_goes_away_is_asked_again(assay: Terminal, started: ScriptedServer) -> None:
    started.script(LOOK, DROPPED, DROPPED, measured(trusted=True))
    ended = assay.run("judge", "calibrate", "support", "helpful", "--wait")
    assert ended.code == 0
    assert "asking again" in ended.err


def test_a_judge_that_is_not_there_is_a_refusal(assay: Terminal, server: ScriptedServer) -> None:
    refusal = Reply(problem(404, "judge_unknown", "no such judge"), 404)
    server.script("POST /judges/calibrations", refusal)
    ended = assay.run("judge", "calibrate", "support", "helpfull", "--wait")
    assert (ended.code, ended.err) == (2, "error: no such judge\n")


def test_judges_are_listed_with_how_they_stand(assay: Terminal, server: ScriptedServer) -> None:
    judge = {
        **{key: trial()[key] for key in ("suite", "judge", "rubric", "mode", "model")},
        "samples": 1,
        "labelled": True,
        "figures": FIGURES,
        "measured_at": "2026-05-01T10:00:00Z",
        "trusted": True,
        "sentence": SENTENCE,
        "tried": True,
        "blocked": [],
    }
    fooled = {**judge, "judge": "fooled", "trusted": False, "blocked": ["it passed a bare colon"]}
    new = {**judge, "judge": "new", "trusted": False, "figures": None, "sentence": "not measured"}
    server.script("GET /judges", {"results": [judge, fooled, new]})
    lines = [" ".join(line.split()) for line in assay.run("judge", "list").out.splitlines()]
    assert lines[1:] == [
        "support helpful helpfulness umpire 60 0.80 trusted",
        "support fooled helpfulness umpire 60 0.80 blocked: it passed a bare colon",
        "support new helpfulness umpire - - advisory: not measured",
    ]
    document = assay.run("judge", "list", "--json").document
    assert [row["judge"] for row in document["judges"]] == ["helpful", "fooled", "new"]
