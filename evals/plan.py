"""What a run will ask, in which order, and what that will cost. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from core.digest import canonical_json
from evals.domain.forecast import Forecast, TokenEstimate, forecast
from evals.domain.suite import CaseSpec, SuiteSpec
from registry.domain.model_pin import ModelPin
from registry.domain.policy import GatePolicy
from registry.domain.version import VersionContent

#: Rule of thumb for English; replaced by measured figures as soon as there are some.
_CHARACTERS_PER_TOKEN = 4
_USUAL_COMPLETION_TOKENS = 200


@dataclass(frozen=True, slots=True)
class PlannedAnswer:
    """One answer to ask for. `suite` is an index into the planned ones, `repeat` counts from 1."""

    suite: int
    case: str
    repeat: int


def plan_answers(content: VersionContent, suites: Sequence[SuiteSpec]) -> Iterator[PlannedAnswer]:
    """Every answer of a run. Cases whose prompts begin alike are neighbours, repeats most of all:
    a server with a prefix cache then computes the common part once.
    """
    names = sorted(content.variables, key=lambda name: _first_use(content, name))
    for index, suite in enumerate(suites):
        for case in sorted(suite.cases, key=lambda case: _values(case, names)):
            for repeat in range(1, suite.repeats_of(case) + 1):
                yield PlannedAnswer(index, case.key, repeat)


def _first_use(content: VersionContent, name: str) -> tuple[int, str]:
    """Where the template first says the name: an order of neighbours need not be exact."""
    place = content.source.find(name)
    return (place if place >= 0 else len(content.source), name)


def _values(case: CaseSpec, names: Sequence[str]) -> tuple[bytes, ...]:
    first = canonical_json(case.placeholders)
    return (*(canonical_json(case.variables.get(name)) for name in names), first)


def guess_tokens(content: VersionContent, suites: Sequence[SuiteSpec]) -> TokenEstimate:
    """Tokens of an average request when nobody has measured any yet."""
    values = [_characters(case) for suite in suites for case in suite.cases]
    template = len(content.source) + sum(map(len, content.partials.values()))
    prompt = template + sum(values) // max(len(values), 1)
    completion = content.parameters.get("max_tokens") or _USUAL_COMPLETION_TOKENS
    return TokenEstimate(prompt // _CHARACTERS_PER_TOKEN + 1, int(completion))


def _characters(case: CaseSpec) -> int:
    return len(canonical_json([list(case.variables.values()), case.placeholders]))


def forecast_run(
    suites: Sequence[SuiteSpec], policy: GatePolicy, pin: ModelPin, estimate: TokenEstimate
) -> Forecast:
    """One forecast over all suites of a run."""
    parts = [forecast(suite, policy, pin, estimate) for suite in suites]
    minutes = [part.minutes for part in parts if part.minutes is not None]
    return Forecast(
        cases=sum(part.cases for part in parts),
        requests=sum(part.requests for part in parts),
        tokens=sum(part.tokens for part in parts),
        cost_usd=sum(part.cost_usd for part in parts),
        minutes=sum(minutes) if len(minutes) == len(parts) else None,
        decidable=all(part.decidable for part in parts),
        detectable="; ".join(_about(suites, part.detectable, i) for i, part in enumerate(parts)),
    )


def _about(suites: Sequence[SuiteSpec], sentence: str, index: int) -> str:
    return sentence if len(suites) == 1 else f"{suites[index].name}: {sentence}"


def json_of(planned: Forecast) -> dict[str, Any]:
    """A forecast as the run stores and shows it."""
    return {
        "cases": planned.cases,
        "requests": planned.requests,
        "tokens": planned.tokens,
        "cost_usd": planned.cost_usd,
        "minutes": planned.minutes,
        "decidable": planned.decidable,
        "detectable": planned.detectable,
    }
