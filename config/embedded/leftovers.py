"""What a crash leaves behind: servers still at work in their folder, pid files that lie.

A server's folder must never be written by two of them, so a start first looks who is still there.
The caller holds the data folder's lock: nobody else starts anything meanwhile.
"""

from __future__ import annotations

import os
import signal
import time
from contextlib import suppress
from pathlib import Path

from config.embedded import processes
from config.embedded.service import ServiceFailedError

_PATIENCE_SECONDS = 10.0


def wait_until_unused(folder: Path, program: str) -> None:
    """Wait until no `program` works in `folder`. After a kill -9 that takes some milliseconds.

    Who is still there after ten seconds was started by somebody else: ServiceFailedError.
    """
    if left := _remaining(folder, program):
        raise ServiceFailedError(
            f"a {program} that this Assay did not start (pid {left[0]}) works in {folder}",
            hint=f"stop it: kill {left[0]}",
        )


def end_orphans(folder: Path, program: str, leader: int | None) -> None:
    """The same, but the children of a server whose own process is gone are killed at the end.

    `leader` is the server's process as its pid file has it.
    """
    left = _remaining(folder, program)
    if leader in left:
        wait_until_unused(folder, program)
    for pid in left:
        with suppress(ProcessLookupError):
            os.kill(pid, signal.SIGKILL)
    wait_until_unused(folder, program)


def _remaining(folder: Path, program: str) -> tuple[int, ...]:
    end = time.monotonic() + _PATIENCE_SECONDS
    while left := processes.working_in(folder, program):
        if time.monotonic() > end:
            return left
        time.sleep(0.02)
    return ()
