"""The floor: what the pass rate of the candidate alone proves."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from evals.domain.gate.decision import Verdict
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


@dataclass(frozen=True, slots=True)
class FloorResult:
    """The pass rate against the floor."""

    verdict: Verdict
    sentences: tuple[str, ...]
    rate: float
    interval: Interval


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
) -> FloorResult:
    """FAIL when the rate is below the floor with confidence; INCONCLUSIVE with too few cases or a
    floor inside the interval; PASS otherwise, that is when the lower bound reaches the floor.

    `results` are whole, and at least one. `clusters` as in `Evidence`.
    """
    cases = len(results)
    successes = sum(tally.mean for tally in results)
    rate = successes / cases
    interval = plain = wilson(min(successes, cases), cases, policy.confidence)
    names = [clusters.get(tally.key, tally.key) for tally in results]
    if len(set(names)) < cases:
        interval = wilson_clustered([tally.mean for tally in results], names, policy.confidence)
    # How many cases in clusters are worth one that stands alone.
    worth = max(1.0, (interval.high - interval.low) / (plain.high - plain.low)) ** 2
    verdict, reasons = _verdict(_Rate(rate, interval, cases, worth), suite, policy)
    line = _rate_line(results, rate, interval, suite, policy)
    if len(set(names)) < cases:
        groups = plural(len(set(names)), "cluster")
        reasons = (*reasons, f"the interval is that of {plural(cases, 'case')} in {groups}")
    return FloorResult(verdict, (line, *reasons), rate, interval)


@dataclass(frozen=True, slots=True)
class _Rate:
    """A pass rate over `cases`, of which `worth` count as one that stands alone."""

    value: float
    interval: Interval
    cases: int
    worth: float


def _verdict(rate: _Rate, suite: SuiteSpec, policy: GatePolicy) -> tuple[Verdict, tuple[str, ...]]:
    """The verdict of the rate, and what else there is to say."""
    floor, least = floor_of(suite, policy), least_cases(suite, policy)
    if rate.interval.high < floor:
        return "FAIL", ()
    reasons = []
    if rate.cases < least:
        reasons.append(
            f"{plural(rate.cases, 'case')} are fewer than the {least} this gate needs: "
            f"{least - rate.cases} more"
        )
    if rate.interval.low < floor:
        reasons.append(_what_would_decide(rate, floor, policy.confidence))
    return ("INCONCLUSIVE" if reasons else "PASS"), tuple(reasons)


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
    results: Sequence[CaseTally],
    rate: float,
    interval: Interval,
    suite: SuiteSpec,
    policy: GatePolicy,
) -> str:
    """`pass rate 57/60 = 95.0 %, 95 % interval 86.3–98.3 %, floor 80.0 %: passes`."""
    floor = floor_of(suite, policy)
    passed, cases = sum(t.failures == 0 for t in results), len(results)
    if any(tally.repeats_expected > 1 for tally in results):
        count = f"{percent(rate, floor)} over {cases} cases ({passed} right in every repeat)"
    else:
        count = f"{passed}/{cases} = {percent(rate, floor)}"
    ends = "passes" if interval.low >= floor else "undecided"
    ends = "fails" if interval.high < floor else ends
    bounds = interval_text(interval, floor)
    level = f"{policy.confidence * 100:g} % interval"
    return f"pass rate {count}, {level} {bounds}, floor {percent(floor)}: {ends}"
