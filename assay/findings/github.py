"""Findings as GitHub's workflow commands: annotations on the lines of a pull request.

Source: "Workflow commands for GitHub Actions" (`::error file=…,line=…,col=…,title=…::message`) and
the escaping of `@actions/core` (command.ts). GitHub shows ten of a kind for each step, so errors
come first.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from core.findings import Finding


def lines(findings: Iterable[Finding]) -> Iterator[str]:
    """One command for each finding."""
    for finding in sorted(findings, key=lambda one: (one.severity != "error", one)):
        properties = {"file": finding.path}
        if finding.line:
            properties |= {"line": str(finding.line), "endLine": str(finding.line)}
            properties |= {"col": str(finding.column or 1)}
        properties["title"] = finding.code
        said = ",".join(f"{key}={_property(value)}" for key, value in properties.items())
        hint = f" ({finding.hint})" if finding.hint else ""
        yield f"::{finding.severity} {said}::{_data(finding.message + hint)}"


def _data(text: str) -> str:
    return text.replace("%", "%25").replace("\r", "%0D").replace("\n", "%0A")


def _property(text: str) -> str:
    return _data(text).replace(":", "%3A").replace(",", "%2C")
