"""How long the answers of the run itself took."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from assay.answers import BaselineAnswer, CaseAnswer
from assay.report.value import PercentileCell, TimeRow

#: The two arms as a reader calls them.
CANDIDATE = "candidate"
LIVE = "live"
_METRICS = ("ttft_ms", "total_ms")
_REPEATED = "times have no intervals: repeats of a case depend on each other"


def run_times(
    answers: Sequence[CaseAnswer], confidence: float
) -> tuple[tuple[TimeRow, ...], tuple[str, ...]]:
    """Percentiles over the answers that were asked for just now, with bounds by order statistics;
    and what a reader must know about them.

    Repeats of one case depend on each other, which would make bounds too narrow: then there are
    none.
    """
    is_repeated = any(answer.repeat != answers[0].repeat for answer in answers)
    rows = tuple(_rows(answers, None if is_repeated else confidence))
    return rows, (_REPEATED,) if rows and is_repeated else ()


def _rows(answers: Sequence[CaseAnswer], confidence: float | None) -> Iterator[TimeRow]:
    from evals.domain.latency import summarise

    arms: dict[str, Sequence[CaseAnswer | BaselineAnswer]] = {
        CANDIDATE: answers,
        LIVE: [a.baseline for a in answers if a.baseline is not None],
    }
    for metric in _METRICS:
        for arm, asked in arms.items():
            values = [getattr(a, metric) for a in asked if not a.from_cache]
            found = summarise(metric, (v for v in values if v is not None), confidence)
            if found.count:
                cells = (
                    PercentileCell(p.quantile, p.value, p.low, p.high) for p in found.percentiles
                )
                yield TimeRow(metric, arm, found.count, tuple(cells))
