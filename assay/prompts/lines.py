"""What is kept of one prompt: immutable, replaced as a whole, so a reader never sees half of it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any, NamedTuple

from assay.answers import ServedPrompt
from assay.errors import AnswerNotUnderstoodError
from assay.reading import read
from registry.domain.canary_arm import Canary, is_on_canary

STABLE, CANARY = "stable", "canary"
_OK, _NOT_MODIFIED = 200, 304


class Line(NamedTuple):
    """What is asked together, so that it is of one moment.

    `asked` is a version's number or a tag. `stable` stands for the canary too: whose key is on
    which arm can be told only by somebody who has both.
    """

    name: str
    asked: str | int

    @property
    def questions(self) -> tuple[str | int, ...]:
        """The tags or the number, as a batch asks for them."""
        return (STABLE, CANARY) if self.asked == STABLE else (self.asked,)


class Question(NamedTuple):
    """One lookup of an application. `asked` is a tag or a version's number."""

    name: str
    asked: str | int = STABLE
    key: str = ""

    @property
    def line(self) -> Line:
        """Where its answer is kept."""
        return Line(self.name, STABLE if self.asked == CANARY else self.asked)


@dataclass(frozen=True)
class Record:
    """The last answer to one question, and what is wrong with it since.

    `body` is None while there was no good answer; `problem` is the registry's last refusal
    (problem+json), None when it did not refuse.
    """

    body: Mapping[str, Any] | None
    etag: str
    problem: Mapping[str, Any] | None = None

    @cached_property
    def served(self) -> ServedPrompt | None:
        """The answer. Raises AnswerNotUnderstoodError."""
        if self.body is None:
            return None
        served = read(ServedPrompt, self.body)
        if self.problem is None:
            return served
        said = f"the registry refuses it by now: {self.problem.get('detail', 'no reason given')}"
        return replace(served, warnings=(*served.warnings, said))

    @cached_property
    def canary(self) -> Canary | None:
        """Whom keys are drawn for; None when this is no canary's answer."""
        served = self.served
        if served is None or served.arm != CANARY or not served.weight:
            return None
        model = served.model.digest if served.model else ""
        return Canary(served.name, served.version, served.digest, model)


@dataclass(frozen=True)
class Held:
    """A line's answers, in the order of its questions.

    `revision` is the registry's when they were first given, `at` the time (seconds since 1970), and
    `incarnation` that of its database: a greater one is a later one, empty an unknown one.
    """

    line: Line
    revision: int
    at: float
    records: tuple[Record, ...]
    incarnation: str = ""

    @property
    def stand(self) -> tuple[str, int]:
        """What tells the newer of two."""
        return self.incarnation, self.revision

    @property
    def is_seen(self) -> bool:
        """Whether there is anything to serve."""
        return any(record.body is not None for record in self.records)

    def record(self, question: Question) -> Record:
        """The record that answers a question of this line, by the draw of the registry itself."""
        if self.line.asked != STABLE:
            return self.records[0]
        stable, canary = self.records
        if question.asked == CANARY:
            return canary
        # The registry draws only where a stable version is the alternative.
        arm = canary.canary if stable.body is not None and question.key else None
        weight = canary.served.weight if arm and canary.served else None
        return canary if arm and weight and is_on_canary(arm, question.key, weight) else stable


def items_for(line: Line, held: Held | None) -> list[dict[str, Any]]:
    """The line's part of a batch; what is held is asked for only if it changed."""
    items: list[dict[str, Any]] = []
    for at, asked in enumerate(line.questions):
        item: dict[str, Any] = {"name": line.name}
        item["version" if isinstance(asked, int) else "tag"] = asked
        if held is not None and held.records[at].body is not None:
            item["if_none_match"] = held.records[at].etag
        items.append(item)
    return items


def taken(
    line: Line,
    held: Held | None,
    answers: Sequence[Any],
    incarnation: str,
    revision: int,
    now: float,
) -> Held:
    """The line after an answer to `items_for`. Raises AnswerNotUnderstoodError."""
    before = held.records if held else (None,) * len(line.questions)
    records = tuple(_record(old, given) for old, given in zip(before, answers, strict=True))
    return Held(line, revision, now, records, incarnation)


def _record(old: Record | None, given: Any) -> Record:
    status = given.get("status") if isinstance(given, dict) else None
    if status == _OK and isinstance(given.get("prompt"), dict):
        fresh = Record(given["prompt"], str(given.get("etag", "")))
        try:
            _ = fresh.served  # understood before it is kept
        except AnswerNotUnderstoodError as error:
            # One prompt that a newer registry tells otherwise must not keep the others from fresh.
            given = {"status": 502, "problem": {"status": 502, "detail": error.message}}
        else:
            return fresh
    if status == _NOT_MODIFIED and old is not None and old.body is not None:
        return old if old.problem is None else replace(old, problem=None)
    if isinstance(given, dict) and isinstance(given.get("problem"), dict):
        # A good answer stays: the application has seen this prompt and goes on with it.
        return Record(old.body if old else None, old.etag if old else "", given["problem"])
    raise AnswerNotUnderstoodError("a batch's answer has an item that is none")
