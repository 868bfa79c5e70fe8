"""runs: list, show, results, cancel, resume."""

from __future__ import annotations

from pathlib import Path

import pytest

from assay.fields import FIELDS
from tests.integration.assay.bodies import RUN_ID, finished, run
from tests.integration.assay.compared import REASON, answer, cases, compared_run, tables
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


@pytest.fixture
def shown(server: ScriptedServer) -> ScriptedServer:
    server.script(f"GET /runs/{RUN_ID}", compared_run())
    server.script(f"GET /runs/{RUN_ID}/report", tables())
    server.script(f"GET /runs/{RUN_ID}/cases", page(*cases()))
    return server


def test_one_run_is_shown_with_reasons_figures_and_flips(
    assay: Terminal, shown: ScriptedServer
) -> None:
    ended = assay.run("runs", "show", RUN_ID)
    assert ended.code == 0
    assert ended.out.startswith("INCONCLUSIVE  support-chat v4 against v3 on smollm2: 8 of 10")
    assert f"  - {REASON}\n" in ended.out
    assert "cases: 1 regressed, 1 fixed, 1 failing, 7 passing\n" in ended.out
    [asked] = shown.asked(f"GET /runs/{RUN_ID}/cases")
    assert asked.query == {"page_size": "20", "change": "regressed"}
    assert shown.asked(f"GET /runs/{RUN_ID}/results") == []


def test_a_table_of_a_large_run_takes_three_requests(
    assay: Terminal, server: ScriptedServer
) -> None:
    many = cases([answer(f"case-{n}", "fail", "pass") for n in range(20)])
    server.script(f"GET /runs/{RUN_ID}", compared_run())
    server.script(f"GET /runs/{RUN_ID}/report", tables(cases={"regressed": 9_000}))
    server.script(f"GET /runs/{RUN_ID}/cases", page(*many, following="http://x/?cursor=2"))
    ended = assay.run("runs", "show", RUN_ID)
    assert f"and 8,980 more: assay runs results {RUN_ID} --failed" in ended.out
    assert len(server.received) == 3


def test_a_run_that_has_no_answer_yet_is_shown_without_asking_for_them(
    assay: Terminal, server: ScriptedServer
) -> None:
    server.script(f"GET /runs/{RUN_ID}", run())
    ended = assay.run("runs", "show", RUN_ID)
    assert ended.out.startswith("queued  support-chat v4 on smollm2: 0 of 60 answers")
    assert len(server.received) == 1


@pytest.mark.parametrize("options", [["--json"], ["--format", "json"], ["--json", "--format=json"]])
def test_machines_get_exactly_the_documented_fields(
    assay: Terminal, shown: ScriptedServer, options: list[str]
) -> None:
    document = assay.run("runs", "show", RUN_ID, *options).document
    assert list(document) == list(FIELDS["runs show"])
    assert document["progress"] == {"done": 10, "total": 10, "errors": 0}
    assert document["interval"] == [0.490, 0.943]
    assert document["case_counts"] == {"regressed": 1, "fixed": 1, "failing": 1, "passing": 7}
    for part in ("suite_rates", "check_rates", "changed_cases", "times", "variances"):
        assert [list(item) for item in document[part]] == (
            [list(FIELDS[f"{part}[]"])] * len(document[part])
        )
    [worse, *_] = document["changed_cases"]
    assert (worse["case"], worse["pass_rate"], worse["baseline_rate"]) == ("angry", 0.0, 1.0)
    assert worse["answers"][0]["candidate"]["failed_checks"] == ["label"]
    assert worse["answers"][0]["live"]["text"] == "live pass"
    assert document["usage"]["prefix_cache_rate"] == 0.5


@pytest.mark.parametrize(
    ("form", "start"),
    [
        ("junit", "<?xml version="),
        ("markdown", "### ❔ INCONCLUSIVE: `support-chat v4"),
        ("html", "<!doctype html>"),
        ("table", "INCONCLUSIVE  support-chat"),
        ("json", "{"),
    ],
)
def test_a_report_goes_to_stdout_or_into_a_file(
    assay: Terminal, shown: ScriptedServer, tmp_path: Path, form: str, start: str
) -> None:
    printed = assay.run("runs", "show", RUN_ID, "--format", form)
    assert printed.out.startswith(start)
    file = tmp_path / "report"
    written = assay.run("runs", "show", RUN_ID, "--format", form, "--output", str(file))
    assert (written.code, written.out) == (0, "")
    assert f"written: {file}" in written.err
    assert file.read_text(encoding="utf-8") == printed.out


def test_a_file_that_cannot_be_written_is_one_line(
    assay: Terminal, shown: ScriptedServer, tmp_path: Path
) -> None:
    nowhere = str(tmp_path / "none" / "report")
    ended = assay.run("runs", "show", RUN_ID, "--format", "json", "--output", nowhere)
    assert ended.code == 2
    assert "cannot be written: No such file or directory" in ended.err
    assert ended.document["error"]["code"] == "file_unusable"


def test_two_formats_are_refused(assay: Terminal, server: ScriptedServer) -> None:
    ended = assay.run("runs", "show", RUN_ID, "--json", "--format", "html")
    assert ended.code == 2
    assert "--json and --format html disagree" in ended.err
    assert server.received == []


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
    server.script(f"GET /runs/{RUN_ID}/results", page(good, bad), page(bad))
    document = assay.run("runs", "results", RUN_ID, "--json").document
    assert list(document) == ["run", "results"]
    assert list(document["results"][0]) == list(FIELDS["results[]"])
    failed = assay.run("runs", "results", RUN_ID, "--failed")
    assert server.asked(f"GET /runs/{RUN_ID}/results")[1].query["failed"] == "true"
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
