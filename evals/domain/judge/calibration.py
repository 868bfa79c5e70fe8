"""How far a judge can be trusted: its verdicts against those of people, and what follows."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from functools import cached_property
from typing import Any, Literal, NamedTuple

from core.errors import InvalidError
from evals.domain.judge.spec import JudgeSpec
from evals.domain.statistics import (
    Agreement,
    Estimate,
    Hits,
    Rate,
    StatisticsInputError,
    agreement,
    clustered_mean,
    ppi_mean,
    rogan_gladen,
    wilson,
)
from registry.domain.policy import JudgeFloor

#: How the confusion table names a verdict that could not be read.
NO_VERDICT = "no verdict"


class NotCorrectableError(InvalidError):
    """The judge's figures cannot be corrected by these labels."""

    code = "judge_not_correctable"


@dataclass(frozen=True, slots=True)
class Compared:
    """One labelled answer: the words of the person and the judge, and whether they pass.

    `verdict` and `score` (a share) are None when the judge gave none; that counts as the opposite
    of the label, so silence never makes a judge look better. `error` says why.
    """

    id: str
    label: str
    passes: bool
    verdict: str | None
    judge_passes: bool
    score: float | None
    error: str = ""


@dataclass(frozen=True)
class Calibration:
    """A judge measured. `judge` is its identity, `labels` the digest of the labelled answers."""

    judge: str
    labels: str
    rows: tuple[Compared, ...]

    @cached_property
    def agreement(self) -> Agreement:
        """Accuracy, TPR, TNR and Cohen's kappa of pass and fail, with 95 % intervals."""
        return agreement([r.passes for r in self.rows], [r.judge_passes for r in self.rows])

    @property
    def errors(self) -> int:
        """Answers without a verdict."""
        return sum(row.verdict is None for row in self.rows)

    @property
    def confusion(self) -> dict[tuple[str, str], int]:
        """How often (the person's word, the judge's word) came together."""
        return dict(Counter((row.label, row.verdict or NO_VERDICT) for row in self.rows))

    def hits(self, *, passes: bool) -> Hits | None:
        """Of the answers that people pass (or fail), those the judge ruled likewise; None without
        any. Answers without a verdict are left out: in a run they are errors, and no verdicts.
        """
        ruled = [row for row in self.rows if row.verdict is not None and row.passes == passes]
        right = sum(row.judge_passes == passes for row in ruled)
        return Hits(right, len(ruled)) if ruled else None

    def to_json(self) -> dict[str, Any]:
        """A JSON object that `from_json` reads back to an equal value; it shows the figures too."""
        figures = self.agreement
        return {
            "judge": self.judge,
            "labels": self.labels,
            "rows": [asdict(row) for row in self.rows],
            "n": figures.labels,
            "errors": self.errors,
            "accuracy": _rate_json(figures.accuracy),
            "tpr": _rate_json(figures.tpr),
            "tnr": _rate_json(figures.tnr),
            "kappa": _estimate_json(figures.kappa),
            "confusion": [[*words, count] for words, count in sorted(self.confusion.items())],
        }

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> Calibration:
        """Read what `to_json` wrote; the figures are computed again."""
        rows = tuple(Compared(**row) for row in data["rows"])
        return cls(data["judge"], data["labels"], rows)


def _rate_json(rate: Rate) -> dict[str, Any]:
    interval = [rate.interval.low, rate.interval.high]
    return {"value": rate.value, "count": rate.count, "interval": interval}


def _estimate_json(estimate: Estimate) -> dict[str, Any]:
    return {"value": estimate.value, "interval": [estimate.interval.low, estimate.interval.high]}


def calibrate(judge: JudgeSpec, rows: Sequence[Compared]) -> Calibration:
    """The measurement of this judge. StatisticsInputError without any row."""
    if not rows:
        raise StatisticsInputError("a judge cannot be measured without labelled answers")
    return Calibration(judge.identity, judge.calibration, tuple(rows))


class Trust(NamedTuple):
    """Whether a judge's verdicts count in a gate, and why, in a sentence for people."""

    is_trusted: bool
    sentence: str


def is_trusted(judge: JudgeSpec, calibration: Calibration | None, floor: JudgeFloor) -> Trust:
    """Whether the measurement is of this judge and these labels, and reaches the policy's floor."""
    name = f"the judge with the rubric {judge.rubric.name} on {judge.model.name}"
    if calibration is None:
        return Trust(False, f"{name} has not been measured against human labels: advisory")
    if calibration.judge != judge.identity or calibration.labels != judge.calibration:
        return Trust(False, f"{name} has changed since it was measured: advisory")
    figures = calibration.agreement
    kappa, low = figures.kappa.value, figures.kappa.interval.low
    found = f"{name} agrees with {figures.labels} human labels at kappa {kappa:.2f}"
    found += f" (95 % interval from {low:.2f} to {figures.kappa.interval.high:.2f})"
    missed = []
    if figures.labels < floor.min_labels:
        missed.append(f"{floor.min_labels} labels")
    if kappa < floor.min_kappa:
        missed.append(f"a kappa of {floor.min_kappa:g}")
    if low < floor.min_kappa_low:
        missed.append(f"a lower bound of {floor.min_kappa_low:g}")
    if missed:
        return Trust(False, f"{found}; the policy asks for {' and '.join(missed)}: advisory")
    return Trust(True, found)


@dataclass(frozen=True, slots=True)
class Corrected:
    """What the judge said in the mean, and what people would have said. Both are shown.

    `raw` is the judge's own figure; its error does not know that the judge errs.
    """

    method: Literal["rogan-gladen", "ppi"]
    raw: Estimate
    corrected: Estimate


def corrected_rate(calibration: Calibration, passed: Sequence[float]) -> Corrected:
    """The pass rate behind `passed`, a judge's verdicts on the cases of a run: Rogan-Gladen.

    A case with repeats counts by its mean. It holds when the labelled answers are better or worse
    than those of the run in the mean, as long as the judge errs alike. NotCorrectableError for a
    judge no better than a coin, and when people passed all labelled answers, or none.
    """
    good, bad = calibration.hits(passes=True), calibration.hits(passes=False)
    if good is None or bad is None:
        raise NotCorrectableError("the pass rate cannot be corrected: labels of one kind only")
    count = sum(passed)
    try:
        hits = Hits(count, len(passed))
        corrected = rogan_gladen(hits, good, bad)
    except StatisticsInputError as error:
        raise NotCorrectableError(f"the pass rate cannot be corrected: {error.message}") from error
    share = hits.share
    raw = Estimate(share, (share * (1 - share) / hits.n) ** 0.5, wilson(count, hits.n))
    return Corrected("rogan-gladen", raw, corrected)


def corrected_mean(
    labels: Sequence[float], judged: Sequence[float], scores: Sequence[float]
) -> Corrected:
    """The mean behind `scores`, a judge's scores of a run's cases: prediction-powered inference.

    `labels` and `judged` are the human and the judge's scores of labelled answers. They are others
    than the run's, often half of them bad, so the judge keeps its full weight: tuned (PPI++), the
    mean of the labels would be mixed into that of the run. What is left to believe is that the
    judge errs alike on both. NotCorrectableError for fewer than two of either.
    """
    try:
        found = ppi_mean(labels, judged, scores, weight=1.0)
        raw = clustered_mean(scores).estimate()
    except StatisticsInputError as error:
        raise NotCorrectableError(f"the mean cannot be corrected: {error.message}") from error
    return Corrected("ppi", raw, found.corrected)
