"""What can be said of any check from its declaration: is it used rightly, what does it see."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

from evals.domain.checks.spec import (
    Answer,
    CheckError,
    CheckSpec,
    CheckType,
    Observation,
    Problem,
)
from evals.domain.json_schema import violation


def known_type(types: Mapping[str, CheckType], check_type: str) -> CheckType:
    """The declaration; CheckError when there is no such check."""
    if check_type not in types:
        known = ", ".join(types)
        raise CheckError(f"there is no check {check_type!r}", hint=f"the checks are {known}")
    return types[check_type]


def type_problems(check: CheckType, params: Mapping[str, Any]) -> Iterator[Problem]:
    """Everything wrong with the parameters of a check."""
    allowed = {parameter.name: parameter for parameter in check.parameters}
    takes = f"it takes {', '.join(allowed)}" if allowed else "it takes none"
    wrong = [
        Problem((name,), f"{check.type} has no parameter `{name}`", takes)
        for name in params
        if name not in allowed
    ]
    for name, parameter in allowed.items():
        if name not in params:
            if parameter.required:
                wrong.append(Problem((), f"{check.type} needs `{name}`"))
        elif broken := violation(parameter.schema, params[name]):
            wrong.append(Problem((name,), f"`{name}` is not usable: {broken}"))
    yield from wrong or check.problems(check.filled(params))


@contextmanager
def holes_reported(spec: CheckSpec) -> Iterator[None]:
    """A hole in a check costs this case its verdict, not the run, and never looks like a pass."""
    try:
        yield
    except (ArithmeticError, LookupError, RecursionError, TypeError, ValueError) as error:
        message = f"check {spec.name} broke on this answer: {type(error).__name__}"
        raise CheckError(message) from error


def observe(check: CheckType, spec: CheckSpec, answer: Answer, expected: Any) -> Observation:
    """What `check` sees in the answer with the parameters of `spec`. Raises CheckError only."""
    with holes_reported(spec):
        return check.evaluate(check.filled(spec.params), answer, expected)
