"""Compare two versions on this machine."""

from __future__ import annotations

import difflib

from assay.answers import VariableChange, VersionDiff
from registry.domain.contract import diff_contract
from registry.domain.version import VersionContent


def compare(old: VersionContent, new: VersionContent) -> VersionDiff:
    """The unified diff of the bodies, and the contract's changes."""
    lines = difflib.unified_diff(
        old.source.splitlines(keepends=True),
        new.source.splitlines(keepends=True),
        fromfile=f"v{old.number}",
        tofile=f"v{new.number}",
    )
    changes = tuple(
        VariableChange(change.kind, change.variable, change.breaking, change.message)
        for change in diff_contract(old, new)
    )
    return VersionDiff(new.name, old.number, new.number, "".join(lines), changes)
