"""A change in a few lines for a terminal, and as one object for machines."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import asdict
from typing import Any

from assay.ci.markdown import headline, traits
from assay.ci.value import CiReport
from assay.fields import document


def lines(report: CiReport) -> Iterator[str]:
    """What changed, how far it reaches, and the verdict at the end."""
    own = {prompt.name for prompt in report.prompts}
    for prompt in report.prompts:
        yield f"prompt {prompt.name}: {', '.join(traits(prompt))}"
        for change in prompt.contract:
            yield f"- {'BREAKING ' if change.breaking else ''}{change.message}"
    for kind, name in report.elsewhere:
        yield f"{kind} {name}: changed"
    for name, reasons in report.reached:
        if name not in own:
            yield f"prompt {name}: reached, {'; '.join(reasons)}"
    for checked in report.check.prompts if report.check else ():
        version = f" v{checked.version}" if checked.version else ""
        yield f"gate {checked.prompt}{version}: {checked.verdict or 'nothing to evaluate'}"
        for reason in checked.reasons:
            yield f"- {reason}"
    if report.failure:
        yield f"not evaluated: {report.failure}"
    yield f"{report.verdict}  {headline(report)}"


def parts(report: CiReport) -> dict[str, Any]:
    """The documented fields."""
    return {
        "base": report.base,
        "head": report.head,
        "verdict": report.verdict,
        "prompts": [
            document("prompts[] of ci", asdict(prompt) | {"breaking": prompt.is_breaking})
            for prompt in report.prompts
        ],
        "elsewhere": [{"kind": kind, "name": name} for kind, name in report.elsewhere],
        "reached": {name: list(reasons) for name, reasons in report.reached},
        "findings": [document("findings[]", finding) for finding in report.findings],
        "check": None if report.check is None else document("check", asdict(report.check)),
        "failure": report.failure,
    }
