"""What the gate concludes, and the figures it concludes it from."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from evals.domain.statistics import Interval

Verdict = Literal["PASS", "FAIL", "INCONCLUSIVE", "ERROR"]


@dataclass(frozen=True, slots=True)
class Comparison:
    """The candidate against the live version on the same cases.

    Rates, `difference` (candidate minus baseline) and bounds are shares: 0.05 are 5 points.
    `interval` is two-sided, `lower_bound` and `upper_bound` are one-sided, all three at
    `confidence`. `regressions` and `improvements` are the cases that went worse or better than
    with the live version; `p_value` is McNemar's, exact and one-sided, that the candidate is worse.
    `verdict` and `margin` are None when the policy names no margin: then nothing depends on it.
    `detectable_margin` is the smallest margin that an equally good candidate passes with 80 %
    probability here. `cases_to_decide` (in all) and `repeats_to_decide` (of every case) say what
    would decide at these rates; None when nothing of the kind would, or nothing is open.
    `judge_skill` is the share of a true difference that shows at least through the judges that
    decide the cases: the lower bound must stay within this share of the margin. 1 without judges.
    """

    verdict: Verdict | None
    sentences: tuple[str, ...]
    method: Literal["tango", "clustered"]
    cases: int
    clusters: int
    candidate_rate: float
    baseline_rate: float
    difference: float
    confidence: float
    interval: Interval
    lower_bound: float
    upper_bound: float
    regressions: int
    improvements: int
    p_value: float
    margin: float | None
    detectable_margin: float
    cases_to_decide: int | None = None
    repeats_to_decide: int | None = None
    judge_skill: float = 1.0


@dataclass(frozen=True, slots=True)
class GuardrailResult:
    """One side effect against its limit; increases are relative: 0.2 is 20 % more than live.

    `increase` and `interval` are None when the answers cannot say. `p_value` is that of the
    increase exceeding the limit, `adjusted_p` the same after Holm over all guardrails of the run.
    `verdict` INCONCLUSIVE: measured above the limit and not proved, or not measured well enough.
    """

    name: str
    verdict: Verdict
    sentence: str
    limit: float
    pairs: int
    increase: float | None = None
    interval: Interval | None = None
    p_value: float = 1.0
    adjusted_p: float = 1.0


@dataclass(frozen=True, slots=True)
class Corrected:
    """A pass rate with the errors of its judges taken out (`rogan-gladen`), or the raw one between
    the bounds that they leave (`bounds`). `interval` is two-sided, at the policy's confidence.
    """

    method: Literal["rogan-gladen", "bounds"]
    judges: tuple[str, ...]
    value: float
    interval: Interval


@dataclass(frozen=True, slots=True)
class Decision:
    """The verdict and what it rests on.

    `pass_rate` and `interval` are the raw ones; where judges decide, the floor is weighed against
    `corrected`, which is None otherwise. All are None for ERROR: part of a run is no measurement.
    `passed` counts the cases that passed in every repeat. `comparison` is None without a live
    version.
    """

    verdict: Verdict
    reasons: tuple[str, ...]
    pass_rate: float | None
    interval: Interval | None
    cases: int
    passed: int
    comparison: Comparison | None = None
    guardrails: tuple[GuardrailResult, ...] = ()
    corrected: Corrected | None = None
