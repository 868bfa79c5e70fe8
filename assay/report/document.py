"""A report for machines: the object that `--format json` prints; `assay.fields` promises it."""

from __future__ import annotations

from dataclasses import asdict
from typing import Any

from assay.answers import BaselineAnswer, CaseAnswer
from assay.answers.reports import NEWS, Change, RunCase, Usage
from assay.fields import document as documented
from assay.report.value import Report

#: What happened to these cases is told with their answers; the rest is only counted.
_TOLD: tuple[Change, ...] = (*NEWS, "failing")


def document(report: Report) -> dict[str, Any]:
    """The documented fields of the run, then those of the report."""
    parts = {
        "confidence": report.confidence,
        "suite_rates": [documented("suite_rates[]", row) for row in report.suites],
        "check_rates": [documented("check_rates[]", row) for row in report.checks],
        "case_counts": report.counts,
        "changed_cases": [_case(row) for row in report.of(*_TOLD)],
        "times": [documented("times[]", row) for row in report.times],
        "usage": _usage(report.usage),
        "variances": [documented("variances[]", row) for row in report.variances],
        "remarks": list(report.remarks),
    }
    return documented("runs show", asdict(report.run) | parts)


def _usage(usage: Usage) -> dict[str, Any]:
    cache = usage.prefix_cache
    rate = {"prefix_cache_rate": None if cache is None else cache.rate}
    return documented("usage", asdict(usage) | rate)


def _case(row: RunCase) -> dict[str, Any]:
    answers = [
        {
            "repeat": answer.repeat,
            "candidate": _answer(answer),
            "live": None if answer.baseline is None else _answer(answer.baseline),
        }
        for answer in row.answers
    ]
    return documented("changed_cases[]", asdict(row) | {"answers": answers})


def _answer(answer: CaseAnswer | BaselineAnswer) -> dict[str, Any]:
    failed = [check.name for check in answer.checks if not check.passed]
    return documented("candidate", asdict(answer) | {"failed_checks": failed})
