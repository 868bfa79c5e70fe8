"""eval: waiting, verdicts, exit codes, broken connections, Ctrl-C."""

from __future__ import annotations

import signal
import time

import pytest

from assay.fields import FIELDS as FIELDS_OF
from assay.waiting import Pace
from tests.integration.assay.bodies import RUN_ID, finished, forecast, problem, run, tags
from tests.integration.assay.conftest import Terminal
from tests.integration.assay.scripted_server import DROPPED, Reply, ScriptedServer

FIELDS = ["run", "prompt", "version", "model", "verdict", "reasons", "cases", "passed"]
FORECAST = FIELDS_OF["eval --plan"]
LOOK = f"GET /runs/{RUN_ID}"


@pytest.fixture
def started(server: ScriptedServer) -> ScriptedServer:
    server.script("POST /runs", Reply(run(), 202))
    return server


@pytest.mark.parametrize(
    ("verdict", "code"), [("PASS", 0), ("FAIL", 1), ("INCONCLUSIVE", 3), ("ERROR", 4)]
)
def test_the_verdict_is_the_exit_code(
    assay: Terminal, started: ScriptedServer, verdict: str, code: int
) -> None:
    started.script(LOOK, finished(verdict, reasons=["because of this"]))
    ended = assay.run("eval", "support-chat", "v4", "--wait")
    assert ended.code == code
    assert ended.out.startswith(f"{verdict}  support-chat v4 on smollm2: 57 of 60 cases, 95.0 %")
    assert "  - because of this\n" in ended.out


def test_wait_prints_exactly_the_documented_fields_and_progress_elsewhere(
    assay: Terminal, started: ScriptedServer
) -> None:
    half = {"done": 30, "total": 60, "errors": 1}
    started.script(LOOK, run(status="running", progress=half), finished("PASS"))
    ended = assay.run("eval", "support-chat", "v4", "--model", "smollm2", "--wait", "--json")
    assert list(ended.document) == [*FIELDS, "certificate"]
    assert ended.document["version"] == 4
    assert ended.document["certificate"] == "c" * 64
    assert "support-chat v4 on smollm2: running, 30/60, 1 errors\n" in ended.err
    assert started.asked("POST /runs")[0].body == {
        "prompt": "support-chat",
        "version": 4,
        "model": "smollm2",
        "tag": "stable",
    }


def test_without_wait_the_run_is_started_and_its_forecast_shown(
    assay: Terminal, started: ScriptedServer
) -> None:
    ended = assay.run("eval", "support-chat", "v4", "--tag", "canary")
    assert ended.code == 0
    assert "queued  support-chat v4 on smollm2: 0 of 60 answers, no verdict yet" in ended.out
    assert "tokens: 9,000" in ended.out
    assert f"assay runs show {RUN_ID}" in ended.err
    assert started.asked("POST /runs")[0].body["tag"] == "canary"
    assert started.asked(LOOK) == []


def test_without_a_version_the_newest_is_evaluated(
    assay: Terminal, started: ScriptedServer
) -> None:
    started.script("GET /prompts/support-chat/tags", tags(versions=[2, 10, 9]))
    assert assay.run("eval", "support-chat").code == 0
    assert started.asked("POST /runs")[0].body["version"] == 10
    started.script("GET /prompts/support-chat/tags", tags(versions=[]))
    assert "support-chat has no version yet" in assay.run("eval", "support-chat").err


def test_waiting_survives_dropped_connections_and_a_server_that_restarts(
    assay: Terminal, started: ScriptedServer
) -> None:
    busy = Reply(problem(503, "unavailable", "the database does not answer"), 503)
    proxy = Reply(status=502, raw=b"<html>Bad gateway</html>")
    troubles = [DROPPED, DROPPED, busy, proxy, Reply({}, 429)]
    started.script(LOOK, run(status="running"), *troubles, finished("PASS"))
    ended = assay.run("eval", "support-chat", "v4", "--wait")
    assert ended.code == 0
    assert ended.err.count("asking again in") == 1
    assert len(started.asked(LOOK)) == 7


def test_patience_ends(assay: Terminal, started: ScriptedServer) -> None:
    started.script(LOOK, DROPPED)
    ended = assay.run("eval", "support-chat", "v4", "--wait", "--patience", "0.3")
    assert ended.code == 4
    assert "error: no answer from" in ended.err


def test_what_waiting_cannot_cure_ends_it_at_once(assay: Terminal, started: ScriptedServer) -> None:
    started.script(LOOK, Reply(problem(401, "credentials_invalid", "the token was revoked"), 401))
    ended = assay.run("eval", "support-chat", "v4", "--wait")
    assert ended.code == 2
    assert ended.err.startswith("error: the token was revoked (set ASSAY_TOKEN")
    assert len(started.asked(LOOK)) == 1


def test_a_run_that_somebody_cancels_was_not_evaluated(
    assay: Terminal, started: ScriptedServer
) -> None:
    started.script(LOOK, run(status="cancelled"))
    ended = assay.run("eval", "support-chat", "v4", "--wait")
    assert ended.code == 4
    assert "cancelled  support-chat v4" in ended.out
    assert f"assay runs resume {RUN_ID}" in ended.err


def test_ctrl_c_leaves_the_run_going_and_says_how_to_look_at_it(
    assay: Terminal, started: ScriptedServer
) -> None:
    started.script(LOOK, run(status="running"))
    process = assay.start("eval", "support-chat", "v4", "--wait")
    while not started.asked(LOOK):
        time.sleep(0.02)
    process.send_signal(signal.SIGINT)
    out, err = process.communicate(timeout=30)
    assert process.returncode == 130
    assert out == ""
    assert f"the run goes on; look at it with `assay runs show {RUN_ID}`" in err
    assert "Traceback" not in err
    assert not started.asked(f"POST /runs/{RUN_ID}/cancel")


def test_a_server_asks_for_patience_of_minutes_by_default() -> None:
    assert Pace().patience == 300


def test_a_plan_says_what_it_costs_and_decides_and_starts_nothing(
    assay: Terminal, server: ScriptedServer
) -> None:
    figures = {"cost_usd": 1.5, "minutes": 12.25, "judge_requests": 120, "detectable_drop": 0.084}
    server.script("POST /runs/plan", forecast(**figures, detectable_margin=0.1))
    ended = assay.run("eval", "support-chat", "v4", "--plan", "--tag", "canary")
    assert ended.code == 0
    assert ended.out.splitlines() == [
        "cases: 60",
        "requests: 60",
        "judge requests: 120",
        "tokens: 9,000",
        "cost: $1.50",
        "minutes: 12.2",
        "can decide: yes; of 60 cases, 55 or more right pass the floor of 80.0 %",
        "smallest detectable drop: 8.4 points (80 % power)",
        "smallest margin an equal candidate passes: 10.0 points (80 % power)",
    ]
    [asked] = server.received
    assert asked.body == {"prompt": "support-chat", "version": 4, "tag": "canary"}


def test_a_plan_is_one_document(assay: Terminal, server: ScriptedServer) -> None:
    server.script("POST /runs/plan", forecast())
    document = assay.run("eval", "support-chat", "v4", "--plan", "--json").document
    assert list(document) == list(FORECAST)
    assert document["minutes"] is None


def test_a_fresh_run_takes_nothing_from_earlier_ones(
    assay: Terminal, started: ScriptedServer
) -> None:
    assert assay.run("eval", "support-chat", "v4", "--fresh").code == 0
    assert started.asked("POST /runs")[0].body["fresh"] is True


@pytest.mark.parametrize(
    ("flips", "code", "told"),
    [
        (
            6,
            0,
            "v3 against itself on smollm2: 6 of 60 cases came out differently: flip rate 10.0 %",
        ),
        (None, 4, "v3 against itself on smollm2: not every case was answered twice"),
    ],
)
def test_what_is_live_is_asked_twice(
    assay: Terminal, server: ScriptedServer, flips: int | None, code: int, told: str
) -> None:
    live = {"kind": "self", "version": 3, "baseline": 3}
    rate = None if flips is None else flips / 60
    measured = {"cases": 60, "flips": flips, "flip_rate": rate}
    over = finished("", **live, passed=None, pass_rate=None, interval=None, measured=measured)
    server.script("POST /runs/self", Reply(run(**live), 202))
    server.script(LOOK, {**over, "verdict": None})
    ended = assay.run("eval", "support-chat", "--aa", "--wait")
    assert ended.code == code
    assert told in ended.out
    assert server.asked("POST /runs/self")[0].body == {"prompt": "support-chat", "tag": "stable"}
    document = assay.run("eval", "support-chat", "--aa", "--wait", "--json").document
    assert list(document) == list(FIELDS_OF["eval --aa"])
    assert document["measured"]["flip_rate"] == rate


@pytest.mark.parametrize(
    "options", [["v4", "--aa"], ["--aa", "--plan"], ["--plan", "--wait"], ["--plan", "--fresh"]]
)
def test_options_that_do_not_go_together_are_refused(
    assay: Terminal, server: ScriptedServer, options: list[str]
) -> None:
    ended = assay.run("eval", "support-chat", *options)
    assert ended.code == 2
    assert "do not go together" in ended.err
    assert server.received == []
