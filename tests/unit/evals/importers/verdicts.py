"""What an imported suite says of a scripted answer, without a model or a database."""

from __future__ import annotations

from evals.domain.case_score import score_case
from evals.domain.checks import Answer, run_check
from evals.domain.suite import load_suite
from evals.importers.run import Imported
from registry.domain.files import MemoryFiles


def verdict(imported: Imported, text: str, *, case: int = 0, took_ms: float = 10.0) -> bool:
    """Whether the case passes with this answer."""
    suite = load_suite(imported.outcome.suites[0], MemoryFiles(imported.files)).spec
    assert suite is not None
    asked = suite.cases[case]
    answer = Answer(text, "stop", 1.0, took_ms, 10, 10, cost_usd=0.001)
    outcomes = [run_check(check, answer, asked.expected) for check in suite.checks_of(asked)]
    return score_case(outcomes, suite.threshold_of(asked)).passed
