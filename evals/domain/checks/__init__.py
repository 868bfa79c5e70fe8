"""The checks of a suite: one file each, pure.

A new check is one file with a `CHECK` and one line in `_ALL`; its reference page is its docstring.
"""

from __future__ import annotations

import inspect
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import replace
from typing import Any

from evals.domain.checks import contains, exact, json, latency, regex
from evals.domain.checks.remote import Question, Reply, Subject
from evals.domain.checks.spec import (
    Answer,
    CheckDoc,
    CheckError,
    CheckOutcome,
    CheckSpec,
    CheckType,
    Observation,
    Parameter,
    Problem,
)
from evals.domain.checks.weighing import outcome_of
from evals.domain.json_schema import violation

__all__ = [
    "SEMANTICS",
    "Answer",
    "CheckDoc",
    "CheckError",
    "CheckOutcome",
    "CheckSpec",
    "Parameter",
    "Problem",
    "Question",
    "Reply",
    "Subject",
    "check_types",
    "conclude_check",
    "describe",
    "expectation_problem",
    "is_remote",
    "parameter_problems",
    "questions_of",
    "run_check",
    "without_defaults",
]

_ALL = (exact.CHECK, contains.CHECK, regex.CHECK, json.CHECK, latency.CHECK)
_BY_TYPE: dict[str, CheckType] = {check.type: check for check in _ALL}

#: Part of every suite digest. Raise it when a check starts to judge the same answer differently:
#: certificates given under the old meaning then expire.
SEMANTICS = 1

#: Reasons to stop that need no remark; "" and None come from servers that report none.
_ORDINARY_STOPS = {None, "", "stop", "eos", "stop_sequence"}


def check_types() -> tuple[str, ...]:
    """The names a suite may use as `type`."""
    return tuple(_BY_TYPE)


def describe() -> tuple[CheckDoc, ...]:
    """What every check is and takes, from its docstring: the source of the reference page."""
    return tuple(
        CheckDoc(check.type, inspect.cleandoc(check.documentation), check.parameters)
        for check in _ALL
    )


def _known(check_type: str) -> CheckType:
    if check_type not in _BY_TYPE:
        known = ", ".join(_BY_TYPE)
        raise CheckError(f"there is no check {check_type!r}", hint=f"the checks are {known}")
    return _BY_TYPE[check_type]


def parameter_problems(check_type: str, params: Mapping[str, Any]) -> Iterator[Problem]:
    """Everything wrong with the parameters of a check. Raises CheckError for an unknown check."""
    check = _known(check_type)
    allowed = {parameter.name: parameter for parameter in check.parameters}
    wrong = [
        Problem(
            (name,), f"{check_type} has no parameter `{name}`", f"it takes {', '.join(allowed)}"
        )
        for name in params
        if name not in allowed
    ]
    for name, parameter in allowed.items():
        if name not in params:
            if parameter.required:
                wrong.append(Problem((), f"{check_type} needs `{name}`"))
        elif broken := violation(parameter.schema, params[name]):
            wrong.append(Problem((name,), f"`{name}` is not usable: {broken}"))
    yield from wrong or check.problems(check.filled(params))


def without_defaults(check_type: str, params: Mapping[str, Any]) -> dict[str, Any]:
    """`params` less those that say what is so anyway.

    They stay out of the digest, so a parameter that a later release adds expires no certificate.
    """
    defaults = _known(check_type).filled({})
    return {k: v for k, v in params.items() if k not in defaults or v != defaults[k]}


def expectation_problem(spec: CheckSpec, expected: Any) -> str | None:
    """Why no answer to a case with this `expected` could be checked by `spec`, or None."""
    check = _known(spec.type)
    try:
        check.prepare(check.filled(spec.params), expected)
    except CheckError as error:
        return error.message
    return None


def _ending(finish_reason: str | None) -> str:
    """What the reader must know about how the answer ended; empty for an ordinary end."""
    if finish_reason == "length":
        return "; the answer was cut off at its token limit"
    return "" if finish_reason in _ORDINARY_STOPS else f"; the answer ended with {finish_reason!r}"


@contextmanager
def _holes_reported(spec: CheckSpec) -> Iterator[None]:
    """A hole in a check costs this case its verdict, not the run, and never looks like a pass."""
    try:
        yield
    except (ArithmeticError, LookupError, RecursionError, TypeError, ValueError) as error:
        message = f"check {spec.name} broke on this answer: {type(error).__name__}"
        raise CheckError(message) from error


def _outcome(spec: CheckSpec, seen: Observation, answer: Answer) -> CheckOutcome:
    outcome = outcome_of(spec, seen, _known(spec.type).threshold)
    return replace(outcome, detail=outcome.detail + _ending(answer.finish_reason))


def run_check(spec: CheckSpec, answer: Answer, expected: Any) -> CheckOutcome:
    """Judge one answer. `expected` is the case's, None when it has none.

    Raises CheckError when the check is unknown, asks a model first (`conclude_check` judges those)
    or cannot be evaluated: the case is then an error, never a pass.
    """
    check = _known(spec.type)
    with _holes_reported(spec):
        seen = check.evaluate(check.filled(spec.params), answer, expected)
    return _outcome(spec, seen, answer)


def is_remote(check_type: str) -> bool:
    """Whether checks of this type ask a model before they judge. CheckError when unknown."""
    return _known(check_type).is_remote


def questions_of(spec: CheckSpec, subject: Subject) -> tuple[Question, ...]:
    """What a remote check asks about one answer; may be nothing. CheckError when it cannot ask."""
    check = _known(spec.type)
    if check.questions is None:
        raise CheckError(f"check {spec.name} asks nobody")
    with _holes_reported(spec):
        return check.questions(check.filled(spec.params), subject)


def conclude_check(spec: CheckSpec, subject: Subject, replies: Mapping[str, Reply]) -> CheckOutcome:
    """Judge with the replies to all of `questions_of`, by key. CheckError as in `run_check`."""
    check = _known(spec.type)
    if check.conclude is None:
        raise CheckError(f"check {spec.name} asks nobody")
    with _holes_reported(spec):
        seen = check.conclude(check.filled(spec.params), subject, replies)
    return _outcome(spec, seen, subject.answer)
