"""A scripted server, the command in this process, and the real command in its own."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from assay.main import app
from tests.integration.assay.scripted_server import ScriptedServer

COMMAND = str(Path(sys.executable).parent / "assay")


@dataclass(frozen=True)
class Ended:
    """How a command ended."""

    code: int
    out: str
    err: str

    @property
    def document(self) -> Any:
        return json.loads(self.out)


@pytest.fixture
def server() -> Iterator[ScriptedServer]:
    with ScriptedServer().running() as scripted:
        yield scripted


@dataclass(frozen=True)
class Terminal:
    """`assay …` with an environment of its own."""

    environment: dict[str, str]

    def run(self, *arguments: str, stdin: str | None = None) -> Ended:
        """In this process."""
        result = CliRunner().invoke(app, list(arguments), input=stdin, env=self.environment)
        return Ended(result.exit_code, result.stdout, result.stderr)

    def start(self, *arguments: str, cwd: Path | None = None) -> subprocess.Popen[str]:
        """The installed command, in its own process."""
        return subprocess.Popen(
            [COMMAND, *arguments],
            env={**os.environ, **self.environment},
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            cwd=cwd,
        )

    def finish(self, *arguments: str, cwd: Path | None = None) -> Ended:
        process = self.start(*arguments, cwd=cwd)
        out, err = process.communicate(timeout=60)
        return Ended(process.returncode, out, err)


@pytest.fixture
def assay(server: ScriptedServer, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Terminal:
    for name in ("ASSAY_TOKEN_FILE", "COLUMNS", "GIT_DIR"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("ASSAY_DATA", str(tmp_path / "data"))
    return Terminal({"ASSAY_URL": server.url, "ASSAY_TOKEN": "assay_secret"})
