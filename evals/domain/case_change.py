"""What became of a case in a run, beside the live version where that was asked."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from evals.domain.case_state import CaseState, case_state


class Change(StrEnum):
    """What became of a case, in the order in which a reader wants to hear it."""

    #: The live version did better.
    REGRESSED = "regressed"
    #: The candidate did better.
    FIXED = "fixed"
    #: Repeats differ, or a version differs from itself, and neither arm is better.
    FLAKY = "flaky"
    #: An answer of one of the arms could not be judged.
    ERROR = "error"
    FAILING = "failing"
    PASSING = "passing"


@dataclass(frozen=True, slots=True)
class CaseCounts:
    """How the repeats of one case came out in both arms. What the live version could not be asked
    counts nowhere.
    """

    passes: int = 0
    failures: int = 0
    errors: int = 0
    baseline_passes: int = 0
    baseline_failures: int = 0
    baseline_errors: int = 0

    @property
    def state(self) -> CaseState:
        """What the candidate's repeats came to."""
        return case_state(self.passes, self.failures, self.errors)

    @property
    def pass_rate(self) -> float | None:
        """Share of the candidate's repeats that passed; None when none could be judged."""
        return _rate(self.passes, self.failures)

    @property
    def baseline_rate(self) -> float | None:
        """The same of the live version; None when it was not asked either."""
        return _rate(self.baseline_passes, self.baseline_failures)

    def change(self, *, is_self_comparison: bool) -> Change:
        """What that makes the case. Where a version was compared with itself a difference is
        chance, so the case is flaky.
        """
        if self.errors or self.baseline_errors:
            return Change.ERROR
        now, then = self.pass_rate, self.baseline_rate
        if now is not None and then is not None and now != then:
            if is_self_comparison:
                return Change.FLAKY
            return Change.REGRESSED if now < then else Change.FIXED
        if self._differs:
            return Change.FLAKY
        return Change.PASSING if now == 1 else Change.FAILING

    @property
    def _differs(self) -> bool:
        own = self.passes > 0 and self.failures > 0
        return own or (self.baseline_passes > 0 and self.baseline_failures > 0)


def _rate(passes: int, failures: int) -> float | None:
    return passes / (passes + failures) if passes + failures else None
