"""What the server makes of a run: its tables, and what became of its cases."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal

from assay.answers.latency import Percentile
from assay.answers.results import CaseAnswer

#: What became of a case, in the order in which a reader wants to hear it.
Change = Literal["regressed", "fixed", "flaky", "error", "failing", "passing"]
CHANGES: tuple[Change, ...] = ("regressed", "fixed", "flaky", "error", "failing", "passing")
#: What a reader of a summary wants to see, not only to count.
NEWS: tuple[Change, ...] = ("regressed", "fixed", "flaky", "error")


@dataclass(frozen=True, slots=True)
class SuiteRate:
    """How one suite went. A case counts once, by the mean of its repeats.

    `verdict` is None while the run goes on; `pass_rate` and `interval` are those of the gate where
    it gave some, else of the answers so far, and None when there are none.
    """

    name: str
    verdict: str | None
    cases: int
    passed: int
    pass_rate: float | None
    interval: tuple[float, float] | None


@dataclass(frozen=True, slots=True)
class CheckRate:
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
class RunTime:
    """One metric of one arm, over `count` answers that were asked for just now."""

    metric: str
    arm: str
    count: int
    percentiles: tuple[Percentile, ...]


@dataclass(frozen=True, slots=True)
class PrefillSaved:
    """Seconds of prefill that the prefix cache saved, in all requests together, with the interval;
    `ms_per_token` is the time of one computed token that they are reckoned with.
    """

    seconds: float
    interval: tuple[float, float]
    ms_per_token: float


@dataclass(frozen=True, slots=True)
class CachedPrompts:
    """Prompt tokens of the answers for which the server says what it had in its prefix cache, and
    those it had; `rate` is their share. `prefill_unknown` says why `prefill_saved` is None.
    """

    prompt_tokens: int
    cached_tokens: int
    rate: float | None
    prefill_saved: PrefillSaved | None = None
    prefill_unknown: str = ""


@dataclass(frozen=True, slots=True)
class Cost:
    """USD at the prices that models.yaml names now; None: no price is known, or the judges of one
    suite have several.

    `model_usd` is both arms, `latency_usd` the latency phases without their warm-up; requests that
    failed and the measuring of fingerprints are in none. `total_usd` is None when a part is.
    """

    model_usd: float | None = None
    latency_usd: float | None = None
    judges_usd: float | None = None
    total_usd: float | None = None


@dataclass(frozen=True, slots=True)
class Usage:
    """What the run took. Tokens are those of both arms and of judges; `seconds` go from the first
    call to the verdict, None when one of the two has not come. `prefix_cache` is None when the
    server never says what it had.
    """

    prompt_tokens: int
    completion_tokens: int
    judge_prompt_tokens: int
    judge_completion_tokens: int
    cached_answers: int
    cost: Cost
    planned_cost_usd: float | None
    prefix_cache: CachedPrompts | None
    seconds: float | None


@dataclass(frozen=True, slots=True)
class ScoreVariance:
    """Where the variance of a score comes from: `of` is `score`, or the name of a judged check.

    Components are variances, None where nothing was repeated that would show it: it is then part of
    the one before, and `missing` says what would show it. Shares are those of the variance of the
    mean.
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
    """The tables of a run, from the answers that are in. `confidence` is that of all intervals;
    `cases` says how many cases each change happened to.
    """

    confidence: float
    suites: tuple[SuiteRate, ...]
    checks: tuple[CheckRate, ...]
    cases: Mapping[str, int]
    times: tuple[RunTime, ...]
    usage: Usage
    variances: tuple[ScoreVariance, ...] = ()
    remarks: tuple[str, ...] = field(default=())


@dataclass(frozen=True, slots=True)
class RunCase:
    """One case of a run with its answers, in the order of the repeats.

    `pass_rate` and `baseline_rate` are shares of the repeats, None without one that could be scored
    (or asked). `history` is what the newest runs make of the case: stable, flaky, regressed, fixed,
    unjudged.
    """

    suite: str
    case: str
    change: Change
    pass_rate: float | None
    baseline_rate: float | None
    history: str
    answers: tuple[CaseAnswer, ...]

    @property
    def is_doubtful(self) -> bool:
        """Whether it flipped, and is known to do so for no reason."""
        return self.change in {"regressed", "fixed"} and self.history == "flaky"

    @property
    def telling(self) -> CaseAnswer:
        """The answer that shows best what happened: the first that made the change."""
        return next((a for a in self.answers if _tells(a, self.change)), self.answers[0])


def _tells(answer: CaseAnswer, change: Change) -> bool:
    before = None if answer.baseline is None else answer.baseline.outcome
    match change:
        case "regressed":
            return answer.outcome == "fail" and before != "fail"
        case "fixed":
            return answer.outcome == "pass" and before != "pass"
        case "error":
            return "error" in (answer.outcome, before)
        case _:
            return answer.outcome != "pass"
