"""Short ways to say what a test is about."""

from __future__ import annotations

import json
from typing import Any

from evals.domain.checks import Answer, CheckSpec
from evals.domain.gate import CaseTally
from evals.domain.spec import CaseSpec, SuiteSpec
from registry.domain.files import MemoryFiles


def answer(text: str = "positive", **changes: Any) -> Answer:
    fields: dict[str, Any] = {
        "text": text,
        "finish_reason": "stop",
        "ttft_ms": 40.0,
        "total_ms": 100.0,
        "prompt_tokens": 10,
        "completion_tokens": 2,
    }
    return Answer(**(fields | changes))


def check(check_type: str, **params: Any) -> CheckSpec:
    return CheckSpec(check_type, check_type, critical=False, params=params)


def case(key: str = "c1", **changes: Any) -> CaseSpec:
    fields: dict[str, Any] = {
        "key": key,
        "variables": {"ticket": "My cable broke."},
        "placeholders": {},
        "expected": "positive",
        "critical": False,
        "repeats": None,
        "checks": (),
        "tags": (),
    }
    return CaseSpec(**(fields | changes))


def suite(cases: int | tuple[CaseSpec, ...] = 3, **changes: Any) -> SuiteSpec:
    listed = tuple(case(f"c{i}") for i in range(cases)) if isinstance(cases, int) else cases
    fields: dict[str, Any] = {
        "name": "sentiment",
        "description": "",
        "repeats": 1,
        "min_pass_rate": None,
        "min_cases": None,
        "checks": (check("exact"),),
        "cases": listed,
    }
    return SuiteSpec(**(fields | changes))


def tally(key: str, passes: int = 1, failures: int = 0, errors: int = 0, **more: Any) -> CaseTally:
    fields: dict[str, Any] = {
        "critical": False,
        "repeats_expected": passes + failures + errors,
        "critical_failures": 0,
    }
    return CaseTally(key=key, passes=passes, failures=failures, errors=errors, **(fields | more))


def tallies(right: int, wrong: int) -> list[CaseTally]:
    """One-repeat results of the cases of `suite(right + wrong)`."""
    return [tally(f"c{i}", int(i < right), int(i >= right)) for i in range(right + wrong)]


def repository(**contents: str | bytes) -> MemoryFiles:
    """A prompt repository in memory, path by path."""
    return MemoryFiles(
        {path: data.encode() if isinstance(data, str) else data for path, data in contents.items()}
    )


def jsonl(*rows: dict[str, Any]) -> str:
    return "".join(json.dumps(row) + "\n" for row in rows)
