"""The keys that every check takes beside its own."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from evals.domain.checks.spec import CheckSpec, Parameter, Problem
from evals.domain.json_schema import violation

NAME = Parameter(
    "name",
    {"type": "string", "maxLength": 2000},
    "What reports call it; the type, numbered, when left out.",
)
CRITICAL = Parameter(
    "critical", {"type": "boolean"}, "One failure of it fails the run.", default=False
)
WEIGHT = Parameter(
    "weight",
    {"type": "number", "minimum": 0, "maximum": 1_000},
    "Its share of the case's score, 1 when left out. 0: it is recorded and decides nothing.",
    default=1.0,
)
THRESHOLD = Parameter(
    "threshold",
    {"type": "number", "exclusiveMinimum": 0, "maximum": 1},
    "The least score that passes, above 0 and at most 1, in place of the check's own rule.",
)
NOT = Parameter(
    "not",
    {"type": "boolean"},
    "Turns it around, after the threshold: what passed fails, and the score is 1 less the score. "
    "A check that cannot be evaluated stays an error.",
    default=False,
)
COMMON = (NAME, CRITICAL, WEIGHT, THRESHOLD, NOT)
_NAMES = frozenset(key.name for key in COMMON) | {"type"}


def own_parameters(values: Mapping[str, Any]) -> dict[str, Any]:
    """What remains of a check's mapping without the common keys: the parameters of its type."""
    return {key: value for key, value in values.items() if key not in _NAMES}


def common_problems(values: Mapping[str, Any], keys: tuple[Parameter, ...]) -> Iterator[Problem]:
    """What is wrong with those of `keys` that a check's mapping has."""
    for key in keys:
        if key.name in values and (broken := violation(key.schema, values[key.name])):
            yield Problem((key.name,), f"`{key.name}` is not usable: {broken}")


def spec_of(values: Mapping[str, Any], name: str, params: Mapping[str, Any]) -> CheckSpec:
    """The check a mapping without problems declares."""
    threshold = values.get("threshold")
    return CheckSpec(
        type=values["type"],
        name=name,
        critical=values.get("critical") is True,
        params=params,
        weight=float(values.get("weight", 1)),
        threshold=None if threshold is None else float(threshold),
        negate=values.get("not") is True,
    )
