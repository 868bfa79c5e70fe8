"""On a terminal, waiting shows a bar; the result still goes to stdout alone."""

from __future__ import annotations

import os
import pty
import subprocess

from tests.integration.assay.bodies import RUN_ID, finished, run
from tests.integration.assay.conftest import COMMAND, Terminal
from tests.integration.assay.scripted_server import DROPPED, Reply, ScriptedServer


def test_a_terminal_sees_a_bar_that_moves_and_trouble_beside_it(
    assay: Terminal, server: ScriptedServer
) -> None:
    half = {"done": 30, "total": 60, "errors": 2}
    hostile = {"prompt": "[red]\x1b[2Jx[/red]"}
    server.script("POST /runs", Reply(run(**hostile), 202))
    running = [run(status="running", progress=half, cached=12)] * 3
    server.script(f"GET /runs/{RUN_ID}", *running, DROPPED, DROPPED, finished("PASS"))
    screen, out, code = watched(assay, "eval", "x", "v4", "--wait", "--json")
    assert code == 0
    assert '"verdict": "PASS"' in out
    assert "[red]\N{REPLACEMENT CHARACTER}[2Jx[/red] v4 on smollm2" in screen
    assert "30/60" in screen
    assert "2 errors, 12 from earlier runs" in screen
    assert "asking again in" in screen
    assert "60/60" in screen


def watched(assay: Terminal, *arguments: str) -> tuple[str, str, int]:
    """What the command writes to a terminal on stderr, its stdout, and its exit code."""
    ours, theirs = pty.openpty()
    environment = {**os.environ, **assay.environment, "TERM": "xterm", "COLUMNS": "200"}
    with subprocess.Popen(
        [COMMAND, *arguments], env=environment, stdout=subprocess.PIPE, stderr=theirs, text=True
    ) as process:
        os.close(theirs)
        seen = b""
        while chunk := read(ours):
            seen += chunk
        assert process.stdout is not None
        out = process.stdout.read()
    os.close(ours)
    return seen.decode(), out, process.returncode


def read(terminal: int) -> bytes:
    """The next bytes; none when the other side has closed (Linux reports that as an error)."""
    try:
        return os.read(terminal, 65_536)
    except OSError:
        return b""
