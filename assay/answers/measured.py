"""The figures behind a verdict, suite by suite."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Bounds:
    """Lower and upper bound, as shares."""

    low: float
    high: float


@dataclass(frozen=True, slots=True)
class Comparison:
    """The candidate against the live version on the same cases.

    Rates, `difference` (candidate minus baseline) and bounds are shares: 0.05 are 5 points. The
    interval is two-sided, `lower_bound` and `upper_bound` are one-sided, all at `confidence`.
    `regressions` and `improvements` count cases, `p_value` is McNemar's that the candidate is
    worse. `verdict` and `margin` are None when the policy names no margin. `judge_skill` is the
    share of a true difference that shows at least through the judges of the suite; 1 without any.
    """

    verdict: str | None
    sentences: tuple[str, ...]
    method: str
    cases: int
    clusters: int
    candidate_rate: float
    baseline_rate: float
    difference: float
    confidence: float
    interval: Bounds
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
class Guardrail:
    """One side effect against its limit; increases are relative: 0.2 is 20 % more than live.

    `increase` and `interval` are None when the answers cannot say.
    """

    name: str
    verdict: str
    sentence: str
    limit: float
    pairs: int
    increase: float | None = None
    interval: Bounds | None = None
    p_value: float = 1.0
    adjusted_p: float = 1.0


@dataclass(frozen=True, slots=True)
class Corrected:
    """A pass rate with the known errors of its judges taken out (`rogan-gladen`), or the raw one
    between the bounds that they leave (`bounds`).
    """

    method: str
    judges: tuple[str, ...]
    value: float
    interval: tuple[float, float]


@dataclass(frozen=True, slots=True)
class SuiteFigures:
    """What one suite contributed. `pass_rate` and `interval` are None for ERROR: part of a run is
    no measurement. They are raw; where judges decide, the gate counts `corrected`, else that is
    None. `comparison` is None without a live version.
    """

    name: str
    verdict: str
    reasons: tuple[str, ...]
    pass_rate: float | None
    interval: tuple[float, float] | None
    cases: int
    passed: int
    comparison: Comparison | None = None
    guardrails: tuple[Guardrail, ...] = ()
    corrected: Corrected | None = None


@dataclass(frozen=True, slots=True)
class Measured:
    """All figures of a run; empty until it is finished.

    `flips` and `flip_rate` are those of a run of kind `self`: the cases that came out differently
    with nothing changed. None when some were not answered twice.
    """

    cases: int | None = None
    suites: tuple[SuiteFigures, ...] = ()
    flips: int | None = None
    flip_rate: float | None = None
