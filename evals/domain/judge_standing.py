"""What judges may decide in a run: not about themselves, and nothing while they are advisory."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import replace

from evals.domain.checks import CheckSpec
from evals.domain.spec import SuiteSpec
from registry.domain.model_pin import ModelPin

_JUDGED = ("judge", "pairwise")


def self_judging(suite: SuiteSpec, pin: ModelPin) -> tuple[str, ...]:
    """Why this suite must not judge answers of `pin`, a sentence for each judge; mostly none.

    Models prefer what they wrote themselves. Equal weights count as one model, whatever the pins
    are called.
    """
    if suite.allow_self_judging:
        return ()
    return tuple(
        f"the judge {name} of the suite {suite.name} runs on {judge.model.name}, the model under "
        "test; `allow_self_judging: true` in the suite would allow it"
        for name, judge in sorted(suite.judges.items())
        if judge.model.is_same_as(pin)
    )


def with_advisory(suite: SuiteSpec, advisory: Collection[str]) -> SuiteSpec:
    """The suite with the checks of these judges recorded but deciding nothing: weight 0.

    For scoring only: its digest is not that of the suite.
    """
    cases = tuple(
        replace(case, checks=_demoted(case.checks, advisory)) if case.checks else case
        for case in suite.cases
    )
    return replace(suite, checks=_demoted(suite.checks, advisory), cases=cases)


def undecided_cases(suite: SuiteSpec) -> int:
    """Cases that no check decides: every answer to them would be an error. 0 in a usual suite."""
    decides = any(check.weight > 0 for check in suite.checks)
    if decides:
        return 0
    return sum(not any(check.weight > 0 for check in case.checks) for case in suite.cases)


def _demoted(checks: tuple[CheckSpec, ...], advisory: Collection[str]) -> tuple[CheckSpec, ...]:
    return tuple(
        replace(check, weight=0.0, critical=False)
        if check.type in _JUDGED and check.params.get("judge") in advisory
        else check
        for check in checks
    )
