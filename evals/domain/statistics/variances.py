"""The three variances of a score: between cases, between generations, between judgements."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from statistics import fmean, variance


@dataclass(frozen=True, slots=True)
class Variances:
    """Variance components of one judgement of one answer, in squared units of the score.

    `generation` is None when no case was asked twice, `judge` when no answer was judged twice;
    what they hold is then part of the component above them. The shares say which part of the
    variance of the mean each one is (they add up to 1); all 0 when nothing varies.
    """

    case: float
    generation: float | None
    judge: float | None
    case_share: float
    generation_share: float
    judge_share: float


def variances(scores: Sequence[Sequence[Sequence[float]]]) -> Variances:
    """`scores[case][repeat][judgement]`; cases may have different numbers of either.

    Analysis of variance from the inside out: the spread of what is nested inside is taken off the
    spread of the means around it (Miller 2024, section 3: Var(mean) = Var_x/n + E[σ²]/(nK)).
    A component that comes out below zero is zero. Fewer than two cases: the case part is 0.
    """
    answers = [[fmean(judged) for judged in case] for case in scores if case]
    judge = _within(judged for case in scores for judged in case)
    judging = _mean_of((judge or 0.0) / len(judged) for case in scores for judged in case)
    noisy = _within(answers)
    generation = None if noisy is None else max(0.0, noisy - judging)
    within = judging if noisy is None else noisy
    answering = _mean_of(within / len(case) for case in answers)
    spread = variance([fmean(case) for case in answers]) if len(answers) > 1 else 0.0
    case_part = max(0.0, spread - answering)
    judge_part = _mean_of(judging / len(case) for case in answers)
    parts = (case_part, max(0.0, answering - judge_part), judge_part)
    whole = sum(parts) or 1.0
    return Variances(case_part, generation, judge, *(part / whole for part in parts))


def _within(groups: Iterable[Sequence[float]]) -> float | None:
    """Variance inside groups, each weighted by its degrees of freedom; None without any."""
    repeated = [group for group in groups if len(group) > 1]
    degrees = sum(len(group) - 1 for group in repeated)
    if not degrees:
        return None
    return sum(variance(group) * (len(group) - 1) for group in repeated) / degrees


def _mean_of(values: Iterable[float]) -> float:
    listed = list(values)
    return fmean(listed) if listed else 0.0
