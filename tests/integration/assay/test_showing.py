"""show, tags, history, diff, render and sync against a server."""

from __future__ import annotations

import json
from pathlib import Path

from assay.fields import FIELDS
from tests.integration.assay.bodies import event, pointer, problem, synced, tags
from tests.integration.assay.conftest import Terminal
from tests.integration.assay.scripted_server import Reply, ScriptedServer

FINDING = {
    "path": "prompts/a/v1.jinja2",
    "line": 3,
    "column": 7,
    "severity": "error",
    "code": "template",
    "message": "unexpected\nend \x1b[31m",
    "hint": "",
}


def test_show_prints_exactly_the_documented_fields(assay: Terminal, server: ScriptedServer) -> None:
    server.script("GET /prompts/support-chat/tags", tags())
    document = assay.run("show", "support-chat", "--json").document
    assert document == {
        "name": "support-chat",
        "tags": {
            "stable": {"version": 3, "model": "smollm2", "revision": 4},
            "canary": {"version": 4, "model": "smollm2", "revision": 1},
        },
        "versions": [1, 2, 3, 4],
    }


def test_show_is_a_table_for_people(assay: Terminal, server: ScriptedServer) -> None:
    server.script("GET /prompts/support-chat/tags", tags())
    ended = assay.run("show", "support-chat")
    assert "versions: v1, v2, v3, v4\n" in ended.out
    assert "canary (10 %)  v4" in ended.out
    assert "2026-03-01 10:00" in ended.out


def test_an_unknown_prompt_is_one_line(assay: Terminal, server: ScriptedServer) -> None:
    answer = problem(404, "prompt_unknown", "there is no prompt 'nope'", "assay tags lists them")
    server.script("GET /prompts/nope/tags", Reply(answer, 404))
    ended = assay.run("show", "nope")
    assert ended.code == 2
    assert ended.err == "error: there is no prompt 'nope' (assay tags lists them)\n"


def test_tags_of_every_prompt_are_listed_page_by_page(
    assay: Terminal, server: ScriptedServer
) -> None:
    summary = {
        "description": "",
        "owners": [],
        "versions": 3,
        "latest": 3,
        "orphaned": False,
        "tags": {"stable": pointer()},
    }
    first = {"next": f"{server.url}/api/v1/prompts?cursor=b", "results": [{"name": "a", **summary}]}
    last = {"next": None, "results": [{"name": "b", **summary, "tags": {}}]}
    server.script("GET /prompts", first, last, first, last)
    assert [line.split()[0] for line in assay.run("tags").out.splitlines()] == ["prompt", "a"]
    document = assay.run("tags", "--json").document
    assert list(document["tags"][0]) == list(FIELDS["tags[]"])
    server.script("GET /prompts/support-chat/tags", tags())
    assert len(assay.run("tags", "support-chat", "--json").document["tags"]) == 2


def test_history_is_the_ledger(assay: Terminal, server: ScriptedServer) -> None:
    first = event(event=1, kind="adopted", previous=None, reason="[bold]first[/bold]")
    server.script("GET /prompts/support-chat/history", {"next": None, "results": [event(), first]})
    shown = assay.run("history", "support-chat", "--tag", "stable")
    assert "[bold]first[/bold]" in shown.out
    assert server.received[0].query == {"tag": "stable"}
    document = assay.run("history", "support-chat", "--limit", "1", "--json").document
    assert list(document) == ["name", "events"]
    assert [list(item) for item in document["events"]] == [list(FIELDS["events[]"])]


def test_diff_by_name_asks_the_server(assay: Terminal, server: ScriptedServer) -> None:
    change = {"kind": "added", "variable": "tone", "breaking": True, "message": "needs a value"}
    body = {"name": "a", "old": 1, "new": 2, "text": "--- v1\n+++ v2\n", "contract": [change]}
    server.script("GET /prompts/a/diff", body)
    ended = assay.run("diff", "a", "v1", "2")
    assert server.received[0].query == {"old": "1", "new": "2"}
    assert "BREAKING added tone: needs a value" in ended.out
    assert assay.run("diff", "a", "1", "2", "--json").document == body


def test_render_by_name_asks_the_server(
    assay: Terminal, server: ScriptedServer, tmp_path: Path
) -> None:
    messages = [{"role": "system", "content": "Be kind."}, {"role": "user", "content": "Hi Ann"}]
    body = {"name": "a", "version": 2, "type": "chat", "text": "", "messages": messages}
    server.script("POST /prompts/a/render", body)
    values = tmp_path / "values.json"
    values.write_text('{"name": "Bob", "age": 7}', encoding="utf-8")
    ended = assay.run("render", "a", "--vars", str(values), "--var", "name=Ann")
    assert ended.out == "[system]\nBe kind.\n[user]\nHi Ann\n"
    assert server.received[0].body == {
        "tag": "stable",
        "variables": {"name": "Ann", "age": 7},
        "placeholders": {},
    }
    assert assay.run("render", "a", "--version", "v2", "--json").document == body
    assert server.received[1].body["version"] == 2
    assert "tag" not in server.received[1].body


def test_render_says_which_variable_does_not_fit(assay: Terminal, server: ScriptedServer) -> None:
    errors = [{"pointer": "/ticket", "message": "is missing"}]
    answer = problem(422, "render_invalid", "/ticket is missing", errors=errors)
    server.script("POST /prompts/a/render", Reply(answer, 422))
    ended = assay.run("render", "a")
    assert (ended.code, ended.err) == (2, "error: /ticket is missing\n")


def test_variables_can_be_piped_in(assay: Terminal, server: ScriptedServer) -> None:
    body = {"name": "a", "version": 2, "type": "text", "text": "hello", "messages": []}
    server.script("POST /prompts/a/render", body)
    ended = assay.run("render", "a", "--vars", "-", stdin=json.dumps({"n": [1]}))
    assert ended.out == "hello\n"
    assert server.received[0].body["variables"] == {"n": [1]}


def test_sync_prints_exactly_the_documented_fields(assay: Terminal, server: ScriptedServer) -> None:
    server.script("POST /syncs", synced(findings=[FINDING]))
    document = assay.run("sync", "--json").document
    assert list(document) == ["commit", "prompts", "versions", "findings"]
    assert document["findings"] == [FINDING]
    assert server.received[0].body == {}


def test_sync_shows_findings_where_they_are_and_alarms(
    assay: Terminal, server: ScriptedServer
) -> None:
    alarm = {
        "kind": "history_rewritten",
        "subject": "main",
        "message": "the branch was force-pushed",
        "raised_at": "2026-03-01T10:00:00Z",
    }
    server.script("POST /syncs", synced(findings=[FINDING], alarms=[alarm]))
    ended = assay.run("sync")
    assert ended.code == 0
    assert "prompts/a/v1.jinja2:3:7: error template: unexpected end �[31m\n" in ended.out
    assert ended.err == "alarm history_rewritten: main: the branch was force-pushed\n"


def test_a_failed_sync_is_exit_code_4_and_says_what_is_still_served(
    assay: Terminal, server: ScriptedServer
) -> None:
    server.script("POST /syncs", synced(status="failed", error="the remote does not answer"))
    ended = assay.run("sync")
    assert ended.code == 4
    expected = "error: the remote does not answer (what was published before is still served)\n"
    assert ended.err == expected
