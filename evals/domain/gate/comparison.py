"""The candidate against the live version, case by case: no worse than the margin, or worse.

A non-inferiority test. H0: the candidate is worse by the margin or more. PASS when the one-sided
lower bound of the difference lies above -margin, FAIL when the upper bound lies below it, and
INCONCLUSIVE otherwise. Both bounds are one-sided at the policy's confidence, so each of the two
mistakes happens with probability 1 - confidence at most.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from statistics import fmean
from typing import Literal

from evals.domain.gate.decision import Comparison, Verdict
from evals.domain.gate.enough import cases_that_decide, repeats_that_decide
from evals.domain.gate.judged_text import blurred_line
from evals.domain.gate.tally import PairedCase, flips, flips_of_clusters
from evals.domain.percent import percent, plural, points
from evals.domain.statistics import (
    BinaryDifference,
    Difference,
    StatisticsInputError,
    bounds,
    detectable_margin,
    difference_of,
    fewest_flips,
    mcnemar_one_sided,
)
from registry.domain.policy import GatePolicy


def compare(pairs: Sequence[PairedCase], policy: GatePolicy, skill: float = 1.0) -> Comparison:
    """Weigh both arms on the same cases.

    Cases answered once, each its own cluster: Tango's score bounds with half a flip held back, so
    that the error stays below 1 - confidence by exact enumeration unless nearly every case flips.
    Repeats or clusters: the mean of the paired differences with clustered error and Student's t; a
    case with repeats counts once, by its mean. McNemar's p counts each cluster once, by the sign of
    its sum, so that repeats and clusters never pass for independent flips.

    `skill` is the share of a true difference that shows at least through the judges that decide
    the cases (sensitivity + specificity - 1): a candidate that is worse by the margin looks worse
    by that share of it, so PASS asks for a lower bound above -margin times `skill`. FAIL does not
    change: what looks worse than the margin is worse than it by at least as much.
    """
    _refuse_no_pairs(pairs)
    gaps = [pair.difference for pair in pairs]
    clusters = [pair.cluster or pair.key for pair in pairs]
    seen = difference_of(gaps, clusters)
    lower, upper = seen.lower(policy.confidence), seen.upper(policy.confidence)
    verdict = _verdict(lower, upper, policy.margin, skill)
    is_open = verdict == "INCONCLUSIVE"
    independent = flips_of_clusters(pairs)
    found = Comparison(
        verdict=verdict,
        sentences=(),
        method=_method(seen),
        cases=len(pairs),
        clusters=len(set(clusters)),
        candidate_rate=fmean(pair.candidate for pair in pairs),
        baseline_rate=fmean(pair.baseline for pair in pairs),
        difference=seen.value,
        confidence=policy.confidence,
        interval=bounds(seen, policy.confidence),
        lower_bound=lower,
        upper_bound=upper,
        regressions=flips(pairs).worse,
        improvements=flips(pairs).better,
        p_value=mcnemar_one_sided(independent.worse, independent.better),
        margin=policy.margin,
        detectable_margin=_detectable(seen, policy, skill),
        cases_to_decide=cases_that_decide(seen, len(pairs), policy, skill) if is_open else None,
        repeats_to_decide=repeats_that_decide(pairs, policy, skill) if is_open else None,
        judge_skill=skill,
    )
    return replace(found, sentences=tuple(_sentences(found)))


def _detectable(seen: Difference, policy: GatePolicy, skill: float) -> float:
    plain = detectable_margin(seen.effective, seen.error, alpha=1 - policy.confidence)
    return min(1.0, plain / skill) if skill > 0 else 1.0


def _refuse_no_pairs(pairs: Sequence[PairedCase]) -> None:
    if not pairs or len({pair.key for pair in pairs}) < len(pairs):
        raise StatisticsInputError("a comparison needs pairs, each case once")
    if any(not (0 <= pair.candidate <= 1 and 0 <= pair.baseline <= 1) for pair in pairs):
        raise StatisticsInputError("the arms of a pair are shares between 0 and 1")


def _method(seen: Difference) -> Literal["tango", "clustered"]:
    return "tango" if isinstance(seen, BinaryDifference) else "clustered"


def _verdict(lower: float, upper: float, margin: float | None, skill: float) -> Verdict | None:
    if margin is None:
        return None
    if lower > -margin * skill:
        return "PASS"
    return "FAIL" if upper < -margin else "INCONCLUSIVE"


def _sentences(found: Comparison) -> Iterator[str]:
    yield _difference_line(found)
    flipped = found.regressions + found.improvements
    yield (
        f"{plural(found.regressions, 'case')} went worse and {found.improvements:,} better than "
        f"with the live version (McNemar p = {found.p_value:.2g} that the candidate is worse)"
    )
    if found.margin is None:
        return
    yield _margin_line(found, found.margin)
    if found.judge_skill < 1:
        yield blurred_line(found.judge_skill, found.margin)
    if found.verdict == "INCONCLUSIVE":
        least = fewest_flips(1 - found.confidence)
        if flipped < least:
            yield (
                f"underpowered: {plural(flipped, 'flip')} cannot show any regression, "
                f"it takes {least} one way"
            )
        yield _cure(found)
    yield (
        f"with these cases and flips an equally good candidate passes a margin of "
        f"{points(found.detectable_margin).lstrip('+')} or more with 80 % probability"
    )


def _difference_line(found: Comparison) -> str:
    against = None if found.margin is None else -found.margin
    low = f"{points(found.interval.low, against)}"
    groups = "" if found.clusters == found.cases else f" in {plural(found.clusters, 'cluster')}"
    return (
        f"candidate {percent(found.candidate_rate)}, live version {percent(found.baseline_rate)} "
        f"on the same {plural(found.cases, 'case')}{groups}: difference "
        f"{points(found.difference)}, {found.confidence * 100:g} % interval "
        f"{low.removesuffix(' points')} to {points(found.interval.high, against)}"
    )


def _margin_line(found: Comparison, margin: float) -> str:
    sure = f"with {found.confidence * 100:g} % confidence"
    limit = points(-margin)
    if found.verdict == "PASS":
        bound = points(found.lower_bound, -margin)
        return f"{sure} the difference is above {bound}, within the margin of {limit}: passes"
    if found.verdict == "FAIL":
        bound = points(found.upper_bound, -margin)
        return f"{sure} the difference is below {bound}, beyond the margin of {limit}: fails"
    low = points(found.lower_bound, -margin).removesuffix(" points")
    high = points(found.upper_bound, -margin)
    return f"{sure} the difference is above {low} and below {high}, margin {limit}: undecided"


def _cure(found: Comparison) -> str:
    if found.repeats_to_decide is not None:
        return (
            f"the answers vary more than the cases: about {found.repeats_to_decide} repeats of "
            f"every case would decide at these rates"
        )
    if found.cases_to_decide is None:
        return "the difference lies on the margin: no number of cases decides at these rates"
    more = found.cases_to_decide - found.cases
    return f"about {found.cases_to_decide:,} cases would decide at these rates ({more:,} more)"
