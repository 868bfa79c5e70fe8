"""What Langfuse is told about an answer. Pure; written and read as lines of JSON."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from hashlib import sha256
from typing import Any, Literal

ScoreKind = Literal["NUMERIC", "BOOLEAN", "CATEGORICAL"]


@dataclass(frozen=True, slots=True)
class Destination:
    """Where traces go. `request_seconds` is the patience with one request."""

    base_url: str
    public_key: str
    secret_key: str
    request_seconds: int

    def __repr__(self) -> str:
        """Without the keys."""
        return f"Destination({self.base_url!r})"


@dataclass(frozen=True, slots=True)
class Score:
    """One figure about an answer: NUMERIC 0 to 1, BOOLEAN 0 or 1, CATEGORICAL a word."""

    name: str
    kind: ScoreKind
    value: float | str
    comment: str = ""


@dataclass(frozen=True, slots=True)
class Trace:
    """One answer. Times are nanoseconds since 1970, None where none was measured.

    `seed` says which answer it is: everything with the same seed is one trace at Langfuse, however
    often it is sent. `error` is empty for an answer that was judged. Tokens and cost (USD) are
    None for an answer that nobody paid for.
    """

    seed: str
    name: str
    session: str
    prompt: str
    version: int
    model: str
    input: Any
    output: str
    started: int
    ended: int
    first_token: int | None
    parameters: Mapping[str, Any]
    prompt_tokens: int | None
    completion_tokens: int | None
    cost_usd: Mapping[str, float] | None
    error: str
    tags: tuple[str, ...]
    metadata: Mapping[str, Any]
    scores: tuple[Score, ...]

    @property
    def trace_id(self) -> str:
        """32 hex digits."""
        return sha256(self.seed.encode()).hexdigest()[:32]

    @property
    def answer_id(self) -> str:
        """16 hex digits: the answer inside the trace."""
        return sha256(f"{self.seed}\nanswer".encode()).hexdigest()[:16]

    def score_id(self, score: Score) -> str:
        """Of one score: sending it again replaces it."""
        return sha256(f"{self.seed}\n{score.kind} {score.name}".encode()).hexdigest()[:32]

    def to_line(self) -> str:
        """One line of JSON; text that is no Unicode is escaped."""
        return json.dumps(asdict(self))

    @classmethod
    def from_line(cls, line: str | bytes) -> Trace:
        """What `to_line` wrote."""
        values = json.loads(line)
        values["tags"] = tuple(values["tags"])
        values["scores"] = tuple(Score(**score) for score in values["scores"])
        return cls(**values)
