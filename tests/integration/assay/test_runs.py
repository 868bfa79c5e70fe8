"""runs: list, show, results, cancel, resume."""

from __future__ import annotations

from assay.fields import FIELDS
from tests.integration.assay.bodies import RUN_ID, finished, run
from tests.integration.assay.conftest import Terminal
from tests.integration.assay.scripted_server import ScriptedServer


def page(*results: object, following: str | None = None) -> dict[str, object]:
    return {"next": following, "previous": None, "results": list(results)}


def test_runs_alone_lists_them(assay: Terminal, server: ScriptedServer) -> None:
    server.script("GET /runs", page(finished("PASS"), run()))
    for command in (["runs"], ["runs", "list"]):
        ended = assay.run(*command)
        assert ended.code == 0
        [head, first, second] = ended.out.splitlines()
        assert head.split() == [
            *("run", "prompt", "version", "model", "status"),
            *("verdict", "cases", "passed", "at"),
        ]
        assert first.split()[:7] == [
            *(RUN_ID, "support-chat", "v4", "smollm2"),
            *("finished", "PASS", "60"),
        ]
        assert second.split()[5] == "-"


def test_runs_are_filtered_and_limited(assay: Terminal, server: ScriptedServer) -> None:
    server.script(
        "GET /runs", page(run(), run(), following="http://elsewhere/api/v1/runs?cursor=2")
    )
    options = ["--prompt", "support-chat", "--version", "v4", "--limit", "3", "--json"]
    document = assay.run("runs", *options).document
    assert list(document) == ["runs"]
    assert [list(item) for item in document["runs"]] == [list(FIELDS["runs[]"])] * 3
    first, second = server.asked("GET /runs")
    assert first.query == {"prompt": "support-chat", "version": "4"}
    assert second.query == {"cursor": "2"}


def test_one_run_is_shown_with_its_reasons(assay: Terminal, server: ScriptedServer) -> None:
    server.script(f"GET /runs/{RUN_ID}", finished("FAIL", reasons=["the floor is 80 %"]))
    shown = assay.run("runs", "show", RUN_ID)
    assert shown.code == 0
    assert shown.out.startswith("FAIL  support-chat v4 on smollm2")
    assert "the floor is 80 %" in shown.out
    document = assay.run("runs", "show", RUN_ID, "--json").document
    assert list(document) == list(FIELDS["runs show"])
    assert document["progress"] == {"done": 60, "total": 60, "errors": 0}
    assert document["interval"] == [0.863, 0.983]


def test_results_can_be_narrowed_to_what_did_not_pass(
    assay: Terminal, server: ScriptedServer
) -> None:
    good = {
        "suite": "support-chat",
        "case": "refund-1",
        "repeat": 0,
        "outcome": "pass",
        "text": "negative",
        "checks": [{"name": "exact", "passed": True}],
        "error": "",
        "ttft_ms": 12.5,
        "total_ms": 80,
        "prompt_tokens": 120,
        "completion_tokens": 3,
    }
    bad = {**good, "case": "refund-2", "outcome": "fail", "text": "\x1b[2Jpositive\n"}
    server.script(f"GET /runs/{RUN_ID}/results", page(good, bad))
    document = assay.run("runs", "results", RUN_ID, "--json").document
    assert list(document) == ["run", "results"]
    assert list(document["results"][0]) == list(FIELDS["results[]"])
    failed = assay.run("runs", "results", RUN_ID, "--failed")
    assert "refund-1" not in failed.out
    assert "refund-2" in failed.out
    assert "\x1b" not in failed.out


def test_a_run_is_cancelled_and_resumed(assay: Terminal, server: ScriptedServer) -> None:
    server.script(f"POST /runs/{RUN_ID}/cancel", run(status="cancelled"))
    server.script(f"POST /runs/{RUN_ID}/resume", run(status="queued"))
    assert assay.run("runs", "cancel", RUN_ID).out.startswith("cancelled  support-chat v4")
    assert assay.run("runs", "resume", RUN_ID, "--json").document["status"] == "queued"


def test_what_is_not_a_run_s_id_is_not_asked_for(assay: Terminal, server: ScriptedServer) -> None:
    ended = assay.run("runs", "show", "../prompts?x=1")
    assert ended.code == 2
    assert ended.err.startswith("error: Invalid value for 'RUN'")
    assert server.received == []
