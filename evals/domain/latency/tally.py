"""Takes in what becomes of the requests of one level, or of its warm-up, one by one."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace

from core.errors import AssayError, UnavailableError
from evals.domain.latency.report import ArmReport, ErrorTally, LevelReport, PrefixCacheUse
from evals.domain.latency.timing import Timing

#: Of the requests of one arm. What is left of more would flatter a server that gives up.
ERRORS_ALLOWED = 0.05


class LatencyErrorsError(UnavailableError):
    """Too many requests of the latency phase failed."""

    code = "latency_errors"


@dataclass(slots=True)
class _Figures:
    timings: list[Timing] = field(default_factory=list)
    errors: dict[str, ErrorTally] = field(default_factory=dict)

    @property
    def failed(self) -> int:
        return sum(tally.count for tally in self.errors.values())


class LevelTally:
    """The figures of every arm so far. `requests` are those that each arm will send."""

    def __init__(self, concurrency: int, requests: int, arms: Sequence[str]) -> None:
        """Nothing has ended yet."""
        self.concurrency = concurrency
        self.errors_allowed = max(1, int(requests * ERRORS_ALLOWED))
        self._arms = {arm: _Figures() for arm in arms}

    @property
    def is_empty(self) -> bool:
        """Whether no request has ended yet."""
        return not any(figures.timings or figures.errors for figures in self._arms.values())

    def answered(self, arm: str, timing: Timing) -> None:
        """A whole answer."""
        self._arms[arm].timings.append(timing)

    def failed(self, arm: str, error: AssayError) -> None:
        """No whole answer. Raises LatencyErrorsError when it is one too many: one in twenty
        requests may fail, and one in any case.
        """
        figures = self._arms[arm]
        known = figures.errors.get(error.code, ErrorTally(error.code, error.message, 0))
        figures.errors[error.code] = replace(known, count=known.count + 1)
        if figures.failed > self.errors_allowed:
            raise LatencyErrorsError(
                f"{figures.failed} requests of the {arm} failed with {self.concurrency} at once; "
                f"the last: {error.message}",
                hint=error.hint,
                arm=arm,
                concurrency=self.concurrency,
                failed=figures.failed,
            )

    def report(self, seconds: float, prefix_cache: PrefixCacheUse | None) -> LevelReport:
        """What there is, after `seconds`."""
        arms = tuple(
            ArmReport.of(arm, figures.timings, tuple(figures.errors.values()))
            for arm, figures in self._arms.items()
        )
        return LevelReport(self.concurrency, arms, seconds, prefix_cache)
