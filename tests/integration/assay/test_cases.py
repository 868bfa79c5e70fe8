"""cases: their history over runs, and quarantine."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from assay.fields import FIELDS
from tests.integration.assay.bodies import RUN_ID, problem
from tests.integration.assay.conftest import Terminal
from tests.integration.assay.scripted_server import Reply, ScriptedServer
from tests.integration.assay.test_runs import page

CASES = "GET /prompts/support-chat/cases"
QUARANTINE = "/prompts/support-chat/quarantine"


def history(case: str, kind: str, *outcomes: list[str], **changes: Any) -> dict[str, Any]:
    """`outcomes` of the runs, the newest first, as the server gives them."""
    runs = [
        {"run": RUN_ID, "version": 9 - n, "at": "2026-03-01T11:00:00Z", "outcomes": found}
        for n, found in enumerate(outcomes)
    ]
    body = {"suite": "support", "case": case, "class": kind, "since": None}
    return {**body, "quarantined_until": None, "runs": runs, **changes}


def quarantine(**changes: Any) -> dict[str, Any]:
    return {
        "suite": "support",
        "case": "angry",
        "owner": "ada",
        "reason": "the model cannot decide",
        "created_by": "user:petra",
        "created_at": "2026-03-01T11:00:00Z",
        "expires_at": "2026-03-15T11:00:00Z",
        "lifted_by": "",
        "lifted_at": None,
        "active": True,
        **changes,
    }


def test_the_newest_runs_of_each_case_stand_in_a_row(
    assay: Terminal, server: ScriptedServer
) -> None:
    until = "2026-03-15T11:00:00Z"
    server.script(
        CASES,
        page(
            history("angry", "flaky", ["pass", "fail"], ["pass"], quarantined_until=until),
            history("refund", "regressed", ["fail"], ["error"], ["pass"], since=9),
        ),
    )
    ended = assay.run("cases", "list", "support-chat")
    [head, angry, refund] = ended.out.splitlines()
    assert head.split() == ["suite", "case", "class", "since", "quarantined", "until", "runs"]
    assert angry.split() == ["support", "angry", "flaky", "-", "2026-03-15", "11:00", "+~"]
    assert refund.split() == ["support", "refund", "regressed", "v9", "-", "+!-"]
    assert "~ repeats differ" in ended.err


def test_cases_are_narrowed_down(assay: Terminal, server: ScriptedServer) -> None:
    server.script(CASES, page())
    narrow = ["--class", "flaky", "--suite", "support", "--case", "angry", "--model", "smollm2"]
    assay.run("cases", "list", "support-chat", *narrow)
    [asked] = server.asked(CASES)
    assert asked.query == {
        "class": "flaky",
        "suite": "support",
        "case": "angry",
        "model": "smollm2",
        "page_size": "500",
    }
    wrong = assay.run("cases", "list", "support-chat", "--class", "broken")
    assert wrong.code == 2
    assert "'flaky'" in wrong.err


def test_machines_get_the_documented_fields(assay: Terminal, server: ScriptedServer) -> None:
    server.script(CASES, page(history("angry", "flaky", ["pass", "fail"])))
    server.script(f"GET {QUARANTINE}", page(quarantine()))
    document = assay.run("cases", "list", "support-chat", "--json").document
    assert list(document) == list(FIELDS["cases list"])
    [case] = document["cases"]
    assert list(case) == list(FIELDS["cases[]"])
    assert case["class"] == "flaky"
    assert list(case["in_runs"][0]) == list(FIELDS["in_runs[]"])
    held = assay.run("cases", "quarantined", "support-chat", "--json").document
    assert list(held["quarantines"][0]) == list(FIELDS["quarantines[]"])


def test_a_quarantine_has_an_owner_a_reason_and_an_end(
    assay: Terminal, server: ScriptedServer
) -> None:
    server.script(f"POST {QUARANTINE}", Reply(quarantine(), 201))
    case = ["cases", "quarantine", "support-chat", "support", "angry"]
    ended = assay.run(*case, "--owner", "ada", "--reason", "undecided", "--days", "7")
    assert ended.out == "support/angry is in quarantine until 2026-03-15 11:00; owner ada\n"
    [asked] = server.asked(f"POST {QUARANTINE}")
    until = datetime.fromisoformat(asked.body.pop("expires_at"))
    assert abs(until - datetime.now(UTC) - timedelta(days=7)) < timedelta(minutes=5)
    assert asked.body == {
        "suite": "support",
        "case": "angry",
        "owner": "ada",
        "reason": "undecided",
    }
    assert assay.run(*case, "--owner", "ada").code == 2
    assert assay.run(*case, "--owner", "ada", "--reason", "x", "--days", "31").code == 2


def test_a_quarantine_is_lifted(assay: Terminal, server: ScriptedServer) -> None:
    over = {"active": False, "lifted_by": "user:eda", "lifted_at": "2026-03-02T11:00:00Z"}
    server.script(f"DELETE {QUARANTINE}", quarantine(**over))
    ended = assay.run("cases", "lift", "support-chat", "support", "angry")
    assert ended.out == "support/angry is in quarantine no more\n"
    assert server.asked(f"DELETE {QUARANTINE}")[0].body == {"suite": "support", "case": "angry"}


@pytest.mark.parametrize("options", [[], ["--ended"]])
def test_what_is_in_quarantine_is_listed(
    assay: Terminal, server: ScriptedServer, options: list[str]
) -> None:
    server.script(f"GET {QUARANTINE}", page(quarantine()))
    ended = assay.run("cases", "quarantined", "support-chat", *options)
    assert "the model cannot decide" in ended.out
    assert server.asked(f"GET {QUARANTINE}")[0].query == ({"ended": "true"} if options else {})


def test_a_refusal_is_one_line(assay: Terminal, server: ScriptedServer) -> None:
    refused = problem(404, "not_quarantined", "support/angry is not in quarantine")
    server.script(f"DELETE {QUARANTINE}", Reply(refused, 404))
    ended = assay.run("cases", "lift", "support-chat", "support", "angry")
    assert ended.code != 0
    assert ended.err.startswith("error: support/angry is not in quarantine")
