"""The floor: what the pass rate of the candidate alone proves."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from evals.domain.gate.decision import Corrected, Verdict
from evals.domain.gate.judged import Deciding, corrected_rate
from evals.domain.gate.judged_text import corrected_line, what_would_decide
from evals.domain.gate.tally import CaseTally
from evals.domain.percent import interval_text, percent, plural
from evals.domain.spec import SuiteSpec
from evals.domain.statistics import (
    Interval,
    cases_to_decide,
    needed_passes,
    wilson,
    wilson_clustered,
)
from registry.domain.policy import GatePolicy

_NO_JUDGES = Deciding()


@dataclass(frozen=True, slots=True)
class FloorResult:
    """The pass rate against the floor: `rate` and `interval` raw, and `corrected` where judges
    decide.
    """

    verdict: Verdict
    sentences: tuple[str, ...]
    rate: float
    interval: Interval
    corrected: Corrected | None = None


def floor_of(suite: SuiteSpec, policy: GatePolicy) -> float:
    """The pass rate that must be proved: the stricter of suite and policy."""
    return max(suite.min_pass_rate or 0.0, policy.min_pass_rate)


def least_cases(suite: SuiteSpec, policy: GatePolicy) -> int:
    """Cases without which nothing passes: the stricter of suite and policy."""
    return max(suite.min_cases or 0, policy.min_cases)


def weigh_floor(
    results: Sequence[CaseTally],
    clusters: Mapping[str, str],
    suite: SuiteSpec,
    policy: GatePolicy,
    deciding: Deciding = _NO_JUDGES,
) -> FloorResult:
    """FAIL when the rate is below the floor with confidence; INCONCLUSIVE with too few cases or a
    floor inside the interval; PASS otherwise, that is when the lower bound reaches the floor.

    `results` are whole, and at least one. `clusters` as in `Evidence`. Where judges decide, it is
    the corrected rate that is weighed (`judged`).
    """
    cases, floor = len(results), floor_of(suite, policy)
    successes = sum(tally.mean for tally in results)
    rate = successes / cases
    interval = plain = wilson(min(successes, cases), cases, policy.confidence)
    names = [clusters.get(tally.key, tally.key) for tally in results]
    if len(set(names)) < cases:
        interval = wilson_clustered([tally.mean for tally in results], names, policy.confidence)
    # How many cases in clusters are worth one that stands alone.
    worth = max(1.0, (interval.high - interval.low) / (plain.high - plain.low)) ** 2
    seen = _Rate(rate, interval, cases, worth)
    corrected = corrected_rate(results, interval, worth, deciding, policy.confidence)
    counts = corrected.interval if corrected else interval
    verdict = _verdict(counts, cases, suite, policy)
    if corrected:
        told = corrected_line(corrected, deciding, floor, policy.confidence)
        raw = _rate_line(
            results, seen, floor, policy, f"as judged by {' and '.join(deciding.names)}"
        )
        lines = [raw, f"{told}: {_ends(counts, floor)}"]
    else:
        lines = [
            _rate_line(
                results, seen, floor, policy, f"floor {percent(floor)}: {_ends(counts, floor)}"
            )
        ]
    if verdict == "INCONCLUSIVE":
        lines += _too_few(cases, suite, policy)
        if counts.low < floor and corrected:
            lines.append(what_would_decide(results, worth, deciding, floor, policy.confidence))
        elif counts.low < floor:
            lines.append(_what_would_decide(seen, floor, policy.confidence))
    if len(set(names)) < cases:
        groups = plural(len(set(names)), "cluster")
        lines.append(f"the interval is that of {plural(cases, 'case')} in {groups}")
    return FloorResult(verdict, tuple(lines), rate, interval, corrected)


@dataclass(frozen=True, slots=True)
class _Rate:
    """A pass rate over `cases`, of which `worth` count as one that stands alone."""

    value: float
    interval: Interval
    cases: int
    worth: float


def _verdict(interval: Interval, cases: int, suite: SuiteSpec, policy: GatePolicy) -> Verdict:
    floor = floor_of(suite, policy)
    if interval.high < floor:
        return "FAIL"
    is_enough = interval.low >= floor and cases >= least_cases(suite, policy)
    return "PASS" if is_enough else "INCONCLUSIVE"


def _too_few(cases: int, suite: SuiteSpec, policy: GatePolicy) -> Iterator[str]:
    least = least_cases(suite, policy)
    if cases < least:
        yield (
            f"{plural(cases, 'case')} are fewer than the {least} this gate needs: "
            f"{least - cases} more"
        )


def _what_would_decide(rate: _Rate, floor: float, confidence: float) -> str:
    if floor >= 1:
        return "a floor of 100 % cannot be proved by any number of cases"
    cases, needed = rate.cases, cases_to_decide(rate.value, floor, confidence)
    if needed is None:
        return "the pass rate equals the floor: no number of cases decides at this rate"
    needed = max(math.ceil(needed * rate.worth), cases + 1)
    more = needed - cases
    sentence = f"about {needed:,} cases would decide at this pass rate ({more:,} more)"
    if rate.worth > 1:
        return sentence
    fewest = needed_passes(cases, floor, confidence)
    if fewest is None:
        return f"{sentence}; with {cases} cases not even a perfect score passes"
    return f"{sentence}; with {cases} cases it takes {fewest} right to pass"


def _rate_line(
    results: Sequence[CaseTally], rate: _Rate, floor: float, policy: GatePolicy, ends: str
) -> str:
    """`pass rate 57/60 = 95.0 %, 95 % interval 86.3–98.3 %, floor 80.0 %: passes`."""
    passed = sum(t.failures == 0 for t in results)
    if any(tally.repeats_expected > 1 for tally in results):
        share = percent(rate.value, floor)
        count = f"{share} over {rate.cases} cases ({passed} right in every repeat)"
    else:
        count = f"{passed}/{rate.cases} = {percent(rate.value, floor)}"
    bounds = interval_text(rate.interval, floor)
    return f"pass rate {count}, {policy.confidence * 100:g} % interval {bounds}, {ends}"


def _ends(interval: Interval, floor: float) -> str:
    if interval.high < floor:
        return "fails"
    return "passes" if interval.low >= floor else "undecided"
