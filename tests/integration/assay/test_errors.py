"""Every error is one line on stderr and an exit code."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.integration.assay.bodies import problem
from tests.integration.assay.conftest import Terminal
from tests.integration.assay.scripted_server import Reply, ScriptedServer

TAGS = "GET /prompts/a/tags"


@pytest.mark.parametrize(
    ("status", "code", "exit_code"),
    [
        (401, "not_authenticated", 2),
        (403, "scope_missing", 2),
        (403, "not_certified", 1),
        (404, "prompt_unknown", 2),
        (409, "tag_not_set", 2),
        (422, "invalid", 2),
        (429, "throttled", 4),
        (500, "error", 4),
        (503, "unavailable", 4),
    ],
)
def test_the_kind_of_refusal_decides_the_exit_code(
    assay: Terminal, server: ScriptedServer, status: int, code: str, exit_code: int
) -> None:
    server.script(TAGS, Reply(problem(status, code, "because\nof this"), status))
    ended = assay.run("show", "a")
    assert ended.code == exit_code
    assert ended.err.startswith("error: because of this")
    assert ended.err.count("\n") == 1
    assert ended.out == ""


def test_with_json_the_error_is_a_document_too(assay: Terminal, server: ScriptedServer) -> None:
    server.script(TAGS, Reply(problem(404, "prompt_unknown", "no such prompt", "look"), 404))
    ended = assay.run("show", "a", "--json")
    assert ended.document == {
        "error": {
            "code": "prompt_unknown",
            "message": "no such prompt",
            "hint": "look",
            "status": 404,
            "fields": {},
        }
    }
    assert ended.err == "error: no such prompt (look)\n"


def test_a_hostile_server_cannot_drive_the_terminal(
    assay: Terminal, server: ScriptedServer
) -> None:
    evil = "gone\x1b]0;owned\x07\x9b2J \u202egnp.exe"
    server.script(TAGS, Reply(problem(404, "x", evil, evil), 404))
    shown = assay.run("show", "a").err
    assert not set(shown) & set("\x1b\x07\x9b\u202e")


@pytest.mark.parametrize(
    "arguments",
    [
        ["shwo"],
        ["show"],
        ["show", "a", "b"],
        ["show", "a", "--jsn"],
        ["promote", "a", "v0"],
        ["eval", "a", "--patience", "long"],
        ["token"],
        ["runs", "--limit", "0"],
        ["render", "a", "--var", "novalue"],
        ["render", "a", "--var", "n:=[1"],
        ["render", "a", "--vars", "missing.json"],
    ],
)
def test_a_mistake_on_the_command_line_is_exit_code_2(
    assay: Terminal, server: ScriptedServer, arguments: list[str]
) -> None:
    ended = assay.run(*arguments)
    assert ended.code == 2
    assert ended.err.startswith("error: ")
    assert ended.err.count("\n") == 1
    assert server.received == []


def test_a_token_is_given_once(assay: Terminal, tmp_path: Path) -> None:
    assay.environment["ASSAY_TOKEN_FILE"] = str(tmp_path / "token")
    both = assay.run("show", "a")
    assert (both.code, both.err) == (2, "error: set ASSAY_TOKEN or ASSAY_TOKEN_FILE, not both\n")
    assay.environment["ASSAY_TOKEN"] = ""
    missing = assay.run("show", "a")
    assert "cannot be read" in missing.err
    (tmp_path / "token").write_text("assay_a\nassay_b", encoding="ascii")
    assert "characters that no token has" in assay.run("show", "a").err


def test_a_bad_address_is_a_matter_of_configuration(assay: Terminal) -> None:
    assay.environment["ASSAY_URL"] = "127.0.0.1:8000"
    ended = assay.run("show", "a")
    assert ended.code == 2
    assert "set ASSAY_URL, e.g. http://127.0.0.1:8000" in ended.err
