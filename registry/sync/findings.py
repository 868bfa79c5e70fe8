"""Keep what a sync found wrong, whatever characters the repository put into it."""

from __future__ import annotations

from collections.abc import Iterable

from core.findings import Finding
from registry.domain.storable import storable
from registry.models import StoredFinding, SyncRun

_COLUMNS = ("path", "line", "column", "severity", "code", "message", "hint")


def applied_run(commit: str) -> SyncRun | None:
    """The sync that applied a commit last, with what it found; None when none did."""
    return SyncRun.objects.filter(commit=commit, status=SyncRun.Status.APPLIED.value).first()


def talked_about(run: SyncRun | None) -> frozenset[str]:
    """The paths of the files that a sync found something about."""
    return frozenset(StoredFinding.objects.filter(sync=run).values_list("path", flat=True))


def stored_findings(run: SyncRun, at_most: int) -> tuple[Finding, ...] | None:
    """What a sync found; None when it is more."""
    rows = StoredFinding.objects.filter(sync=run).values_list(*_COLUMNS)[: at_most + 1]
    return tuple(Finding(*row) for row in rows) if len(rows) <= at_most else None


def store_findings(run: SyncRun, findings: Iterable[Finding]) -> None:
    """Store them with their run, by place, each once."""
    rows = [
        StoredFinding(
            sync=run,
            path=storable(found.path)[:1000],
            line=found.line,
            column=found.column,
            severity=found.severity,
            code=found.code,
            message=storable(found.message),
            hint=storable(found.hint),
        )
        for found in sorted(set(findings))
    ]
    StoredFinding.objects.bulk_create(rows, batch_size=1000)
