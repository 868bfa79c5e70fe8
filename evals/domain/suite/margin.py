"""No result of this suite proves the margin that the gate asks for.

The gate compares with the live version and wants a drop of `margin` or more ruled out. Even when
not one answer changes, so few cases leave more room than that: every run would be INCONCLUSIVE
(`assay eval … --plan` shows the figures). Write more cases, or ask for a wider margin.
"""

from __future__ import annotations

from collections.abc import Iterator

from core.findings import Finding
from evals.domain.percent import points
from evals.domain.spec import SuiteSpec
from evals.domain.statistics import cases_without_flips, margin_without_flips
from registry.domain.policy import GatePolicy


def check_margin(path: str, suite: SuiteSpec, policy: GatePolicy) -> Iterator[Finding]:
    """At most one finding, about the suite's file as a whole."""
    cases, margin, alpha = len(suite.cases), policy.margin, 1 - policy.confidence
    if margin is None or not cases or margin_without_flips(cases, alpha=alpha) <= margin:
        return
    least = cases_without_flips(margin, alpha=alpha)
    message = (
        f"No result of {cases:,} cases proves the margin of {points(margin).lstrip('+')} that the "
        f"gate {policy.name!r} asks for: it takes {least:,}."
    )
    yield Finding(path, 0, 0, "warning", "margin_too_fine", message)
