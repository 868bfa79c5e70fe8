"""Export a finished run to Langfuse. Whatever goes wrong there is one line in the log here."""

from __future__ import annotations

import json
import logging
import signal
import subprocess
import sys
import tempfile
from collections.abc import Iterable
from dataclasses import asdict
from pathlib import Path
from typing import IO
from uuid import UUID

from django.conf import settings

from evals.export.reading import TracesOf
from evals.export.traces import Destination, Trace
from evals.models import EvalRun

_SENDING = Path(__file__).with_name("sending.py")
#: What the process may take to start and to end, beside its time for sending.
_START_SECONDS = 15

_log = logging.getLogger(__name__)


def destination() -> Destination | None:
    """Where runs are exported to; None when nobody has said."""
    if not settings.LANGFUSE_BASE_URL:
        return None
    return Destination(
        base_url=settings.LANGFUSE_BASE_URL,
        public_key=settings.LANGFUSE_PUBLIC_KEY,
        secret_key=settings.LANGFUSE_SECRET_KEY,
        request_seconds=settings.LANGFUSE_TIMEOUT,
    )


def is_wanted(run_id: UUID) -> bool:
    """Whether there is a run to export, and somebody who wants it."""
    finished = EvalRun.objects.filter(pk=run_id, status=EvalRun.Status.FINISHED)
    return destination() is not None and finished.exists()


def export_run(run_id: UUID) -> bool:
    """Export every answer of a finished run as a trace with scores; True when all have arrived.

    Exporting again replaces what is there. Takes `LANGFUSE_EXPORT_SECONDS` at most, and raises
    nothing because of Langfuse.
    """
    target = destination()
    run = (
        EvalRun.objects.select_related("version__prompt", "proposed", "baseline", "model")
        .filter(pk=run_id, status=EvalRun.Status.FINISHED)
        .first()
    )
    if target is None or run is None:
        return False
    with tempfile.TemporaryFile() as spool:
        count = _write(spool, target, TracesOf(run))
        problem = _send(spool) if count else ""
    if problem:
        _log.warning("run %s was not exported to Langfuse: %s", run_id, problem)
        return False
    _log.info("run %s exported to Langfuse: %d traces", run_id, count)
    return True


def _write(spool: IO[bytes], target: Destination, traces: Iterable[Trace]) -> int:
    """Everything that is to be sent; a file has no end that could block."""
    spool.write(json.dumps(asdict(target)).encode() + b"\n")
    count = 0
    for trace in traces:
        spool.write(trace.to_line().encode() + b"\n")
        count += 1
    spool.seek(0)
    return count


def _send(spool: IO[bytes]) -> str:
    """Let a process of its own send it. Why that did not work, as a clause; empty when it did."""
    seconds: int = settings.LANGFUSE_EXPORT_SECONDS
    try:
        done = subprocess.run(
            [sys.executable, "-I", "-B", "-X", "utf8", str(_SENDING), str(seconds)],
            stdin=spool,
            capture_output=True,
            env=settings.LANGFUSE_ENVIRONMENT,
            cwd="/",
            timeout=seconds + _START_SECONDS,
            check=False,
        )
    except subprocess.TimeoutExpired:
        return f"it took more than {seconds} s"
    except OSError as error:
        return f"its process does not start: {error}"
    return _problem(done, seconds)


def _problem(done: subprocess.CompletedProcess[bytes], seconds: int) -> str:
    if done.returncode == 0:
        return ""
    try:
        return str(json.loads(done.stdout)["failed"])
    except (ValueError, KeyError):
        if done.returncode == -signal.SIGALRM:
            return f"it took more than {seconds} s"
        last = done.stderr.decode(errors="replace").strip().rpartition("\n")[2]
        return f"its process failed: {last[:300]}"
