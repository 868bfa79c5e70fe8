"""What a run will ask, in which order, and what that will cost. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from core.digest import canonical_json, digest
from evals.domain.checks import is_remote
from evals.domain.forecast import Forecast, TokenEstimate, Workload, forecast
from evals.domain.suite import CaseSpec, SuiteSpec
from registry.domain.model_pin import ModelPin
from registry.domain.policy import GatePolicy
from registry.domain.template.analysis import reading_order
from registry.domain.token_count import CHARACTERS_PER_TOKEN
from registry.domain.version import VersionContent

#: Replaced by measured figures as soon as there are some.
_USUAL_COMPLETION_TOKENS = 200


@dataclass(frozen=True, slots=True)
class PlannedAnswer:
    """One answer to ask for. `suite` is an index into the planned ones, `repeat` counts from 1."""

    suite: int
    case: str
    repeat: int


def plan_answers(
    content: VersionContent, suites: Sequence[SuiteSpec], *, mixed: bool = False
) -> Iterator[PlannedAnswer]:
    """Every answer of a run. Cases whose prompts begin alike are neighbours, repeats most of all:
    a server with a prefix cache then computes the common part once. They are told by the values of
    what the template says, in the order in which it does; nothing is rendered.

    `mixed`: in an order that has nothing to do with the cases, so that the first of them stand for
    all (a run that may stop early needs that).
    """
    names = reading_order(content)
    defaults = {name: schema.get("default") for name, schema in content.variables.items()}
    places = [(index, suite, case) for index, suite in enumerate(suites) for case in suite.cases]
    if mixed:
        places.sort(key=lambda place: (place[0], digest(place[2].key)))
    else:
        places.sort(key=lambda place: (_values(place[2], names, defaults), place[0], place[2].key))
    for index, suite, case in places:
        for repeat in range(1, suite.repeats_of(case) + 1):
            yield PlannedAnswer(index, case.key, repeat)


def _values(case: CaseSpec, names: Sequence[str], defaults: Mapping[str, Any]) -> tuple[bytes, ...]:
    """What the case gives to each name. A default is a value like any other."""
    given = {**defaults, **case.variables, **case.placeholders}
    return tuple(canonical_json(given.get(name)) for name in names)


def guess_tokens(content: VersionContent, suites: Sequence[SuiteSpec]) -> TokenEstimate:
    """Tokens of an average request when nobody has measured any yet."""
    values = [_characters(case) for suite in suites for case in suite.cases]
    template = len(content.source) + sum(map(len, content.partials.values()))
    prompt = template + sum(values) // max(len(values), 1)
    completion = content.parameters.get("max_tokens") or _USUAL_COMPLETION_TOKENS
    return TokenEstimate(prompt // CHARACTERS_PER_TOKEN + 1, int(completion))


def _characters(case: CaseSpec) -> int:
    return len(canonical_json([list(case.variables.values()), case.placeholders]))


def forecast_run(
    suites: Sequence[SuiteSpec],
    policy: GatePolicy,
    pin: ModelPin,
    estimate: TokenEstimate,
    *,
    compares: bool = False,
    flip_rate: float | None = None,
) -> Forecast:
    """One forecast over all suites of a run. `compares`: the live version is asked as well."""
    parts = [
        forecast(suite, policy, pin, estimate, _workload(suite, compares, flip_rate))
        for suite in suites
    ]
    minutes = [part.minutes for part in parts if part.minutes is not None]
    return Forecast(
        cases=sum(part.cases for part in parts),
        requests=sum(part.requests for part in parts),
        tokens=sum(part.tokens for part in parts),
        cost_usd=sum(part.cost_usd for part in parts),
        minutes=sum(minutes) if len(minutes) == len(parts) else None,
        decidable=all(part.decidable for part in parts),
        judge_requests=sum(part.judge_requests for part in parts),
        detectable_drop=_worst([part.detectable_drop for part in parts]),
        detectable_margin=_worst([part.detectable_margin for part in parts]),
        detectable="; ".join(_about(suites, part.detectable, i) for i, part in enumerate(parts)),
    )


def _workload(suite: SuiteSpec, compares: bool, flip_rate: float | None) -> Workload:
    clusters = {suite.cluster_of(case) for case in suite.cases}
    return Workload(
        arms=2 if compares else 1,
        flip_rate=flip_rate,
        judge_calls=_judge_calls(suite, arms=2 if compares else 1),
        clusters=len(clusters) if len(clusters) < len(suite.cases) else None,
    )


def _judge_calls(suite: SuiteSpec, arms: int) -> int:
    """Most questions to other models about one repeat of a case."""
    return max((_calls(suite, case, arms) for case in suite.cases), default=0)


def _calls(suite: SuiteSpec, case: CaseSpec, arms: int) -> int:
    total = 0
    for check in suite.checks_of(case):
        judge = suite.judges.get(str(check.params.get("judge")))
        if check.type == "pairwise" and judge is not None:
            total += 2 * judge.samples  # both orders; nobody compares the live version with itself
        elif is_remote(check.type):
            total += arms * (judge.samples if judge else 1)
    return total


def _worst(shares: Sequence[float | None]) -> float | None:
    known = [share for share in shares if share is not None]
    return max(known) if known and len(known) == len(shares) else None


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
        "judge_requests": planned.judge_requests,
        "detectable_drop": planned.detectable_drop,
        "detectable_margin": planned.detectable_margin,
    }
