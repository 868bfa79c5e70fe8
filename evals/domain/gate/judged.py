"""Which judges decide a suite, and what their known errors do to it.

Where every case is decided by one verdict of one judge, the pass rate people would have given is
identified: Rogan-Gladen takes the judge's errors out, and its interval carries the error of the
labels too. Where a verdict decides together with something else (other checks, a second judge, a
threshold, `not`), nobody knows how the errors fall on the cases that hang on it. Then the raw rate
stands between bounds: at the most all false passes of the judge made a case pass, and all its false
failures made one fail. These bounds contain the raw interval, so they never pass what it does not.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field

from evals.domain.checks import CheckSpec, is_remote
from evals.domain.gate.decision import Corrected
from evals.domain.gate.evidence import JudgeRecord
from evals.domain.gate.tally import CaseTally
from evals.domain.spec import CaseSpec, SuiteSpec
from evals.domain.statistics import (
    Hits,
    Interval,
    StatisticsInputError,
    least_skill,
    rogan_gladen,
    wilson,
)

_NOTHING_KNOWN = Interval(0.0, 1.0)


@dataclass(frozen=True, slots=True)
class Deciding:
    """The judges that decide cases, each with the keys of those cases. `sole`: the one whose single
    verdict is the outcome of every case; None when there is none.
    """

    records: tuple[JudgeRecord, ...] = ()
    asked: Mapping[str, frozenset[str]] = field(default_factory=dict)
    sole: JudgeRecord | None = None
    #: Those whose failure passes a case somewhere (`not`).
    turned: frozenset[str] = frozenset()

    @property
    def names(self) -> tuple[str, ...]:
        """The judges by the suite's names."""
        return tuple(record.judge for record in self.records)

    @property
    def skill(self) -> float:
        """The share of a true difference that shows through these judges at least; 1 without."""
        return min(map(_skill, self.records), default=1.0)


def deciding_judges(
    cases: Iterable[CaseSpec],
    suite: SuiteSpec,
    advisory: Collection[str],
    records: Mapping[str, JudgeRecord],
) -> Deciding:
    """What decides these cases, beside the judges that are `advisory`. A judge without a record is
    one of which nothing is known.
    """
    if not suite.judges:
        return Deciding((), {}, None, frozenset())
    asked: dict[str, set[str]] = {}
    turned: set[str] = set()
    alone = True
    for case in cases:
        counted = [
            check
            for check in suite.checks_of(case)
            if (check.weight > 0 or check.critical) and _judge_of(check) not in advisory
        ]
        for check in counted:
            if judge := _judge_of(check):
                asked.setdefault(judge, set()).add(case.key)
                turned.update([judge] if check.negate else ())
        alone = alone and len(counted) == 1 and _is_bare_verdict(counted[0], case, suite)
    found = tuple(records.get(name, JudgeRecord(name)) for name in sorted(asked))
    sole = found[0] if alone and len(found) == 1 else None
    keys = {name: frozenset(some) for name, some in asked.items()}
    return Deciding(found, keys, sole, frozenset(turned))


def _judge_of(check: CheckSpec) -> str:
    """The judge that the check asks; empty for other checks."""
    name = check.params.get("judge")
    return name if isinstance(name, str) and is_remote(check.type) else ""


def _is_bare_verdict(check: CheckSpec, case: CaseSpec, suite: SuiteSpec) -> bool:
    """Whether the case passes just when the judge says so, in the way it was measured."""
    judge = suite.judges.get(_judge_of(check))
    if judge is None or check.negate or check.threshold is not None:
        return False
    if suite.threshold_of(case) is not None:
        return False
    return (judge.mode == "pairwise") == (check.type == "pairwise")


def corrected_rate(
    results: Sequence[CaseTally],
    raw: Interval,
    worth: float,
    deciding: Deciding,
    confidence: float,
    times: float = 1.0,
) -> Corrected | None:
    """The pass rate as far as the errors of its judges are known; None when no judge decides.

    `raw` is the interval of the uncorrected rate, `worth` how many of these cases count as one that
    stands alone, `times` how many times as many of them there are: for forecasts, with the `raw`
    that belongs to it.
    """
    if not deciding.records:
        return None
    share = sum(tally.mean for tally in results) / len(results)
    cases = len(results) * times / worth
    if deciding.sole is not None:
        value, interval = _without_errors(deciding.sole, share, cases, confidence)
        return Corrected("rogan-gladen", deciding.names, value, interval)
    # Half of what the confidence leaves is spent by `raw`, the other half here, judge by judge.
    level = 1 - (1 - confidence) / (2 * len(deciding.records))
    down = up = 0.0
    keys = {tally.key for tally in results}
    for record in deciding.records:
        asked = keys & deciding.asked[record.judge]
        most = _most_errors(record, asked, times / worth, level)
        if record.judge in deciding.turned:
            most = _Errors(*[max(most.passes, most.failures)] * 2)
        down += most.passes * len(asked) / len(results)
        up += most.failures * len(asked) / len(results)
    bounds = Interval(max(0.0, raw.low - down), min(1.0, raw.high + up))
    return Corrected("bounds", deciding.names, share, bounds)


def _without_errors(
    record: JudgeRecord, share: float, cases: float, confidence: float
) -> tuple[float, Interval]:
    if record.sensitivity is None or record.specificity is None:
        return share, _NOTHING_KNOWN
    passed = Hits(min(share, 1.0) * cases, cases)
    try:
        found = rogan_gladen(passed, record.sensitivity, record.specificity, confidence)
    except StatisticsInputError:  # no better than a coin
        return share, _NOTHING_KNOWN
    return found.value, found.interval


@dataclass(frozen=True, slots=True)
class _Errors:
    """Shares of a judge's verdicts that are false passes and false failures, at the most."""

    passes: float = 1.0
    failures: float = 1.0


def _most_errors(
    record: JudgeRecord, asked: Collection[str], scale: float, level: float
) -> _Errors:
    """P(passed, and people fail it) = (1 - θ)(1 - sp), P(failed, and people pass it) = θ(1 - se),
    each with its factors at the worse ends of their intervals.
    """
    shares = [record.passed[key] for key in asked if key in record.passed]
    if record.sensitivity is None or record.specificity is None or len(shares) < len(asked):
        return _Errors()
    share = sum(shares) / len(shares)
    _, rate = _without_errors(record, share, len(shares) * scale, level)
    se = wilson(record.sensitivity.right, record.sensitivity.n, level)
    sp = wilson(record.specificity.right, record.specificity.n, level)
    return _Errors((1 - rate.low) * (1 - sp.low), rate.high * (1 - se.low))


def _skill(record: JudgeRecord) -> float:
    if record.sensitivity is None or record.specificity is None:
        return 0.0
    return least_skill(record.sensitivity, record.specificity)
