"""How far runs are."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from uuid import UUID

from evals.models import EvalRun


@dataclass(frozen=True)
class RunProgress:
    """A run's status, and its tallies over the answers. `errors` are among the `done`."""

    status: str
    total: int
    done: int
    errors: int

    @property
    def is_live(self) -> bool:
        """Whether the run may still be worked on."""
        return self.status in EvalRun.LIVE


def progress(run_ids: Collection[UUID]) -> dict[UUID, RunProgress]:
    """How far these runs are, in one query; those that do not exist are left out."""
    found = EvalRun.objects.filter(pk__in=run_ids).order_by()
    rows = found.values_list("pk", "status", "total", "done", "errors")
    return {run: RunProgress(status, *counts) for run, status, *counts in rows}
