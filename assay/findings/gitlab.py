"""Findings as a GitLab code quality report: a JSON array of issues.

Source: GitLab's "Code Quality report format": `description`, `check_name`, `fingerprint` (unique),
`severity` (info, minor, major, critical, blocker), `location.path`, `location.lines.begin`.
"""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Iterable
from typing import Any

from core.findings import Finding

_SEVERITIES = {"error": "major", "warning": "minor"}


def report(findings: Iterable[Finding]) -> list[dict[str, Any]]:
    """One issue for each finding.

    The fingerprint leaves the line out, so that an issue is still the same one when lines are added
    above it; equal ones in a file are counted.
    """
    seen: Counter[tuple[str, str, str]] = Counter()
    issues = []
    for finding in findings:
        identity = (finding.path, finding.code, finding.message)
        seen[identity] += 1
        words = "\0".join((*identity, str(seen[identity])))
        hint = f" ({finding.hint})" if finding.hint else ""
        issues.append(
            {
                "description": finding.message + hint,
                "check_name": finding.code,
                "fingerprint": hashlib.sha256(words.encode()).hexdigest(),
                "severity": _SEVERITIES[finding.severity],
                "location": {"path": finding.path, "lines": {"begin": max(finding.line, 1)}},
            }
        )
    return issues
