"""The checks of a suite: one file each, pure.

A new check is one file with a `CHECK` and one line in `_ALL`; its reference page is its docstring.
"""

from __future__ import annotations

import inspect
from collections.abc import Iterator, Mapping
from dataclasses import replace
from typing import Any

from evals.domain.checks import (
    all_of,
    any_of,
    bleu,
    contains,
    embedding_similarity,
    exact,
    icontains,
    json,
    judge,
    latency,
    levenshtein,
    max_cost,
    max_tokens,
    numeric,
    one_of,
    pairwise,
    refusal,
    regex,
    rouge,
    similarity,
    starts_with,
)
from evals.domain.checks.declaration import holes_reported, known_type, observe, type_problems
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

_ALL: tuple[CheckType, ...] = (
    exact.CHECK,
    contains.CHECK,
    icontains.CHECK,
    starts_with.CHECK,
    regex.CHECK,
    one_of.CHECK,
    numeric.CHECK,
    json.CHECK,
    levenshtein.CHECK,
    similarity.CHECK,
    rouge.CHECK,
    bleu.CHECK,
    embedding_similarity.CHECK,
    judge.CHECK,
    pairwise.CHECK,
    refusal.CHECK,
    max_tokens.CHECK,
    max_cost.CHECK,
    latency.CHECK,
)
_BY_TYPE: dict[str, CheckType] = {check.type: check for check in _ALL}
# These two hold checks of every type, each other included: they look it up when they run.
_BY_TYPE |= {check.type: check for check in (any_of.declare(_BY_TYPE), all_of.declare(_BY_TYPE))}

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
        for check in _BY_TYPE.values()
    )


def parameter_problems(check_type: str, params: Mapping[str, Any]) -> Iterator[Problem]:
    """Everything wrong with the parameters of a check. Raises CheckError for an unknown check."""
    yield from type_problems(known_type(_BY_TYPE, check_type), params)


def without_defaults(check_type: str, params: Mapping[str, Any]) -> dict[str, Any]:
    """`params` less those that say what is so anyway.

    They stay out of the digest, so a parameter that a later release adds expires no certificate.
    """
    defaults = known_type(_BY_TYPE, check_type).filled({})
    return {k: v for k, v in params.items() if k not in defaults or v != defaults[k]}


def expectation_problem(spec: CheckSpec, expected: Any) -> str | None:
    """Why no answer to a case with this `expected` could be checked by `spec`, or None."""
    check = known_type(_BY_TYPE, spec.type)
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


def _outcome(spec: CheckSpec, seen: Observation, answer: Answer) -> CheckOutcome:
    outcome = outcome_of(spec, seen, known_type(_BY_TYPE, spec.type).threshold)
    ending = _ending(answer.finish_reason)
    return replace(outcome, detail=outcome.detail + ending) if ending else outcome


def run_check(spec: CheckSpec, answer: Answer, expected: Any) -> CheckOutcome:
    """Judge one answer. `expected` is the case's, None when it has none.

    Raises CheckError when the check is unknown, asks a model first (`conclude_check` judges those)
    or cannot be evaluated: the case is then an error, never a pass.
    """
    check = known_type(_BY_TYPE, spec.type)
    return _outcome(spec, observe(check, spec, answer, expected), answer)


def is_remote(check_type: str) -> bool:
    """Whether checks of this type ask a model before they judge. CheckError when unknown."""
    return known_type(_BY_TYPE, check_type).is_remote


def questions_of(spec: CheckSpec, subject: Subject) -> tuple[Question, ...]:
    """What a remote check asks about one answer; may be nothing. CheckError when it cannot ask."""
    check = known_type(_BY_TYPE, spec.type)
    if check.questions is None:
        raise CheckError(f"check {spec.name} asks nobody")
    with holes_reported(spec):
        return check.questions(check.filled(spec.params), subject)


def conclude_check(spec: CheckSpec, subject: Subject, replies: Mapping[str, Reply]) -> CheckOutcome:
    """Judge with the replies to all of `questions_of`, by key. CheckError as in `run_check`."""
    check = known_type(_BY_TYPE, spec.type)
    if check.conclude is None:
        raise CheckError(f"check {spec.name} asks nobody")
    with holes_reported(spec):
        seen = check.conclude(check.filled(spec.params), subject, replies)
    return _outcome(spec, seen, subject.answer)
