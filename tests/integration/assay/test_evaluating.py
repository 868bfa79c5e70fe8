"""eval: waiting, verdicts, exit codes, broken connections, Ctrl-C."""

from __future__ import annotations

import signal
import time

import pytest

from assay.waiting import Pace
from tests.integration.assay.bodies import RUN_ID, finished, problem, run, tags
from tests.integration.assay.conftest import Terminal
from tests.integration.assay.scripted_server import DROPPED, Reply, ScriptedServer

FIELDS = ["run", "prompt", "version", "model", "verdict", "reasons", "cases", "passed"]
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
    assert ended.out.startswith(f"{verdict}  support-chat v4 on smollm2: 57 of 60 cases, 95.0%")
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
    assert "tokens: 9000" in ended.out
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
