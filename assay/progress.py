"""The progress of a run on stderr: a bar on a terminal, plain lines elsewhere."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

from assay.answers import EvalRun
from assay.errors import AssayApiError
from assay.output import one_line, say, version
from assay.waiting import Watcher

if TYPE_CHECKING:
    from rich.progress import Progress, TaskID

#: A line per tenth: a log should tell that something happens, not drown in it.
_LINES = 10


@contextmanager
def shown(run: EvalRun) -> Iterator[Watcher]:
    """A watcher that shows `run` until the block ends."""
    if not sys.stderr.isatty():
        yield Lines()
        return
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn
    from rich.progress import TimeElapsedColumn as Elapsed

    columns = (
        TextColumn("{task.description}", markup=False),
        BarColumn(),
        MofNCompleteColumn(),
        Elapsed(),
        TextColumn("{task.fields[note]}", markup=False),
    )
    with Progress(*columns, console=Console(stderr=True)) as progress:
        task = progress.add_task(title(run), total=None, note="")
        yield Bar(progress, task)


def title(run: EvalRun) -> str:
    """What is evaluated, in a few words."""
    return one_line(f"{run.prompt} {version(run.version)} on {run.model}")


class Bar:
    """Moves a rich progress bar."""

    def __init__(self, progress: Progress, task: TaskID) -> None:
        """`task` must belong to `progress`."""
        self._progress = progress
        self._task = task

    def moved(self, run: EvalRun) -> None:
        """Show how many answers are in."""
        note = _note(run) or ("" if run.status == "running" else one_line(run.status))
        total = run.progress.total or None
        self._progress.update(self._task, completed=run.progress.done, total=total, note=note)

    def lost(self, error: AssayApiError, pause: float) -> None:
        """Say that the connection is gone, beside the bar."""
        self._progress.update(self._task, note=_lost(error, pause))


class Lines:
    """Prints a line when a further tenth is done, the status changes, or the server is lost."""

    def __init__(self) -> None:
        """Nothing was printed yet."""
        self._last: tuple[str, int] | None = None
        self._is_lost = False

    def moved(self, run: EvalRun) -> None:
        """Print a line if there is something new to say."""
        done, total = run.progress.done, run.progress.total
        step = (run.status, done * _LINES // total if total else 0)
        if self._is_lost or step != self._last:
            say(
                ", ".join(
                    filter(None, (f"{title(run)}: {run.status}", f"{done}/{total}", _note(run)))
                )
            )
        self._last, self._is_lost = step, False

    def lost(self, error: AssayApiError, pause: float) -> None:
        """Say once that the connection is gone."""
        if not self._is_lost:
            say(_lost(error, pause))
        self._is_lost = True


def _note(run: EvalRun) -> str:
    """Errors, and answers that an earlier run had: they explain a bar that jumps."""
    errors = f"{run.progress.errors:,} errors" if run.progress.errors else ""
    cached = f"{run.cached:,} from earlier runs" if run.cached else ""
    return ", ".join(filter(None, (errors, cached)))


def _lost(error: AssayApiError, pause: float) -> str:
    return f"{one_line(error.message)}; asking again in {pause:.0f} s"
