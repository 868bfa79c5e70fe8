"""Programs put in front of `git` and `ssh` on the PATH: they record, stall, and hand on."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

import pytest


class GitRecorder:
    """Every `git` started through the PATH writes its arguments and environment here first."""

    def __init__(self, folder: Path, monkeypatch: pytest.MonkeyPatch, before: str = ":") -> None:
        folder.mkdir()
        self._log = folder / "log"
        self._log.mkdir()
        script = f"""#!/bin/sh
            f="{self._log}/$(date +%s%N).$$"
            printf '%s\\0' "$@" > "$f.argv"
            env -0 > "$f.env"
            {before}
            exec {shutil.which("git")} "$@"
            """
        _install(folder, "git", script, monkeypatch)

    def commands(self) -> list[list[str]]:
        """The argument lists, in the order they were started."""
        return [_fields(f) for f in sorted(self._log.glob("*.argv"))]

    def environments(self) -> list[dict[str, str]]:
        """The environment of each of them."""
        files = sorted(self._log.glob("*.env"))
        return [dict(v.split("=", 1) for v in _fields(f)) for f in files]


class LoopbackSsh:
    """An `ssh` that reaches no network: it runs what it was asked to run here and now.

    `stall()` makes it fall silent in the middle of the download; `go_on()` undoes that.
    """

    def __init__(self, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        folder.mkdir()
        self._log = folder / "argv"
        self._stalls = folder / "stall"
        self.started = folder / "started"
        self.stalled = folder / "stalled"
        script = f"""#!/bin/sh
            printf '%s\\0' "$@" > "{self._log}"
            for wanted in "$@"; do :; done
            echo $$ > "{self.started}"
            test -e "{self._stalls}" || exec sh -c "$wanted"
            sh -c "$wanted" | (
                dd bs=1 count="$(cat "{self._stalls}")" 2>/dev/null
                echo $$ > "{self.stalled}"
                sleep 600
            )
            """
        _install(folder, "ssh", script, monkeypatch)

    def stall(self, after_bytes: int) -> None:
        self._stalls.write_text(str(after_bytes))

    def go_on(self) -> None:
        self._stalls.unlink()

    def arguments(self) -> list[str]:
        """What the last `ssh` was given."""
        return _fields(self._log)


def _install(folder: Path, name: str, script: str, monkeypatch: pytest.MonkeyPatch) -> None:
    program = folder / name
    program.write_text(script)
    program.chmod(0o755)
    monkeypatch.setenv("PATH", f"{folder}{os.pathsep}{os.environ['PATH']}")


def _fields(file: Path) -> list[str]:
    return file.read_bytes().decode().split("\0")[:-1]
