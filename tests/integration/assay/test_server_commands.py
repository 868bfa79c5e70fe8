"""serve, demo, migrate, token: found by entry point, called as functions."""

from __future__ import annotations

import json
import os
import sys
from pathlib import Path
from textwrap import dedent

import pytest

from tests.integration.assay.conftest import Terminal

SERVER_CODE = dedent(
    '''
    """A stand-in for the server's code; writes down how it was called."""
    import json, os, pathlib
    from core.errors import RefusedError

    class PortTakenError(RefusedError):
        """The port is in use."""
        code = "port_taken"
        hint = "choose another with --port"

    def note(**called):
        path = pathlib.Path(os.environ["CALLS"])
        path.write_text(json.dumps({"ASSAY_DATA": os.environ["ASSAY_DATA"], **called}, default=str))

    def serve(data, port, stream_port, host, model, workers):
        note(data=data, port=port, stream_port=stream_port, host=host, model=model, workers=workers)
        if port == 1:
            raise PortTakenError

    def demo(data, port, once):
        note(data=data, port=port, once=once)
        return 0 if once else 3

    def migrate():
        note()

    def rebuild():
        note()
        return {"commit": "c" * 40, "prompts": 2, "versions": 3, "tags": 3, "moves": 7,
                "proven": 1,
                "findings": ["certificates/greet/v1@tiny.json: certificate_not_taken: too old"]}

    TOKEN = {"id": 7, "name": "ci", "scopes": ["read"], "prompts": ["support-*"],
             "created_at": "2026-03-01T10:00:00Z", "expires_at": None, "last_used_at": None,
             "revoked_at": None, "hint": "assay_ab"}

    def token_create(name, scopes, prompts, expires_days):
        note(name=name, scopes=scopes, prompts=prompts, expires_days=expires_days)
        return {**TOKEN, "token": "assay_new", "name": name, "scopes": scopes}

    def token_list():
        note()
        return [TOKEN]

    def token_revoke(token_id):
        note(id=token_id)
        return {**TOKEN, "revoked_at": "2026-03-02T10:00:00Z"}
    '''
)
ENTRY_POINTS = """\
[assay.server]
serve = stand_in_server:serve
demo = stand_in_server:demo
migrate = stand_in_server:migrate
rebuild = stand_in_server:rebuild
token-create = stand_in_server:token_create
token-list = stand_in_server:token_list
token-revoke = stand_in_server:token_revoke
"""


def install(folder: Path, entry_points: str) -> None:
    info = folder / "assay-0.1.0.dist-info"
    info.mkdir()
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: assay\nVersion: 0.1.0\n")
    (info / "entry_points.txt").write_text(entry_points)


@pytest.fixture
def calls(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, assay: Terminal) -> Path:
    """Where the server's code notes its calls. It is installed in front of the real one."""
    (tmp_path / "stand_in_server.py").write_text(SERVER_CODE, encoding="utf-8")
    install(tmp_path, ENTRY_POINTS)
    monkeypatch.syspath_prepend(str(tmp_path))
    monkeypatch.delitem(sys.modules, "stand_in_server", raising=False)
    assay.environment["CALLS"] = str(tmp_path / "calls.json")
    return tmp_path / "calls.json"


def called(calls: Path) -> dict[str, object]:
    return dict(json.loads(calls.read_text()))


def test_serve_passes_its_options_and_sets_the_data_folder_first(
    assay: Terminal, calls: Path, tmp_path: Path
) -> None:
    folder = tmp_path / "elsewhere"
    ended = assay.run(
        "serve", "--data", str(folder), "--port", "8123", "--stream-port", "8200", "--no-model"
    )
    assert ended.code == 0
    assert called(calls) == {
        "ASSAY_DATA": str(folder),
        "data": str(folder),
        "port": 8123,
        "stream_port": 8200,
        "host": "127.0.0.1",
        "model": False,
        "workers": 1,
    }


def test_the_data_folder_is_assay_data_or_dot_assay(assay: Terminal, calls: Path) -> None:
    assay.run("serve")
    assert called(calls)["data"] == os.environ["ASSAY_DATA"]
    del os.environ["ASSAY_DATA"]
    assay.run("serve")
    assert called(calls)["data"] == ".assay"
    assert called(calls)["ASSAY_DATA"] == str(Path(".assay").resolve())


def test_what_the_server_refuses_is_one_line(assay: Terminal, calls: Path) -> None:
    ended = assay.run("serve", "--port", "1")
    assert ended.code == 2
    assert ended.err == "error: The port is in use. (choose another with --port)\n"


def test_demo_ends_with_the_code_of_its_steps(assay: Terminal, calls: Path) -> None:
    assert assay.run("demo", "--once", "--port", "9000").code == 0
    assert called(calls)["once"] is True
    assert assay.run("demo").code == 3


def test_migrate_runs(assay: Terminal, calls: Path) -> None:
    assert assay.run("migrate").code == 0
    assert calls.exists()


def test_a_rebuild_says_what_came_back_and_what_did_not(assay: Terminal, calls: Path) -> None:
    ended = assay.run("rebuild")
    assert (ended.code, calls.exists()) == (0, True)
    assert "2 prompts" in ended.out
    assert "3 versions, 7 moves of tags,\n3 live tags, 1 proven" in ended.out
    assert "too old" in ended.err
    assert json.loads(assay.run("rebuild", "--json").out)["proven"] == 1


def test_a_token_is_made_and_shown_once(assay: Terminal, calls: Path) -> None:
    scopes = ["--scope", "lookup", "--scope", "read"]
    options = [*scopes, "--prompt", "support-*", "--expires-days", "30"]
    document = assay.run("token", "create", "ci", *options, "--json").document
    assert document == {"token": "assay_new", "id": 7, "scopes": ["lookup", "read"]}
    made = called(calls)
    made.pop("ASSAY_DATA")
    assert made == {
        "name": "ci",
        "scopes": ["lookup", "read"],
        "prompts": ["support-*"],
        "expires_days": 30,
    }
    shown = assay.run("token", "create", "ci", *scopes)
    assert shown.out == "assay_new\n"
    assert "token 7 with the scopes lookup, read" in shown.err


def test_tokens_are_listed_and_revoked(assay: Terminal, calls: Path) -> None:
    listed = assay.run("token", "list")
    assert "support-*" in listed.out
    fields = ["id", "name", "scopes", "prompts", "created_at", "expires_at", "last_used_at"]
    [token] = assay.run("token", "list", "--json").document["tokens"]
    assert list(token) == [*fields, "revoked_at"]
    assert assay.run("token", "revoke", "7").out == "token 7 (ci) is revoked\n"
    assert called(calls)["id"] == 7
    document = assay.run("token", "revoke", "7", "--json").document
    assert document == {"id": 7, "name": "ci", "revoked_at": "2026-03-02T10:00:00Z"}


def test_without_the_server_s_code_one_line_says_so(
    assay: Terminal, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    install(tmp_path, "")
    monkeypatch.syspath_prepend(str(tmp_path))
    ended = assay.run("token", "list")
    assert ended.code == 4
    assert ended.err.startswith("error: `assay token list` needs the server's code")
    assert ended.err.count("\n") == 1


def test_server_code_that_cannot_be_loaded_says_what_is_missing(
    assay: Terminal, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    install(tmp_path, "[assay.server]\nmigrate = no_such_module:run\n")
    monkeypatch.syspath_prepend(str(tmp_path))
    ended = assay.run("migrate")
    assert ended.code == 4
    assert "No module named 'no_such_module'" in ended.err


@pytest.mark.parametrize(
    ("module", "name", "code"),
    [
        ("django.core.exceptions", "ImproperlyConfigured", 2),
        ("django.db.utils", "OperationalError", 4),
    ],
)
def test_a_server_that_is_not_configured_or_has_no_database_is_one_line(
    assay: Terminal,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    module: str,
    name: str,
    code: int,
) -> None:
    source = f"from {module} import {name}\ndef run():\n    raise {name}('first\\nsecond')\n"
    (tmp_path / f"fails_with_{name.lower()}.py").write_text(source)
    install(tmp_path, f"[assay.server]\nmigrate = fails_with_{name.lower()}:run\n")
    monkeypatch.syspath_prepend(str(tmp_path))
    ended = assay.run("migrate")
    assert ended.code == code
    assert ended.err.startswith("error: first")
    assert ended.err.count("\n") == 1
