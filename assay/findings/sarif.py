"""Findings as SARIF 2.1.0 (OASIS standard, 27 March 2020), for code scanning.

Columns count from 1 in UTF-16 code units unless `columnKind` says otherwise (§3.14.17): ours are
characters, so it does.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any
from urllib.parse import quote

from core.findings import Finding

_SCHEMA = "https://json.schemastore.org/sarif-2.1.0.json"


def report(
    findings: Iterable[Finding], rules: Mapping[str, str], *, version: str
) -> dict[str, Any]:
    """One run with one result for each finding. `rules` say in a sentence what a code means."""
    listed = list(findings)
    ids = list(dict.fromkeys(finding.code for finding in listed))
    return {
        "$schema": _SCHEMA,
        "version": "2.1.0",
        "runs": [
            {
                "tool": {
                    "driver": {
                        "name": "assay",
                        "version": version,
                        "rules": [_rule(id_, rules.get(id_, id_)) for id_ in ids],
                    }
                },
                "columnKind": "unicodeCodePoints",
                "results": [_result(finding, ids.index(finding.code)) for finding in listed],
            }
        ],
    }


def _rule(id_: str, text: str) -> dict[str, Any]:
    return {
        "id": id_,
        "shortDescription": {"text": text.partition("\n\n")[0].replace("\n", " ")},
        "fullDescription": {"text": " ".join(text.split())},
    }


def _result(finding: Finding, rule: int) -> dict[str, Any]:
    hint = f" ({finding.hint})" if finding.hint else ""
    place: dict[str, Any] = {"artifactLocation": {"uri": quote(finding.path)}}
    if finding.line:
        region = {"startLine": finding.line, "startColumn": max(finding.column, 1)}
        place["region"] = region
    return {
        "ruleId": finding.code,
        "ruleIndex": rule,
        "level": finding.severity,
        "message": {"text": finding.message + hint},
        "locations": [{"physicalLocation": place}],
    }
