"""What a check is: its declaration, the answer it sees, what it says, how it is described."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from core.errors import InvalidError


class CheckError(InvalidError):
    """The check cannot be evaluated."""

    code = "check_not_evaluated"


@dataclass(frozen=True, slots=True)
class Answer:
    """One answer of a model. Times are milliseconds; None means the server did not report it."""

    text: str
    finish_reason: str | None
    ttft_ms: float | None
    total_ms: float
    prompt_tokens: int | None
    completion_tokens: int | None


@dataclass(frozen=True, slots=True)
class CheckSpec:
    """A check as a suite declares it. `params` holds only what differs from the check's defaults.

    `name` is unique among the checks of a case.
    """

    type: str
    name: str
    critical: bool
    params: Mapping[str, Any]

    def to_json(self) -> dict[str, Any]:
        """A JSON object that `from_json` reads back to an equal value."""
        return {
            "type": self.type,
            "name": self.name,
            "critical": self.critical,
            "params": dict(self.params),
        }

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> CheckSpec:
        """Read what `to_json` wrote."""
        return cls(data["type"], data["name"], data["critical"], dict(data["params"]))


@dataclass(frozen=True, slots=True)
class CheckOutcome:
    """What one check said about one answer; `detail` is a sentence for people."""

    name: str
    type: str
    passed: bool
    critical: bool
    detail: str


@dataclass(frozen=True, slots=True)
class Observation:
    """The part of an outcome that the check itself decides."""

    passed: bool
    detail: str


@dataclass(frozen=True, slots=True)
class Problem:
    """Something wrong with a check's parameters. `pointer` leads to it from the check's mapping."""

    pointer: tuple[str | int, ...]
    message: str
    hint: str = ""
    is_error: bool = True


@dataclass(frozen=True, slots=True)
class Parameter:
    """One key a check takes. `schema` is JSON Schema; a parameter that is left out is `default`."""

    name: str
    schema: Mapping[str, Any]
    description: str
    default: Any = None
    required: bool = False


def no_problems(_params: Mapping[str, Any]) -> Iterator[Problem]:
    """For checks whose parameters need no rule beyond their schemas."""
    return iter(())


def nothing_to_prepare(_params: Mapping[str, Any], _expected: Any) -> None:
    """For checks that do not look at the case's `expected`."""


@dataclass(frozen=True, slots=True)
class CheckType:
    """One kind of check: what the registry in `checks/__init__.py` holds.

    `params` in all three functions has the defaults filled in.
    `problems(params)` says what the parameter schemas cannot.
    `prepare(params, expected)` raises CheckError when no answer to such a case could be checked.
    `evaluate(params, answer, expected)` judges, or raises CheckError.
    """

    type: str
    documentation: str
    parameters: tuple[Parameter, ...]
    evaluate: Callable[[Mapping[str, Any], Answer, Any], Observation]
    problems: Callable[[Mapping[str, Any]], Iterator[Problem]] = no_problems
    prepare: Callable[[Mapping[str, Any], Any], object] = nothing_to_prepare

    def filled(self, params: Mapping[str, Any]) -> dict[str, Any]:
        """`params` with every default in place."""
        return {p.name: p.default for p in self.parameters} | dict(params)


@dataclass(frozen=True, slots=True)
class CheckDoc:
    """One section of the reference page on checks. `summary` is Markdown."""

    type: str
    summary: str
    parameters: tuple[Parameter, ...]
