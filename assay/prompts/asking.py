"""Ask the registry for lines, as steps without IO."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from http import HTTPStatus
from typing import Any

from assay.errors import AnswerNotUnderstoodError, AssayApiError
from assay.problems import problem, redirected, unreachable
from assay.prompts.cache import MOST_ITEMS, Cache, RegistryBehindError
from assay.prompts.effects import Answered, Ask, Steps, Unanswered, Wait
from assay.prompts.lines import Held, Line, Question
from assay.prompts.pace import Pace
from assay.prompts.values import Prompt
from core.errors import AssayError

#: A registry process hears of a move within 40 ms; who asks another first waits for it so often.
_MOST_LAGS = 4
_LINES_AT_ONCE = MOST_ITEMS // 2

Trouble = AssayApiError | AssayError


@dataclass(slots=True)
class Asking:
    """Who is asked, and what they said last."""

    url: str
    cache: Cache
    pace: Pace
    #: Seconds since 1970, for ages; and seconds that never jump, for waits.
    clock: Callable[[], float]
    steady: Callable[[], float]
    warn: Callable[[str], None]
    _resting_until: float = field(default=0.0)
    _failures: int = field(default=0)
    _trouble: str = field(default="")

    def get(self, question: Question, fallback: Prompt | None = None) -> Steps[Prompt]:
        """One lookup: from memory, else from the registry, else from disk, else `fallback`.

        Raises AssayApiError, AnswerNotUnderstoodError, RegistryBehindError: only without a fallback
        and for what no good answer was ever held for.
        """
        found = self.cache.find(question, self.clock())
        if found is not None and self.cache.is_confirmed(question.line):
            return found
        if self.is_resting and (found or fallback):
            return found or fallback  # type: ignore[return-value] # one of them is there
        try:
            return (yield from self._from_network(question))
        except (AssayApiError, AssayError) as error:
            found = self.cache.find(question, self.clock()) or fallback
            if found is None:
                raise
            self.tell(error)
            return found

    def _from_network(self, question: Question) -> Steps[Prompt]:
        [said] = yield from self.ask([question.line], _MOST_LAGS)
        found = self.cache.find(question, self.clock(), "network")
        if found is not None:
            return found
        refusal = said.record(question).problem or {}
        raise problem(int(refusal.get("status", HTTPStatus.NOT_FOUND)), refusal)

    @property
    def is_resting(self) -> bool:
        """Whether the registry did not answer a moment ago: who can do without does not wait."""
        return self.steady() < self._resting_until

    def ask(self, lines: Sequence[Line], most_lags: int = 0) -> Steps[tuple[Held, ...]]:
        """Ask for lines; again, `most_lags` times, when the answer is older than what is known.

        Raises AssayApiError, AnswerNotUnderstoodError, RegistryBehindError.
        """
        for tries in range(most_lags + 1):
            answer = yield Ask(self.cache.batch(lines))
            try:
                said = self.cache.take(lines, self._content(answer), self.clock())
            except RegistryBehindError:
                if tries == most_lags:
                    raise
            else:
                self._resting_until, self._failures, self._trouble = 0.0, 0, ""
                return said
            yield Wait(self.pace.lag(tries))
        raise AssertionError

    def ask_in_parts(self, lines: Sequence[Line]) -> Steps[int]:
        """As `ask`, for any number of lines; the oldest revision of the answers, 0 for none."""
        revisions = []
        for at in range(0, len(lines), _LINES_AT_ONCE):
            said = yield from self.ask(lines[at : at + _LINES_AT_ONCE])
            revisions.append(said[0].revision)
        return min(revisions, default=0)

    def tell(self, error: Trouble) -> None:
        """Warn of it, once until the registry answers again."""
        if error.message != self._trouble:
            self._trouble = error.message
            self.warn(f"prompts are served as they were last known: {error.message}")

    def _rest(self) -> None:
        self._resting_until = self.steady() + self.pace.rest(self._failures)
        self._failures += 1

    def _content(self, answer: Answered | Unanswered) -> Any:
        """The JSON of a good answer. Raises AssayApiError, AnswerNotUnderstoodError."""
        if isinstance(answer, Unanswered):
            self._rest()
            raise unreachable(self.url, answer.reason)
        if HTTPStatus.MULTIPLE_CHOICES <= answer.status < HTTPStatus.BAD_REQUEST:
            raise redirected(self.url, answer.status, answer.headers.get("location", ""))
        content = _json(answer.content)
        if answer.status != HTTPStatus.OK:
            if answer.status >= HTTPStatus.INTERNAL_SERVER_ERROR:
                self._rest()
            raise problem(answer.status, content)
        if content is None:
            raise AnswerNotUnderstoodError(f"{self.url} did not answer with JSON")
        return content


def _json(content: bytes) -> Any:
    try:
        return json.loads(content)
    except (ValueError, RecursionError):
        return None
