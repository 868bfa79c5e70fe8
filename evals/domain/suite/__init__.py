"""Suites: the value, the files it is read from, and what lint says about them."""

from __future__ import annotations

from evals.domain.checks import CheckSpec
from evals.domain.spec import CaseSpec, SuiteSpec
from evals.domain.suite.lint import lint_suites, suite_names
from evals.domain.suite.parse import LoadedSuite, load_suite, parse_suite, suite_path

__all__ = [
    "CaseSpec",
    "CheckSpec",
    "LoadedSuite",
    "SuiteSpec",
    "lint_suites",
    "load_suite",
    "parse_suite",
    "suite_names",
    "suite_path",
]
