"""Scores as the SDKs post them, checked one by one: one that is wrong costs only itself."""

from __future__ import annotations

import math
import uuid
from dataclasses import dataclass, field
from typing import Any

from core.errors import InvalidError
from registry.dialects.langfuse.otlp import is_id
from registry.domain.names import MAX_VERSION, UNSTORABLE
from registry.models import Outcome
from registry.outcomes import Score, Use

MAX_SCORES = 1_000
_LONGEST = {"id": 100, "name": 100, "traceId": 64, "observationId": 64}
_LONGEST_WORDS = 500
_NUMBERS = frozenset({"NUMERIC", "BOOLEAN"})


class ScoreInvalidError(InvalidError):
    """This is no score."""

    code = "score_invalid"


@dataclass
class Events:
    """What a batch says, and by event id what is wrong with it."""

    scores: list[Score] = field(default_factory=list)
    uses: list[Use] = field(default_factory=list)
    accepted: list[str] = field(default_factory=list)
    refused: list[tuple[str, str]] = field(default_factory=list)


def score(given: Any) -> Score | None:
    """One score; None for one that is about no trace, which no prompt can be found for.

    Raises ScoreInvalidError.
    """
    if not isinstance(given, dict):
        raise ScoreInvalidError("a score is an object")
    texts = {key: _text(given, key) for key in _LONGEST}
    if not texts["name"]:
        raise ScoreInvalidError("a score has a name")
    kind, value, words = _value(given.get("dataType"), given.get("value"))
    trace, span = texts["traceId"].lower(), texts["observationId"].lower()
    made = Score(texts["id"] or str(uuid.uuid4()), texts["name"], kind, value, words, trace, span)
    return made if trace else None


def _text(given: dict[str, Any], key: str) -> str:
    value = given.get(key)
    if value is None:
        return ""
    if not isinstance(value, str) or len(value) > _LONGEST[key] or UNSTORABLE.search(value):
        raise ScoreInvalidError(f"{key} is a text of at most {_LONGEST[key]} characters")
    return value


def _value(kind: Any, value: Any) -> tuple[str, float | None, str]:
    """`(kind, number, words)`."""
    is_number = isinstance(value, int | float)
    kind = kind or ("NUMERIC" if is_number else "CATEGORICAL")
    if kind not in Outcome.Kind.values:
        raise ScoreInvalidError(f"dataType {str(kind)[:40]!r} is not known")
    if is_number and math.isfinite(value) and abs(value) < 1e300:
        if kind == "BOOLEAN" and value not in (0, 1):
            raise ScoreInvalidError("a BOOLEAN is 0 or 1")
        return kind, float(value), ""
    if not isinstance(value, str) or kind in _NUMBERS or UNSTORABLE.search(value):
        raise ScoreInvalidError(f"this is no value of dataType {kind}")
    return kind, None, value[:_LONGEST_WORDS]


def batch(given: Any) -> Events:
    """`{"batch": [{"id", "type", "body"}]}`: scores, and generations that name their prompt.

    Everything else is accepted and dropped. Raises ScoreInvalidError for what is no batch.
    """
    events = given.get("batch") if isinstance(given, dict) else None
    if not isinstance(events, list) or len(events) > MAX_SCORES:
        raise ScoreInvalidError(f"batch is a list of at most {MAX_SCORES:,} events")
    found = Events()
    for event in events:
        said = event if isinstance(event, dict) else {}
        id_ = said.get("id") if isinstance(said.get("id"), str) else ""
        try:
            _read(said, found)
        except ScoreInvalidError as error:
            found.refused.append((str(id_), error.message))
        else:
            found.accepted.append(str(id_))
    return found


def _read(event: dict[str, Any], found: Events) -> None:
    kind, said = event.get("type"), event.get("body")
    if kind == "score-create":
        made = score(said)
        found.scores += [made] if made else []
    elif isinstance(said, dict):
        found.uses += _use(said)


def _use(said: dict[str, Any]) -> list[Use]:
    """The prompt a generation names, as the SDKs of 2.x do."""
    name, version = said.get("promptName"), said.get("promptVersion")
    trace, span = said.get("traceId"), said.get("id")
    if not isinstance(name, str) or UNSTORABLE.search(name):
        return []
    if not isinstance(version, int) or not 0 < version < MAX_VERSION:
        return []
    if not is_id(trace) or not is_id(span):
        return []
    return [Use(trace.lower(), span.lower(), name, version)]
