"""The tables of a report as values."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from evals.domain.case_change import CaseCounts, Change
from evals.domain.latency import Percentile
from evals.domain.prefill import PrefillSaved


@dataclass(frozen=True, slots=True, order=True)
class CasePlace:
    """Where a case stands in a report: first by what became of it, then by its name."""

    rank: int
    suite: str
    case: str


@dataclass(frozen=True, slots=True)
class CaseLine:
    """One case, and what became of it."""

    place: CasePlace
    change: Change
    counts: CaseCounts


@dataclass(frozen=True, slots=True)
class SuiteLine:
    """How one suite went. A case counts once, by the mean of its repeats.

    `verdict` is None while the run goes on; rate and interval are those of the gate where it gave
    some, else of the answers so far, and None when there are none.
    """

    name: str
    verdict: str | None
    cases: int
    passed: int
    pass_rate: float | None
    interval: tuple[float, float] | None


@dataclass(frozen=True, slots=True)
class CheckLine:
    """How often one check of a suite passed, in cases: one counts once, by the mean of its repeats.

    `interval` is Wilson's. `baseline_rate` is that of the live version on the cases it answered,
    None when it was not asked. `score` is the mean over the answers. A check that `decides` nothing
    belongs to a judge that is not trusted.
    """

    suite: str
    name: str
    type: str
    critical: bool
    decides: bool
    cases: int
    pass_rate: float
    interval: tuple[float, float]
    baseline_rate: float | None
    score: float | None


@dataclass(frozen=True, slots=True)
class TimeLine:
    """One metric of one arm over the `count` answers that were asked for just now.

    `curve` is its empirical distribution: (value, share of the answers that are no larger).
    """

    metric: str
    arm: str
    count: int
    percentiles: tuple[Percentile, ...]
    curve: tuple[tuple[float, float], ...] = ()


@dataclass(frozen=True, slots=True)
class PrefixCache:
    """Prompt tokens of the answers for which the server says what it had, and those it had.

    `prefill_unknown` says why `prefill_saved` is None; empty when it is not.
    """

    prompt_tokens: int
    cached_tokens: int
    prefill_saved: PrefillSaved | None = None
    prefill_unknown: str = ""

    @property
    def rate(self) -> float | None:
        """The share it had; None without a token."""
        return self.cached_tokens / self.prompt_tokens if self.prompt_tokens else None


@dataclass(frozen=True, slots=True)
class Cost:
    """USD at the prices that models.yaml names now. None: no price is known, or the judges of one
    suite have several and nobody knows which of them used how many tokens.

    `model_usd` is both arms of the model under test, `latency_usd` its latency phases without their
    warm-up. Requests that failed and the measuring of fingerprints are in none of them.
    """

    model_usd: float | None
    latency_usd: float | None
    judges_usd: float | None

    @property
    def total_usd(self) -> float | None:
        """All that is known; None when a part is not."""
        parts = (self.model_usd, self.latency_usd, self.judges_usd)
        return None if None in parts else sum(part for part in parts if part is not None)


@dataclass(frozen=True, slots=True)
class Usage:
    """What the run took: tokens of both arms and of judges, of what was asked for just now."""

    prompt_tokens: int
    completion_tokens: int
    judge_prompt_tokens: int
    judge_completion_tokens: int
    cached_answers: int
    cost: Cost
    planned_cost_usd: float | None
    #: None when the server never says what it had.
    prefix_cache: PrefixCache | None
    #: From the first call to the verdict; None when one of the two has not come.
    seconds: float | None


@dataclass(frozen=True, slots=True)
class VarianceLine:
    """Where the variance of a score comes from: `of` is `score`, or the name of a judged check.

    Components are variances in squared units of the score (0 to 1), None where nothing was repeated
    that would show it: it is then part of the one above, and `missing` says what would show it.
    Shares are those of the variance of the mean, and add up to 1 (all 0: nothing varies).
    """

    suite: str
    of: str
    cases: int
    case: float
    generation: float | None
    judge: float | None
    case_share: float
    generation_share: float
    judge_share: float
    missing: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class RunReport:
    """The tables of a run that is over or still goes on. `confidence` is that of all intervals,
    `cases` says how many cases each change happened to.
    """

    confidence: float
    suites: tuple[SuiteLine, ...]
    checks: tuple[CheckLine, ...]
    cases: Mapping[str, int]
    times: tuple[TimeLine, ...]
    usage: Usage
    variances: tuple[VarianceLine, ...]
    remarks: tuple[str, ...]
