"""Whether the results are a whole run of the suite, and whether something critical failed.

Fail closed: an error, a missing result or a figure that does not add up is never a PASS.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence

from evals.domain.gate.tally import CaseTally, PairedCase
from evals.domain.percent import plural
from evals.domain.spec import SuiteSpec

#: Cases named in one sentence; a reader wants examples, not the list.
NAMED_CASES = 5
#: A mean of repeats, computed twice.
_ROUNDING = 1e-9


def broken(results: Sequence[CaseTally], suite: SuiteSpec) -> Iterator[str]:
    """Everything that keeps these tallies from being a complete run of this suite."""
    wanted = {case.key: suite.repeats_of(case) for case in suite.cases}
    counts = Counter(tally.key for tally in results)
    if not wanted:
        yield "the suite has no cases: nothing was measured"
    if absent := [key for key in wanted if key not in counts]:
        yield f"{plural(len(absent), 'case')} without any result: {named(absent)}"
    if strange := [key for key, count in counts.items() if count > 1 or key not in wanted]:
        yield f"results that do not belong to this suite: {named(strange)}"
    if failed := [tally.key for tally in results if tally.errors > 0]:
        yield f"{plural(len(failed), 'case')} could not be evaluated: {named(failed)}"
    if partial := [t.key for t in results if not t.errors and not _adds_up(t, wanted.get(t.key))]:
        yield f"{plural(len(partial), 'case')} with missing or surplus results: {named(partial)}"


def _adds_up(tally: CaseTally, repeats: int | None) -> bool:
    return (
        tally.repeats_expected == repeats == tally.results
        and min(tally.passes, tally.failures, tally.errors, tally.critical_failures) >= 0
        and tally.critical_failures <= tally.failures
    )


def unpaired(
    pairs: Sequence[PairedCase], results: Sequence[CaseTally], suite: SuiteSpec
) -> Iterator[str]:
    """Everything that keeps these pairs from setting the live version beside these results."""
    wanted = {tally.key: tally for tally in results}
    counts = Counter(pair.key for pair in pairs)
    if absent := [key for key in wanted if key not in counts]:
        some = plural(len(absent), "case")
        yield f"{some} without an answer of the live version: {named(absent)}"
    if strange := [key for key, count in counts.items() if count > 1 or key not in wanted]:
        yield f"pairs that do not belong to this suite: {named(strange)}"
    repeats = {case.key: suite.repeats_of(case) for case in suite.cases}
    if other := [p.key for p in pairs if not _fits(p, wanted.get(p.key), repeats.get(p.key))]:
        yield f"{plural(len(other), 'pair')} that contradict the results: {named(other)}"


def _fits(pair: PairedCase, tally: CaseTally | None, repeats: int | None) -> bool:
    if tally is None:
        return True
    return (
        pair.repeats == repeats
        and 0 <= pair.baseline <= 1
        and abs(pair.candidate - tally.mean) < _ROUNDING
    )


def critical(results: Sequence[CaseTally], suite: SuiteSpec) -> Iterator[str]:
    """Critical cases and checks that failed in any repeat."""
    must = {case.key for case in suite.cases if case.critical}
    cases = [t.key for t in results if t.failures and (t.critical or t.key in must)]
    checks = [t.key for t in results if t.critical_failures]
    if cases:
        yield f"{plural(len(cases), 'critical case')} failed: {named(cases)}"
    if checks:
        yield f"a critical check failed in {plural(len(checks), 'case')}: {named(checks)}"


def named(keys: Sequence[str]) -> str:
    """The first few, and how many more."""
    more = f" and {len(keys) - NAMED_CASES} more" if len(keys) > NAMED_CASES else ""
    return ", ".join(keys[:NAMED_CASES]) + more
