"""What a check is: its declaration, the answer it sees, what it says, how it is described."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from core.errors import InvalidError

if TYPE_CHECKING:  # remote.py is built on this file
    from evals.domain.checks.remote import Question, Reply, Subject


#: Stands for a score that was left out: 1 or 0, as the check passed or not.
AS_PASSED = -1.0


class CheckError(InvalidError):
    """The check cannot be evaluated."""

    code = "check_not_evaluated"


@dataclass(frozen=True, slots=True)
class Answer:
    """One answer of a model. Times are milliseconds; None means the server did not report it.

    `cost_usd` is None when the model has no prices or the tokens were not counted.
    """

    text: str
    finish_reason: str | None
    ttft_ms: float | None
    total_ms: float
    prompt_tokens: int | None
    completion_tokens: int | None
    cost_usd: float | None = None


@dataclass(frozen=True, slots=True)
class CheckSpec:
    """A check as a suite declares it. `params` holds only what differs from the check's defaults.

    `name` is unique among the checks of a case. `weight` is this check's share of the case's score;
    0 means it is recorded and decides nothing. `threshold` is the least score that passes, None
    leaves that to the check. `negate` (`not` in a suite) turns the verdict and the score around.
    """

    type: str
    name: str
    critical: bool
    params: Mapping[str, Any]
    weight: float = 1.0
    threshold: float | None = None
    negate: bool = False

    def to_json(self) -> dict[str, Any]:
        """A JSON object that `from_json` reads back to an equal value.

        Keys added after the first release appear only when they say something: digests of suites
        that do not use them stay what they were.
        """
        body: dict[str, Any] = {
            "type": self.type,
            "name": self.name,
            "critical": self.critical,
            "params": dict(self.params),
        }
        if self.weight != 1.0:
            body["weight"] = self.weight
        if self.threshold is not None:
            body["threshold"] = self.threshold
        return body | ({"not": True} if self.negate else {})

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> CheckSpec:
        """Read what `to_json` wrote."""
        return cls(
            type=data["type"],
            name=data["name"],
            critical=data["critical"],
            params=dict(data["params"]),
            weight=data.get("weight", 1.0),
            threshold=data.get("threshold"),
            negate=data.get("not", False),
        )


@dataclass(frozen=True, slots=True)
class CheckOutcome:
    """What one check said about one answer; `detail` is a sentence for people.

    `score` is from 0 to 1; a check that only passes or fails scores 1 or 0. `samples` are the
    scores of single judgements, where several make up the outcome.
    """

    name: str
    type: str
    passed: bool
    critical: bool
    detail: str
    score: float = AS_PASSED
    weight: float = 1.0
    samples: tuple[float, ...] = ()

    def __post_init__(self) -> None:
        """Give an outcome without a score the one its verdict says."""
        if self.score == AS_PASSED:
            object.__setattr__(self, "score", float(self.passed))


@dataclass(frozen=True, slots=True)
class Observation:
    """The part of an outcome that the check itself decides. `score` is from 0 to 1, and so are the
    `samples` of a judge that was asked for several verdicts.
    """

    passed: bool
    detail: str
    score: float = AS_PASSED
    samples: tuple[float, ...] = ()

    def __post_init__(self) -> None:
        """Give an observation without a score the one its verdict says."""
        if self.score == AS_PASSED:
            object.__setattr__(self, "score", float(self.passed))


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


def not_local(_params: Mapping[str, Any], _answer: Answer, _expected: Any) -> Observation:
    """For checks that must ask a model first."""
    raise CheckError("this check asks a model; it cannot be judged from the answer alone")


@dataclass(frozen=True, slots=True)
class CheckType:
    """One kind of check: what the registry in `checks/__init__.py` holds.

    `params` in all functions has the defaults filled in.
    `problems(params)` says what the parameter schemas cannot.
    `prepare(params, expected)` raises CheckError when no answer to such a case could be checked.
    `evaluate(params, answer, expected)` judges, or raises CheckError.
    `threshold` is the least score that passes when the suite says none; None: `evaluate` decides.
    A remote type leaves out `evaluate` and has `questions(params, subject)`, what to ask models
    (nothing when a look at the answer decides), and `conclude(params, subject, replies)`, which
    judges with the reply to each question's key, or raises CheckError. Both are pure.
    """

    type: str
    documentation: str
    parameters: tuple[Parameter, ...]
    evaluate: Callable[[Mapping[str, Any], Answer, Any], Observation] = not_local
    problems: Callable[[Mapping[str, Any]], Iterator[Problem]] = no_problems
    prepare: Callable[[Mapping[str, Any], Any], object] = nothing_to_prepare
    threshold: float | None = None
    questions: Callable[[Mapping[str, Any], Subject], tuple[Question, ...]] | None = None
    conclude: Callable[[Mapping[str, Any], Subject, Mapping[str, Reply]], Observation] | None = None

    @property
    def is_remote(self) -> bool:
        """Whether models are asked before it can judge."""
        return self.questions is not None

    def filled(self, params: Mapping[str, Any]) -> dict[str, Any]:
        """`params` with every default in place."""
        return {p.name: p.default for p in self.parameters} | dict(params)


@dataclass(frozen=True, slots=True)
class CheckDoc:
    """One section of the reference page on checks. `summary` is Markdown."""

    type: str
    summary: str
    parameters: tuple[Parameter, ...]
