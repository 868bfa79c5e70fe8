"""What may be served: the state machine of the client. No IO but the disk it is given.

Guarantees, whatever order answers, events, errors and restarts come in:

* For each prompt the registry revision of what is served never decreases, across processes that
  share a disk as well: an answer older than what is held, or than any this client has accepted, is
  thrown away, and what is accepted is on disk before it is served. Another incarnation of the
  registry's database has revisions of its own: a later one is believed, an earlier one is older
  than anything.
* What was answered once is served for good; a refusal later is a warning in it, not an error.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple, Protocol

from assay.errors import AnswerNotUnderstoodError
from assay.prompts.lines import Held, Line, Question, items_for, taken
from assay.prompts.values import Prompt, Provenance, Source
from core.errors import UnavailableError

#: As many as the registry answers in one batch.
MOST_ITEMS = 500


class Disk(Protocol):
    """Where lines outlive the process."""

    def load(self, line: Line) -> Held | None:
        """What was kept last; None when there is nothing usable."""

    def keep(self, held: Held) -> None:
        """Keep it, unless what is there is newer. Never raises for a disk in trouble."""

    def clear(self) -> None:
        """Remove everything."""


class RegistryBehindError(UnavailableError):
    """The answer is older than one this client has accepted before."""

    code = "registry_behind"


class _Confirmed(NamedTuple):
    """When the registry last said what a line is, and as of which of its revisions."""

    at: float
    revision: int


class Cache:
    """Lines by name. Every method may be called from any thread. Times are seconds since 1970."""

    def __init__(self, disk: Disk | None = None, warn: Callable[[str], None] | None = None) -> None:
        """Nothing is held until it is looked for."""
        self.lock = threading.RLock()
        self._disk, self._warn, self._told = disk, warn, ""
        self._lines: dict[Line, Held] = {}
        self._confirmed: dict[Line, _Confirmed] = {}
        #: Lines that changed, and the registry revision an answer must have to know of it.
        self._dirty: dict[Line, int] = {}
        #: Of the registry's database, and the revision that nothing older than is accepted.
        self._incarnation, self._floor = "", 0
        self._heard: int | None = None
        self._live_at: float | None = None

    @property
    def heard(self) -> str | None:
        """The id of the event up to which every move is known here; None: that cannot be said."""
        with self.lock:
            if self._heard is None:
                return None
            return f"{self._heard}-{self._incarnation}" if self._incarnation else str(self._heard)

    def held(self) -> list[Line]:
        """Every line that is served from."""
        with self.lock:
            return list(self._lines)

    def dirty(self) -> list[Line]:
        """Lines that may not be what is live any more."""
        with self.lock:
            return list(self._dirty)

    def is_confirmed(self, line: Line) -> bool:
        """Whether the registry has answered for the line in this process."""
        return line in self._confirmed

    def find(self, question: Question, now: float, source: Source = "memory") -> Prompt | None:
        """What is held, from memory or else from disk; None when nothing good ever was."""
        line = question.line
        held = self._lines.get(line) or self._load(line)
        served = held.record(question).served if held else None
        if held is None or served is None:
            return None
        confirmed = self._confirmed.get(line)
        if confirmed is None:
            return Prompt(served, _provenance("disk", held, now - held.at))
        at = confirmed.at
        if self._live_at is not None and line not in self._dirty:
            at = max(at, self._live_at)
        return Prompt(served, _provenance(source, held, now - at))

    def batch(self, lines: Sequence[Line]) -> dict[str, Any]:
        """The body that asks for the lines."""
        items = [item for line in lines for item in items_for(line, self._lines.get(line))]
        return {"items": items}

    def take(self, lines: Sequence[Line], answer: Any, now: float) -> tuple[Held, ...]:
        """Accept the answer to `batch(lines)`: all of it or, by an error, nothing.

        Returned is what it said, good or not; held is only what is good. Raises
        RegistryBehindError, AnswerNotUnderstoodError.
        """
        revision, items = _parts(answer, sum(len(line.questions) for line in lines))
        with self.lock:
            is_of_now = self.follows(str(answer.get("incarnation", "")))
            if not is_of_now or revision < self._floor:
                raise RegistryBehindError(
                    f"the registry answered as of its revision {revision}, and this client has "
                    f"seen {self._floor} already"
                    + ("" if is_of_now else " of a database that is newer than the one that did"),
                    hint="Client.forget() makes it believed all the same",
                )
            said, at = [], 0
            for line in lines:
                mine, at = items[at : at + len(line.questions)], at + len(line.questions)
                held = self._lines.get(line)
                said.append(taken(line, held, mine, self._incarnation, revision, now))
            self._floor = revision
            for held in said:
                if held.is_seen:
                    self._accept(held, _Confirmed(now, revision))
            return tuple(said)

    def follows(self, incarnation: str) -> bool:
        """Whether what is said as of an incarnation counts; a later one is followed from here on.

        Everything is asked for again then, and served as it is until it is answered. Empty: not
        known, as from a server of an earlier release.
        """
        with self.lock:
            if not incarnation or incarnation == self._incarnation:
                return True
            if incarnation < self._incarnation:
                return False
            before, self._incarnation = self._incarnation, incarnation
            if before:
                self._floor, self._heard = 0, None
                self._confirmed.clear()
                self._dirty = dict.fromkeys(self._lines, 0)
                self._tell_of_another()
            return True

    def _tell_of_another(self) -> None:
        """Warn, once for each incarnation."""
        if self._warn is not None and self._told != self._incarnation:
            self._told = self._incarnation
            self._warn(
                "the registry's database was rebuilt or restored: what it says now counts, though "
                "its revisions begin anew"
            )

    def moved(self, prompt: str, revision: int) -> None:
        """A tag of the prompt moved. Its lines are dirty until an answer is as new as that."""
        with self.lock:
            self._heard = max(revision, self._heard or 0)
            for line in self._lines:
                known = self._confirmed.get(line)
                is_old = known is None or known.revision < revision
                if line.name == prompt and isinstance(line.asked, str) and is_old:
                    self._dirty[line] = max(revision, self._dirty.get(line, 0))

    def doubt(self) -> None:
        """Everything is to be asked for again, whether it moved or not."""
        with self.lock:
            self._dirty.update((line, self._dirty.get(line, 0)) for line in self._lines)

    def reset(self) -> None:
        """Nobody knows what moved."""
        with self.lock:
            self._heard = None
            self.doubt()

    def told_until(self, revision: int) -> None:
        """Every move up to this revision was told, or lies before what was ever told."""
        with self.lock:
            if self._heard is None:
                for line in self._lines:
                    known = self._confirmed.get(line)
                    if isinstance(line.asked, str) and (known is None or known.revision < revision):
                        self._dirty[line] = max(revision, self._dirty.get(line, 0))
            self._heard = max(revision, self._heard or 0)

    def live(self, now: float) -> None:
        """The stream spoke, and every line that is not dirty is what is live at this moment."""
        self._live_at = now

    def lost(self) -> None:
        """The stream is gone: what is held grows old from here on."""
        with self.lock:
            at = self._live_at or 0.0
            for line, known in self._confirmed.items():
                if line not in self._dirty:
                    self._confirmed[line] = known._replace(at=max(at, known.at))
            self._live_at = None

    def forget(self) -> None:
        """As if nothing had ever been served."""
        with self.lock:
            self._lines.clear()
            self._confirmed.clear()
            self._dirty.clear()
            self._incarnation, self._floor, self._heard = "", 0, None
            if self._disk is not None:
                self._disk.clear()

    def _load(self, line: Line) -> Held | None:
        found = self._disk.load(line) if self._disk is not None else None
        with self.lock:
            if found is not None and line not in self._lines:
                self._lines[line] = found
                # Another process may have seen a later incarnation, or kept this in an earlier one.
                if not self.follows(found.incarnation):
                    self._tell_of_another()
                elif found.incarnation == self._incarnation:
                    self._floor = max(self._floor, found.revision)
            return self._lines.get(line)

    def _accept(self, fresh: Held, known: _Confirmed) -> None:
        line = fresh.line
        before = self._lines.get(line)
        is_of_another = before is not None and before.incarnation != fresh.incarnation
        if before is None or is_of_another or before.records != fresh.records:
            # On disk before it is served: a restart must not go back behind it.
            if self._disk is not None:
                self._disk.keep(fresh)
            self._lines[line] = fresh
        self._confirmed[line] = known
        needed = max(self._dirty.get(line, 0), self._heard or 0)
        # It may have been answered by a process that has not heard yet what this one has.
        if isinstance(line.asked, str) and known.revision < needed:
            self._dirty[line] = needed
        else:
            self._dirty.pop(line, None)


def _provenance(source: Source, held: Held, age_seconds: float) -> Provenance:
    return Provenance(source, held.revision, max(0.0, age_seconds), held.incarnation or None)


def _parts(answer: Any, count: int) -> tuple[int, list[Any]]:
    """The revision and the items. Raises AnswerNotUnderstoodError."""
    revision = answer.get("registry_revision") if isinstance(answer, dict) else None
    items = answer.get("items") if isinstance(answer, dict) else None
    if type(revision) is not int or not isinstance(items, list) or len(items) != count:
        raise AnswerNotUnderstoodError("the server's answer is not that of a batch of lookups")
    return revision, items
