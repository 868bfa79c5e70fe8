"""How long the answers of the run itself took."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from itertools import chain

from evals.domain.latency import summarise
from evals.report.answers import Arm, FreshAnswer, Tally
from evals.report.values import TimeLine

REPEATED = "times have no intervals: repeats of a case depend on each other"
_METRICS = ("ttft_ms", "total_ms")
#: Points of a curve: a picture has no more to show.
_MOST_POINTS = 101


def time_lines(
    answers: Mapping[Arm, Sequence[FreshAnswer]],
    tallies: Mapping[int, Tally],
    confidence: float,
) -> tuple[tuple[TimeLine, ...], tuple[str, ...]]:
    """Percentiles over the answers that were asked for just now, with bounds by order statistics;
    and what a reader must know about them.

    Repeats of one case depend on each other, which would make bounds too narrow: then there are
    none.
    """
    repeats = set(
        chain.from_iterable((one.first_repeat, one.last_repeat) for one in tallies.values())
    )
    is_repeated = len(repeats) > 1
    lines = tuple(_lines(answers, None if is_repeated else confidence))
    return lines, (REPEATED,) if lines and is_repeated else ()


def _lines(
    answers: Mapping[Arm, Sequence[FreshAnswer]], confidence: float | None
) -> Iterator[TimeLine]:
    for metric in _METRICS:
        for arm, asked in answers.items():
            told = (getattr(answer, metric) for answer in asked)
            values = sorted(value for value in told if value is not None)
            if values:
                found = summarise(metric, values, confidence)
                yield TimeLine(metric, arm, found.count, found.percentiles, curve_of(values))


def curve_of(ordered: Sequence[float]) -> tuple[tuple[float, float], ...]:
    """The empirical distribution as (value, share of the values that are no larger): all of its
    steps, or a hundred of them evenly spread, the last one at 1.
    """
    count = len(ordered)
    points = min(count, _MOST_POINTS)
    places = [-(-count * step // points) for step in range(1, points + 1)]
    return tuple((ordered[place - 1], place / count) for place in places)
