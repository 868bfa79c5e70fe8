"""Findings on stdout, in one of the formats."""

from __future__ import annotations

import json
from collections.abc import Sequence
from enum import StrEnum

from assay import output
from core.findings import Finding


class FindingFormat(StrEnum):
    """How findings can be written."""

    TABLE = "table"
    JSON = "json"
    SARIF = "sarif"
    GITHUB = "github"
    GITLAB = "gitlab"


def text_of(findings: Sequence[Finding], form: FindingFormat) -> str:
    """The findings as text; their paths are taken as they are. JSON is the command's own matter."""
    if form == FindingFormat.SARIF:
        return json.dumps(_sarif(findings), indent=2)
    if form == FindingFormat.GITLAB:
        from assay.findings import gitlab

        return json.dumps(gitlab.report(findings), indent=2)
    if form == FindingFormat.GITHUB:
        from assay.findings import github

        return "\n".join(output.safe(line) for line in github.lines(findings))
    return "\n".join(output.one_line(finding) for finding in findings)


def _sarif(findings: Sequence[Finding]) -> object:
    from importlib.metadata import version

    from assay.findings import sarif
    from evals.domain.lint.catalogue import meanings

    return sarif.report(findings, meanings(), version=version("assay"))
