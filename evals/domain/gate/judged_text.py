"""What a verdict says about the errors of judges."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from evals.domain.gate.decision import Corrected
from evals.domain.gate.evidence import JudgeRecord
from evals.domain.gate.judged import Deciding, corrected_rate
from evals.domain.gate.tally import CaseTally
from evals.domain.percent import interval_text, percent, points
from evals.domain.statistics import Hits, Interval, wilson

#: Nobody collects more cases than this.
_MOST_CASES = 1_000_000


def corrected_line(
    corrected: Corrected, deciding: Deciding, floor: float, confidence: float
) -> str:
    """`pass rate corrected for the errors of helpful (…) 94.4 %, 95 % interval …, floor 80.0 %`."""
    level = f"{confidence * 100:g} % interval {interval_text(corrected.interval, floor)}"
    known = "; ".join(_known(record) for record in deciding.records)
    if corrected.method == "rogan-gladen":
        value = percent(corrected.value, floor)
        text = f"pass rate corrected for the errors of {known} by Rogan-Gladen {value}, {level}"
    else:
        text = (
            f"other checks, a threshold or another judge decide too, so the pass rate cannot be "
            f"corrected for the errors of {known}; whatever they did, it stays within the {level}"
        )
    return f"{text}, floor {percent(floor)}"


def _known(record: JudgeRecord) -> str:
    """`helpful (passed 29 of 30 good answers, failed 28 of 30 bad ones)`."""
    good, bad = record.sensitivity, record.specificity
    if good is None or bad is None:
        return f"{record.judge} (whose labels are not of both kinds: nothing is known of them)"
    return (
        f"{record.judge} (passed {_hits(good)} answers that people pass, failed {_hits(bad)} that "
        f"they fail)"
    )


def _hits(found: Hits) -> str:
    return f"{found.right:g} of {found.n:g}"


def what_would_decide(
    results: Sequence[CaseTally], worth: float, deciding: Deciding, floor: float, confidence: float
) -> str:
    """How many cases would decide at these rates, or that it takes labels instead."""
    cases = len(results)

    def is_decided(wanted: int) -> bool:
        share = sum(tally.mean for tally in results) / cases
        alone = wanted / worth
        raw = wilson(min(share, 1.0) * alone, alone, confidence)
        times = wanted / cases
        found = corrected_rate(results, raw, worth, deciding, confidence, times)
        return found is not None and not _straddles(found.interval, floor)

    if floor >= 1:
        return "a floor of 100 % cannot be proved by any number of cases"
    needed = next((wanted for wanted in _doubled(cases) if is_decided(wanted)), None)
    if needed is None:
        return (
            "no number of cases decides at these rates with these human labels: "
            "more labels would tell more of the judge"
        )
    low = needed // 2
    while low + 1 < needed:
        middle = (low + needed) // 2
        low, needed = (low, middle) if is_decided(middle) else (middle, needed)
    needed = max(needed, cases + 1)
    return f"about {needed:,} cases would decide at these rates ({needed - cases:,} more)"


def _doubled(cases: int) -> Iterator[int]:
    wanted = cases + 1
    while wanted <= _MOST_CASES:
        yield wanted
        wanted *= 2


def _straddles(interval: Interval, floor: float) -> bool:
    return interval.low < floor <= interval.high


def blurred_line(skill: float, margin: float) -> str:
    """What judges do to a margin: differences show through them smaller than they are."""
    if skill <= 0:
        return "nothing is known of the judges' errors: only a candidate that is better passes"
    return (
        f"differences show smaller than they are through judges that err, here at {percent(skill)} "
        f"of their size or more: it takes a difference above {points(-margin * skill)} to pass"
    )
