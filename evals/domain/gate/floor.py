"""The gate: from the tallies of a run to a verdict with its reasons in sentences.

Fail closed: an error, a missing result or a figure that does not add up is never a PASS.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence

from evals.domain.gate.decision import Decision, Verdict
from evals.domain.gate.tally import CaseTally
from evals.domain.percent import interval_text, percent, plural
from evals.domain.spec import SuiteSpec
from evals.domain.statistics import Interval, cases_to_decide, needed_passes, wilson
from registry.domain.policy import GatePolicy

#: Cases named in one sentence; a reader wants examples, not the list.
NAMED_CASES = 5


def floor_of(suite: SuiteSpec, policy: GatePolicy) -> float:
    """The pass rate that must be proved: the stricter of suite and policy."""
    return max(suite.min_pass_rate or 0.0, policy.min_pass_rate)


def least_cases(suite: SuiteSpec, policy: GatePolicy) -> int:
    """Cases without which nothing passes: the stricter of suite and policy."""
    return max(suite.min_cases or 0, policy.min_cases)


def decide(results: Sequence[CaseTally], suite: SuiteSpec, policy: GatePolicy) -> Decision:
    """Judge a finished run by its suite and policy.

    ERROR when any result is missing or an error; FAIL when something critical failed or the rate is
    below the floor with confidence; INCONCLUSIVE with too few cases or a floor inside the interval;
    PASS otherwise, that is when the lower bound reaches the floor.
    """
    passed = sum(tally.passes >= tally.repeats_expected for tally in results)
    broken = tuple(_broken(results, suite))
    if broken:
        return Decision("ERROR", broken, None, None, len(suite.cases), passed)
    successes = sum(tally.mean for tally in results)
    rate = successes / len(results)
    interval = wilson(min(successes, len(results)), len(results), policy.confidence)
    critical = tuple(_critical(results, suite))
    verdict, reasons = _verdict(rate, interval, suite, policy)
    if critical:
        verdict = "FAIL"
    line = _rate_line(results, rate, interval, suite, policy)
    return Decision(verdict, (*critical, line, *reasons), rate, interval, len(results), passed)


def _broken(results: Sequence[CaseTally], suite: SuiteSpec) -> Iterator[str]:
    """Everything that keeps these tallies from being a complete run of this suite."""
    wanted = {case.key: suite.repeats_of(case) for case in suite.cases}
    counts = Counter(tally.key for tally in results)
    if not wanted:
        yield "the suite has no cases: nothing was measured"
    if absent := [key for key in wanted if key not in counts]:
        yield f"{plural(len(absent), 'case')} without any result: {_named(absent)}"
    if strange := [key for key, count in counts.items() if count > 1 or key not in wanted]:
        yield f"results that do not belong to this suite: {_named(strange)}"
    if failed := [tally.key for tally in results if tally.errors > 0]:
        yield f"{plural(len(failed), 'case')} could not be evaluated: {_named(failed)}"
    if partial := [t.key for t in results if not t.errors and not _adds_up(t, wanted.get(t.key))]:
        yield f"{plural(len(partial), 'case')} with missing or surplus results: {_named(partial)}"


def _adds_up(tally: CaseTally, repeats: int | None) -> bool:
    return (
        tally.repeats_expected == repeats == tally.results
        and min(tally.passes, tally.failures, tally.errors, tally.critical_failures) >= 0
        and tally.critical_failures <= tally.failures
    )


def _critical(results: Sequence[CaseTally], suite: SuiteSpec) -> Iterator[str]:
    must = {case.key for case in suite.cases if case.critical}
    cases = [t.key for t in results if t.failures and (t.critical or t.key in must)]
    checks = [t.key for t in results if t.critical_failures]
    if cases:
        yield f"{plural(len(cases), 'critical case')} failed: {_named(cases)}"
    if checks:
        yield f"a critical check failed in {plural(len(checks), 'case')}: {_named(checks)}"


def _named(keys: Sequence[str]) -> str:
    more = f" and {len(keys) - NAMED_CASES} more" if len(keys) > NAMED_CASES else ""
    return ", ".join(keys[:NAMED_CASES]) + more


def _verdict(
    rate: float, interval: Interval, suite: SuiteSpec, policy: GatePolicy
) -> tuple[Verdict, tuple[str, ...]]:
    """The verdict without regard to critical failures, and what else there is to say."""
    floor, least, cases = floor_of(suite, policy), least_cases(suite, policy), len(suite.cases)
    if interval.high < floor:
        return "FAIL", ()
    reasons = []
    if cases < least:
        reasons.append(
            f"{plural(cases, 'case')} are fewer than the {least} this gate needs: "
            f"{least - cases} more"
        )
    if interval.low < floor:
        reasons.append(_what_would_decide(rate, cases, floor, policy.confidence))
    return ("INCONCLUSIVE" if reasons else "PASS"), tuple(reasons)


def _what_would_decide(rate: float, cases: int, floor: float, confidence: float) -> str:
    if floor >= 1:
        return "a floor of 100 % cannot be proved by any number of cases"
    needed = cases_to_decide(rate, floor, confidence)
    if needed is None:
        return "the pass rate equals the floor: no number of cases decides at this rate"
    needed = max(needed, cases + 1)
    more = needed - cases
    sentence = f"about {needed:,} cases would decide at this pass rate ({more:,} more)"
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
