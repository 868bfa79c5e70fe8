"""How much prefill a prefix cache has saved, told from the times to the first token.

A server computes the prompt tokens that it has not cached, and the first token comes after that:
ttft = a + b * computed, with `b` the time that one more token takes. The slope is fitted over the
answers of a run by least squares, and what was saved is `b` times the tokens that were cached. Its
interval is Student's with the variance of the jackknife that leaves out one case at a time (CR3 of
Bell and McCaffrey 2002) and as many degrees of freedom as cases carry the slope (less one; the
effective number of clusters of Carter, Schnepel and Steigerwald 2017): where few do, it is wide.

What is told is time of requests, added up: a run that asks eight at once is not that much shorter.
A client sees prefill only mixed with queueing. Queueing that has nothing to do with the tokens
makes the interval wider; what comes with them (the first of a group often goes when the server is
idle) moves the estimate too.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from math import sqrt
from typing import NamedTuple

from evals.domain.statistics.mean import student_t

#: Fewer cases show no slope worth telling.
FEWEST_CASES = 10


class Timed(NamedTuple):
    """One answer that was asked for just now. `case` tells which belong together."""

    case: str
    ttft_ms: float
    prompt_tokens: int
    cached_tokens: int


@dataclass(frozen=True, slots=True)
class PrefillSaved:
    """Seconds of prefill that `cached_tokens` would have taken, in all requests together, with the
    interval; and the milliseconds of one token that they are reckoned with.
    """

    seconds: float
    interval: tuple[float, float]
    ms_per_token: float


class _Sums(NamedTuple):
    """What a line is fitted with: moments of tokens (x) and milliseconds (y) around their means."""

    n: float = 0
    x: float = 0.0
    y: float = 0.0
    xx: float = 0.0
    xy: float = 0.0

    def plus(self, x: float, y: float) -> _Sums:
        return _Sums(self.n + 1, self.x + x, self.y + y, self.xx + x * x, self.xy + x * y)

    def without(self, other: _Sums) -> _Sums:
        return _Sums(*(mine - its for mine, its in zip(self, other, strict=True)))

    @property
    def spread(self) -> float:
        return self.xx - self.x**2 / self.n if self.n else 0.0

    @property
    def slope(self) -> float:
        return (self.xy - self.x * self.y / self.n) / self.spread


@dataclass(frozen=True, slots=True)
class _Line:
    slope: float
    error: float
    degrees: int


def prefill_saved(answers: Sequence[Timed], confidence: float = 0.95) -> PrefillSaved | str:
    """The estimate, or a sentence why there is none: an interval that holds 0 tells nothing."""
    cases = len({answer.case for answer in answers})
    if cases < FEWEST_CASES:
        return f"{cases} cases have times, and {FEWEST_CASES} are needed"
    line = _fit(answers)
    if line is None:
        return "the server had as many tokens to compute for all cases, or for all but one"
    cached = sum(answer.cached_tokens for answer in answers)
    half = student_t((1 + confidence) / 2, line.degrees) * line.error
    low, high = line.slope - half, line.slope + half
    if low <= 0:
        return (
            f"the times do not show it: a token computed takes {line.slope:.3g} ms, between "
            f"{low:.3g} and {high:.3g}"
        )
    interval = (low * cached / 1000, high * cached / 1000)
    return PrefillSaved(line.slope * cached / 1000, interval, line.slope)


def _fit(answers: Sequence[Timed]) -> _Line | None:
    """None when at most one case differs from the others in what was to be computed."""
    mean_x = sum(a.prompt_tokens - a.cached_tokens for a in answers) / len(answers)
    mean_y = sum(a.ttft_ms for a in answers) / len(answers)
    whole, by_case = _Sums(), defaultdict[str, _Sums](_Sums)
    for a in answers:
        x, y = a.prompt_tokens - a.cached_tokens - mean_x, a.ttft_ms - mean_y
        whole, by_case[a.case] = whole.plus(x, y), by_case[a.case].plus(x, y)
    rests = [whole.without(part) for part in by_case.values()]
    # Sums of squares that cancel out leave something behind.
    if min(rest.spread for rest in rests) <= 1e-9 * whole.spread:
        return None
    moved = sum((rest.slope - whole.slope) ** 2 for rest in rests)
    weights = [part.xx for part in by_case.values()]
    carrying = sum(weights) ** 2 / sum(weight**2 for weight in weights)
    error = sqrt(moved * (len(rests) - 1) / len(rests))
    return _Line(whole.slope, error, max(1, int(carrying) - 1))
