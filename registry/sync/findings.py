"""Keep what a sync found wrong, whatever characters the repository put into it."""

from __future__ import annotations

from collections.abc import Iterable

from core.findings import Finding
from registry.domain.storable import storable
from registry.models import StoredFinding, SyncRun


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
