"""docs/reference/cli.md is the commands' own help."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import typer
from typer.core import TyperGroup

from assay.fields import FIELDS
from assay.main import app
from assay.reference import markdown

PAGE = Path(__file__).parents[3] / "docs" / "reference" / "cli.md"


def leaves(command: Any, path: str = "") -> list[tuple[str, Any]]:
    if not isinstance(command, TyperGroup):
        return [(path, command)]
    return [
        leaf
        for name, child in command.commands.items()
        for leaf in leaves(child, f"{path} {name}".strip())
    ]


COMMANDS = dict(leaves(typer.main.get_command(app)))


def test_the_page_is_current() -> None:
    assert PAGE.read_text(encoding="utf-8") == markdown(), "run `make docs`"


def test_the_page_does_not_depend_on_who_writes_it(monkeypatch: pytest.MonkeyPatch) -> None:
    page = markdown()
    for name, value in {"COLUMNS": "40", "ASSAY_DATA": "/srv/assay", "FORCE_COLOR": "1"}.items():
        monkeypatch.setenv(name, value)
    assert markdown() == page


@pytest.mark.parametrize("name", COMMANDS)
def test_every_command_says_what_it_does_and_what_json_prints(name: str) -> None:
    command = COMMANDS[name]
    assert command.help
    has_json = any("--json" in parameter.opts for parameter in command.params)
    assert has_json == (name in FIELDS)
    assert f"\n## assay {name}\n" in markdown()


def test_the_commands_are_those_we_promised() -> None:
    assert set(COMMANDS) == {
        *("init", "serve", "demo", "sync", "lint", "ci", "import", "render", "diff", "eval"),
        *("show", "tags", "plan", "rebuild"),
        *("cases list", "cases quarantine", "cases lift", "cases quarantined"),
        *("judge list", "judge calibrate"),
        *("models list", "models show", "models probe"),
        *("runs list", "runs show", "runs results", "runs cancel", "runs resume"),
        *("history", "promote", "rollback", "canary set", "canary clear", "override", "release"),
        *("token create", "token list", "token revoke", "migrate"),
    }
