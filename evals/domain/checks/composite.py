"""Checks made of checks: what `any` and `all` share."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from evals.domain.checks.common_keys import (
    NAME,
    NOT,
    THRESHOLD,
    WEIGHT,
    common_problems,
    own_parameters,
    spec_of,
)
from evals.domain.checks.declaration import known_type, observe, type_problems
from evals.domain.checks.spec import (
    Answer,
    CheckOutcome,
    CheckSpec,
    CheckType,
    Parameter,
    Problem,
)
from evals.domain.checks.weighing import outcome_of
from evals.domain.checks.wording import clip

#: `any` inside `all` inside `any`; deeper is a riddle.
MAX_LEVELS = 3
#: Checks in one composite, those inside its composites included.
MAX_NESTED = 50
#: Failed checks whose details are told.
_TOLD = 3

NESTED = Parameter(
    "checks",
    {
        "type": "array",
        "items": {
            "type": "object",
            "required": ["type"],
            "properties": {"type": {"type": "string"}},
        },
        "minItems": 1,
        "maxItems": MAX_NESTED,
    },
    "The checks, written as in a suite, with `name`, `weight`, `threshold` and `not`; "
    f"at most {MAX_NESTED}, at most {MAX_LEVELS} levels deep.",
    required=True,
)


@dataclass(frozen=True, slots=True)
class Nested:
    """What a composite needs to know: the checks there are, `any` and `all` among them."""

    types: Mapping[str, CheckType]

    def problems(self, params: Mapping[str, Any]) -> Iterator[Problem]:
        """What is wrong with the nested checks; `params` are the composite's."""
        if _levels(params["checks"]) > MAX_LEVELS:
            yield Problem(("checks",), f"checks are nested more than {MAX_LEVELS} levels deep")
        elif _count(params["checks"]) > MAX_NESTED:
            yield Problem(("checks",), f"more than {MAX_NESTED} checks are nested")
        else:
            for index, item in enumerate(params["checks"]):
                for problem in self._problems(item):
                    pointer = ("checks", index, *problem.pointer)
                    yield Problem(pointer, problem.message, problem.hint, problem.is_error)

    def _problems(self, item: Mapping[str, Any]) -> Iterator[Problem]:
        check = self.types.get(item["type"])
        if check is None:
            known = f"known: {', '.join(self.types)}"
            yield Problem(("type",), f"there is no check {item['type'][:60]!r}", known)
        elif check.is_remote:
            message = f"{check.type} asks a model; such a check cannot stand inside another one"
            yield Problem(("type",), message, "give it to the suite or the case itself")
        elif "critical" in item:
            message = "`critical` has no meaning inside another check"
            yield Problem(("critical",), message, "make the outer check critical")
        else:
            yield from common_problems(item, (NAME, WEIGHT, THRESHOLD, NOT))
            yield from type_problems(check, own_parameters(item))

    def prepare(self, params: Mapping[str, Any], expected: Any) -> None:
        """CheckError when one of the nested checks could judge no answer to such a case."""
        for spec in self._specs(params):
            check = known_type(self.types, spec.type)
            check.prepare(check.filled(spec.params), expected)

    def run(
        self, params: Mapping[str, Any], answer: Answer, expected: Any
    ) -> tuple[CheckOutcome, ...]:
        """The outcome of every nested check; CheckError when one cannot be evaluated."""
        outcomes = []
        for spec in self._specs(params):
            check = known_type(self.types, spec.type)
            seen = observe(check, spec, answer, expected)
            outcomes.append(outcome_of(spec, seen, check.threshold))
        return tuple(outcomes)

    def _specs(self, params: Mapping[str, Any]) -> list[CheckSpec]:
        return [
            spec_of(item, item.get("name") or f"{item['type']}-{number}", own_parameters(item))
            for number, item in enumerate(params["checks"], start=1)
        ]


def _inner(item: Any) -> Sequence[Any]:
    inner = item.get("checks") if isinstance(item, dict) else None
    return inner if isinstance(inner, list) else ()


def _levels(items: Sequence[Any]) -> int:
    """Levels of composites, one for the outermost; counts no further than one too many."""
    level, layer = 1, [inner for item in items for inner in _inner(item)]
    while layer and level <= MAX_LEVELS:
        level, layer = level + 1, [inner for item in layer for inner in _inner(item)]
    return level


def _count(items: Sequence[Any]) -> int:
    return len(items) + sum(_count(_inner(item)) for item in items)


def tell(outcomes: Sequence[CheckOutcome]) -> str:
    """`2 of 3 passed`, and what the first failed ones say."""
    failed = [outcome for outcome in outcomes if not outcome.passed]
    said = [f"{outcome.name}: {clip(outcome.detail)}" for outcome in failed[:_TOLD]]
    passed = f"{len(outcomes) - len(failed)} of {len(outcomes)} passed"
    return "; ".join((passed, *said))
