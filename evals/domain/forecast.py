"""What a run will cost and what it can decide, before anything is spent."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal

from evals.domain.gate import floor_of, least_cases
from evals.domain.percent import percent, plural, points
from evals.domain.spec import SuiteSpec
from evals.domain.statistics import (
    cases_to_decide,
    cases_without_flips,
    detectable_drop,
    detectable_margin,
    margin_without_flips,
    most_failing_passes,
    needed_passes,
    power_of_margin,
    rate_for_power,
    wilson,
)
from registry.domain.model_pin import ModelPin
from registry.domain.policy import GatePolicy

#: The usual promise of a planned experiment (Miller 2024, formula 9 uses the same).
POWER = 0.8
#: Share of answers that flip when the live version is asked twice, until an A/A run has measured
#: it. An assumption, and every sentence that rests on it says so.
USUAL_FLIP_RATE = 0.1


@dataclass(frozen=True, slots=True)
class TokenEstimate:
    """Tokens and seconds of one average request; `seconds` None when nobody has measured."""

    prompt: int
    completion: int
    seconds: float | None = None


@dataclass(frozen=True, slots=True)
class Workload:
    """What a run does beside asking the candidate.

    `arms` 2: the live version answers every question too. `flip_rate`: share of the answers whose
    verdict differs when the live version is compared with itself, None when no A/A run measured
    it. `judge_calls`: questions to remote checks for one repeat of one case, both arms together.
    `clusters`: of the suite's cases, None when each stands alone.
    """

    arms: Literal[1, 2] = 1
    flip_rate: float | None = None
    judge_calls: int = 0
    clusters: int | None = None


@dataclass(frozen=True, slots=True)
class Forecast:
    """The plan of a run. `minutes` is None when the model's speed is unknown.

    `decidable` says whether any result could be a PASS; `detectable` says in a sentence which.
    `requests`, tokens, cost and minutes are those of both arms on the model under test;
    `judge_requests` go to judges and are not part of them. `detectable_drop` is the smallest drop
    below the live version that fails with 80 % probability (that shows, when the policy has no
    margin), `detectable_margin` the smallest margin that an equally good candidate passes with
    80 %: shares, None without a live version or when nothing would do.
    """

    cases: int
    requests: int
    tokens: int
    cost_usd: float
    minutes: float | None
    decidable: bool
    detectable: str
    judge_requests: int = 0
    detectable_drop: float | None = None
    detectable_margin: float | None = None


_CANDIDATE_ALONE = Workload()


def forecast(
    suite: SuiteSpec,
    policy: GatePolicy,
    pin: ModelPin,
    estimate: TokenEstimate,
    workload: Workload = _CANDIDATE_ALONE,
) -> Forecast:
    """Plan one run of `suite` on the model of `pin`; prices are USD per million tokens."""
    requests = suite.requests * workload.arms
    cost = estimate.prompt * pin.price_prompt + estimate.completion * pin.price_completion
    minutes = None
    if estimate.seconds is not None:
        minutes = requests * estimate.seconds / min(pin.concurrency, max(requests, 1)) / 60
    decidable, sentence = decidability(suite, policy)
    beside = _beside(suite, policy, workload)
    return Forecast(
        cases=len(suite.cases),
        requests=requests,
        tokens=requests * (estimate.prompt + estimate.completion),
        cost_usd=requests * cost / 1_000_000,
        minutes=minutes,
        decidable=decidable and beside.decidable,
        detectable="; ".join((sentence, *beside.sentences)),
        judge_requests=suite.requests * workload.judge_calls,
        detectable_drop=beside.drop,
        detectable_margin=beside.margin,
    )


@dataclass(frozen=True, slots=True)
class _Beside:
    """What the comparison with the live version can decide."""

    decidable: bool = True
    drop: float | None = None
    margin: float | None = None
    sentences: tuple[str, ...] = ()


def _beside(suite: SuiteSpec, policy: GatePolicy, workload: Workload) -> _Beside:
    cases = len(suite.cases) if workload.clusters is None else workload.clusters
    if workload.arms == 1 or not cases:
        return _Beside()
    flips = USUAL_FLIP_RATE if workload.flip_rate is None else workload.flip_rate
    # The mean of K answers flips less: its variance is that of one answer over K.
    noise = flips * len(suite.cases) / suite.requests
    alpha = 1 - policy.confidence
    drop = detectable_drop(cases, noise, policy.margin or 0.0, alpha=alpha, power=POWER)
    margin = detectable_margin(cases, (noise / cases) ** 0.5, alpha=alpha, power=POWER)
    proved = margin_without_flips(cases, alpha=alpha)
    return _Beside(
        decidable=policy.margin is None or proved <= policy.margin,
        drop=drop,
        margin=margin,
        sentences=tuple(_power_lines(cases, noise, drop, policy, workload)),
    )


def _power_lines(
    cases: int, noise: float, drop: float | None, policy: GatePolicy, workload: Workload
) -> Iterator[str]:
    verb = "shows" if policy.margin is None else "fails"
    known = "measured" if workload.flip_rate is not None else "assumed, an A/A run measures it"
    flips = percent(USUAL_FLIP_RATE if workload.flip_rate is None else workload.flip_rate)
    if drop is None:
        yield f"against the live version no drop {verb} with {POWER * 100:.0f} % probability"
    else:
        yield (
            f"against the live version a drop of {points(drop).lstrip('+')} or more {verb} with "
            f"{POWER * 100:.0f} % probability ({flips} of answers flip by chance: {known})"
        )
    if policy.margin is None:
        return
    alpha, limit = 1 - policy.confidence, points(policy.margin).lstrip("+")
    if margin_without_flips(cases, alpha=alpha) > policy.margin:
        least = cases_without_flips(policy.margin, alpha=alpha)
        yield f"no result of {cases:,} cases proves the margin of {limit}: it takes {least:,}"
        return
    chance = power_of_margin(cases, noise, policy.margin, alpha=alpha)
    yield f"an equally good candidate passes the margin of {limit} with {percent(chance)}"


def decidability(suite: SuiteSpec, policy: GatePolicy) -> tuple[bool, str]:
    """Whether this suite can PASS under this policy, and which results decide, in a sentence."""
    cases, floor = len(suite.cases), floor_of(suite, policy)
    least = least_cases(suite, policy)
    if cases < least:
        return False, f"{plural(cases, 'case')} cannot pass: this gate needs at least {least}"
    passing = needed_passes(cases, floor, policy.confidence)
    if passing is None:
        return False, _too_small(cases, floor, policy.confidence)
    rate = rate_for_power(passing, cases, POWER)
    failing = most_failing_passes(cases, floor, policy.confidence)
    fails = "" if failing is None else f", {failing} or fewer fail"
    return True, (
        f"of {plural(cases, 'case')}, {passing} or more right pass the floor of "
        f"{percent(floor)}{fails}; a prompt that is right {percent(rate)} of the time passes "
        f"with {POWER * 100:.0f} % probability"
    )


def _too_small(cases: int, floor: float, confidence: float) -> str:
    return f"{too_small_for(cases, floor, confidence)}: this suite can never pass"


def too_small_for(cases: int, floor: float, confidence: float) -> str:
    """Why even a perfect score proves too little, with the number of cases that would do."""
    low = wilson(cases, cases, confidence).low
    wanted = cases_to_decide(1.0, floor, confidence)
    cure = "no number of cases proves 100 %" if wanted is None else f"it takes {wanted:,}"
    return (
        f"even {cases}/{cases} right has a lower bound of {percent(low, floor)}, "
        f"below the floor of {percent(floor)} ({cure})"
    )
