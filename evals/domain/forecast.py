"""What a run will cost and what it can decide, before anything is spent."""

from __future__ import annotations

from dataclasses import dataclass

from evals.domain.gate import floor_of, least_cases
from evals.domain.percent import percent, plural
from evals.domain.spec import SuiteSpec
from evals.domain.statistics import (
    cases_to_decide,
    most_failing_passes,
    needed_passes,
    rate_for_power,
    wilson,
)
from registry.domain.model_pin import ModelPin
from registry.domain.policy import GatePolicy

#: The usual promise of a planned experiment (Miller 2024, formula 9 uses the same).
POWER = 0.8


@dataclass(frozen=True, slots=True)
class TokenEstimate:
    """Tokens and seconds of one average request; `seconds` None when nobody has measured."""

    prompt: int
    completion: int
    seconds: float | None = None


@dataclass(frozen=True, slots=True)
class Forecast:
    """The plan of a run. `minutes` is None when the model's speed is unknown.

    `decidable` says whether any result could be a PASS; `detectable` says in a sentence which.
    """

    cases: int
    requests: int
    tokens: int
    cost_usd: float
    minutes: float | None
    decidable: bool
    detectable: str


def forecast(
    suite: SuiteSpec, policy: GatePolicy, pin: ModelPin, estimate: TokenEstimate
) -> Forecast:
    """Plan one run of `suite` on the model of `pin`; prices are USD per million tokens."""
    requests = suite.requests
    cost = estimate.prompt * pin.price_prompt + estimate.completion * pin.price_completion
    minutes = None
    if estimate.seconds is not None:
        minutes = requests * estimate.seconds / min(pin.concurrency, max(requests, 1)) / 60
    decidable, sentence = decidability(suite, policy)
    return Forecast(
        cases=len(suite.cases),
        requests=requests,
        tokens=requests * (estimate.prompt + estimate.completion),
        cost_usd=requests * cost / 1_000_000,
        minutes=minutes,
        decidable=decidable,
        detectable=sentence,
    )


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
