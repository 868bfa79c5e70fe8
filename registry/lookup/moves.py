"""Every move of every tag, in the order in which they were committed, read from the ledger.

A move takes its number (the registry's revision) and its row's id under one lock that it holds
until it is committed. So who has read up to an id has read every move there was until then, and
what comes later has a greater one.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from registry.lookup.loading import Cursor

#: As many are read at the beginning, and at once later.
MOST = 10_000
_MOVES = """
SELECT e.id, e.registry_revision, p.name, e.tag, e.kind, v.number, m.name, e.weight, e.sequence,
       e.created_at
  FROM registry_tagevent e
  JOIN registry_prompt p ON p.id = e.prompt_id
  LEFT JOIN registry_promptversion v ON v.id = e.version_id
  LEFT JOIN registry_modelversion m ON m.id = e.model_id
"""
_LATER = _MOVES + "WHERE e.id > %s ORDER BY e.id LIMIT %s"
_NEWEST = _MOVES + "ORDER BY e.id DESC LIMIT %s"
_SAME = "SELECT registry_revision, created_at FROM registry_tagevent WHERE id = %s"
_INCARNATION = "SELECT incarnation FROM registry_registrystate"


@dataclass(frozen=True, slots=True)
class Move:
    """One ledger entry. `version` None: the tag was cleared. `sequence` is the tag's revision."""

    revision: int
    prompt: str
    tag: str
    kind: str
    version: int | None
    model: str | None
    weight: int | None
    sequence: int
    at: datetime

    def to_json(self) -> dict[str, Any]:
        """The members that an entry of a prompt's history has, those that say what is live."""
        return {
            "prompt": self.prompt,
            "tag": self.tag,
            "kind": self.kind,
            "version": self.version,
            "model": self.model,
            "weight": self.weight,
            "revision": self.sequence,
            "registry_revision": self.revision,
            "at": self.at.astimezone(UTC).isoformat().replace("+00:00", "Z"),
        }


@dataclass(frozen=True, slots=True)
class History:
    """The newest moves of a ledger. Whoever knows revision `known_since` knows all before them."""

    incarnation: str
    moves: tuple[Move, ...]
    known_since: int


class Ledger:
    """How far a process has read. For one thread."""

    def __init__(self) -> None:
        """Nothing was read."""
        self._last_id = 0
        self._last: tuple[int, datetime] | None = None
        self.incarnation = ""

    def newest(self, cursor: Cursor) -> History:
        """Begin anew, with the newest `MOST` moves."""
        self.incarnation = _incarnation(cursor)
        cursor.execute(_NEWEST, [MOST])
        moves = self._read(cursor.fetchall()[::-1])
        if not moves:
            self._last_id, self._last = 0, None
        return History(self.incarnation, moves, moves[0].revision - 1 if len(moves) == MOST else 0)

    def later(self, cursor: Cursor) -> tuple[Move, ...]:
        """The moves since the last that was read, `MOST` at once: ask until there are none."""
        cursor.execute(_LATER, [self._last_id, MOST])
        return self._read(cursor.fetchall())

    def is_the_same(self, cursor: Cursor) -> bool:
        """Whether the last move that was read is still there, and so all before it.

        It is not after a rebuild, or when a backup was put back.
        """
        if _incarnation(cursor) != self.incarnation:
            return False
        cursor.execute(_SAME, [self._last_id])
        found = cursor.fetchall()
        return [self._last] == found if self._last is not None else not found

    def _read(self, rows: Sequence[Any]) -> tuple[Move, ...]:
        if rows:
            self._last_id, self._last = rows[-1][0], (rows[-1][1], rows[-1][-1])
        return tuple(Move(*row[1:]) for row in rows)


def _incarnation(cursor: Cursor) -> str:
    cursor.execute(_INCARNATION)
    [(incarnation,)] = cursor.fetchall()
    return str(incarnation)
