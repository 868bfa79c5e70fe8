"""A change in a few lines for a terminal, and as one object for machines."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import asdict
from typing import Any

from assay.ci.markdown import told
from assay.ci.value import CiReport
from assay.fields import document
from evals.domain.proposal import traits


def lines(report: CiReport) -> Iterator[str]:
    """What changed, how far it reaches, and the verdict at the end."""
    change = report.change
    own = {prompt.name for prompt in change.prompts}
    for prompt in change.prompts:
        yield f"prompt {prompt.name}: {', '.join(traits(prompt))}"
        for noticed in prompt.contract:
            yield f"- {'BREAKING ' if noticed.breaking else ''}{noticed.message}"
    for kind, name in change.elsewhere:
        yield f"{kind} {name}: changed"
    for name, reasons in change.reached:
        if name not in own:
            yield f"prompt {name}: reached, {'; '.join(reasons)}"
    for checked in report.check.prompts if report.check else ():
        version = f" v{checked.version}" if checked.version else ""
        yield f"gate {checked.prompt}{version}: {checked.verdict or 'nothing to evaluate'}"
        for reason in checked.reasons:
            yield f"- {reason}"
    if report.failure:
        yield f"not evaluated: {report.failure}"
    yield f"{report.verdict}  {told(report)}"


def parts(report: CiReport) -> dict[str, Any]:
    """The documented fields."""
    change = report.change
    return {
        "base": change.base,
        "head": change.head,
        "verdict": report.verdict,
        "prompts": [
            document("prompts[] of ci", asdict(prompt) | {"breaking": prompt.is_breaking})
            for prompt in change.prompts
        ],
        "elsewhere": [{"kind": kind, "name": name} for kind, name in change.elsewhere],
        "reached": {name: list(reasons) for name, reasons in change.reached},
        "findings": [document("findings[]", finding) for finding in change.findings],
        "check": None if report.check is None else document("check", asdict(report.check)),
        "failure": report.failure,
    }
