"""Compare two versions on this machine."""

from __future__ import annotations

from assay.answers import VariableChange, VersionDiff
from registry.domain.contract import diff_contract
from registry.domain.text_diff import unified
from registry.domain.version import VersionContent


def compare(old: VersionContent, new: VersionContent) -> VersionDiff:
    """The unified diff of the bodies, and the contract's changes."""
    told = unified(old.source, new.source, before=f"v{old.number}", after=f"v{new.number}")
    changes = tuple(
        VariableChange(change.kind, change.variable, change.breaking, change.message)
        for change in diff_contract(old, new)
    )
    return VersionDiff(new.name, old.number, new.number, told, changes)
