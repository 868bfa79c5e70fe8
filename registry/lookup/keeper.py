"""A thread that keeps a snapshot current, and knows since when it is not.

The snapshot is current while a look at the database's own record of changes, begun less than
`LEASE_SECONDS` ago, has been answered and acted upon. NOTIFY wakes the thread early; nothing hangs
on its arrival. Decision 0007 has the reasoning.
"""

from __future__ import annotations

import logging
import os
import select
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from enum import Enum, auto

from django.db import DatabaseError, InterfaceError, connections
from django.db.backends.base.base import BaseDatabaseWrapper
from django.db.backends.utils import CursorWrapper

from registry.lookup import chores, loading
from registry.lookup.chores import Chores, first_line
from registry.lookup.following import Follower
from registry.lookup.presence import Presence
from registry.lookup.snapshot import Snapshot

_log = logging.getLogger(__name__)

#: How long a look at the record of changes is good for. The promise is 50 ms (P6).
LEASE_SECONDS = 0.04
#: While somebody asks, the next look begins after this, so that nobody waits for one.
_RENEW_SECONDS = 0.02
#: Nobody asked for a second: then the first who asks waits for a look, a millisecond.
_QUIET_SECONDS = 1.0
#: A database that has not answered for so long counts as down.
PATIENCE_SECONDS = 1.0
_RECONNECT_SECONDS = 0.25
#: The record of changes goes back an hour; who slept longer than half of it reads everything.
_LONGEST_SLEEP_SECONDS = 1800.0
#: The kernel ends a connection to a database that vanished; without these it waits for hours.
_VANISHED = {
    "tcp_user_timeout": "5000",
    "keepalives_idle": "5",
    "keepalives_interval": "2",
    "keepalives_count": "3",
}


class Freshness(Enum):
    """What a process may do with its snapshot at this moment."""

    CURRENT = auto()
    #: The database answers, but this process has not read from it what it must: ask there.
    UNSURE = auto()
    #: The database does not answer: the last that was known is the best there is.
    UNREACHABLE = auto()


class _SleptTooLongError(Exception):
    """The record of changes may not go back far enough."""


class Keeper:
    """Owns the thread and its connection. `start` it once a process; `stop` joins the thread."""

    def __init__(
        self, snapshot: Snapshot, presence: Presence, follower: Follower | None = None
    ) -> None:
        """Of `snapshot` it is the only writer."""
        self._snapshot = snapshot
        self._follower = follower
        #: Look as often as if somebody asked all the time: there are people who wait for news.
        self.is_watched = False
        self._thread = threading.Thread(target=self._run, name="lookups", daemon=True)
        self._changed = threading.Condition()
        self._wake_end, self._waker = os.pipe2(os.O_NONBLOCK | os.O_CLOEXEC)
        self._is_stopping = False
        # Times are of time.monotonic.
        self._asked_at = self._checked_at = self._good_until = float("-inf")
        self._busy_since: float | None = None
        self._is_loaded = self._is_following = self._cannot_connect = False
        self._was_notified = False
        self._seen = ""
        self._checked_wall = 0.0
        self._chores = Chores(presence)

    def start(self) -> None:
        """Begin to follow the database."""
        self._thread.start()

    def stop(self) -> None:
        """End the thread and its connection, or leave it to a database that does not answer."""
        self._is_stopping = True
        self._wake()
        self._thread.join(PATIENCE_SECONDS)
        if not self._thread.is_alive():
            os.close(self._wake_end)
            os.close(self._waker)

    def wait_until_warm(self, seconds: float) -> bool:
        """Wait until everything live was read, the database cannot be reached, or time is up."""
        with self._changed:
            self._changed.wait_for(lambda: self._is_loaded or self._cannot_connect, seconds)
        return self._is_loaded

    @property
    def is_loaded(self) -> bool:
        """Whether everything live was read once: then there is a last known."""
        return self._is_loaded

    @property
    def is_following(self) -> bool:
        """Whether the database answers, and everything in it was read."""
        return self._is_following

    @property
    def is_current(self) -> bool:
        """Whether `freshness` would say CURRENT without waiting."""
        return time.monotonic() < self._good_until

    @property
    def is_complete(self) -> bool:
        """Whether the snapshot follows the database and lacks nothing, old versions included."""
        return self._is_following and self._snapshot.is_complete

    def expire(self) -> None:
        """Look again before the next answer: this process has just changed something."""
        self._good_until = float("-inf")

    def freshness(self) -> Freshness:
        """Whether the snapshot is current. Waits for a look when the last is too old.

        Ask before reading from the snapshot, never after.
        """
        now = time.monotonic()
        self._asked_at = now
        if now < self._good_until:
            return Freshness.CURRENT
        return self._settle(now)

    def look_again(self) -> Freshness:
        """As `freshness`, after a look that begins now."""
        self._asked_at = now = time.monotonic()
        return self._settle(now)

    def age(self) -> int:
        """Whole seconds since the snapshot was last known to be current."""
        return max(0, int(time.monotonic() - self._checked_at))

    def _settle(self, asked: float) -> Freshness:
        """Get one look at the changes that began after `asked`, or find out why there is none."""
        if self._is_following and not self._is_stuck(asked):
            self._wake()
            with self._changed:
                self._changed.wait_for(lambda: self._is_settled(asked), PATIENCE_SECONDS)
            if self._checked_at >= asked:
                return Freshness.CURRENT
        is_down = self._cannot_connect or self._is_stuck(time.monotonic())
        return Freshness.UNREACHABLE if self._is_loaded and is_down else Freshness.UNSURE

    def _is_settled(self, asked: float) -> bool:
        return self._checked_at >= asked or not self._is_following

    def _is_stuck(self, now: float) -> bool:
        """Whether the database has been asked something long ago and not answered."""
        since = self._busy_since
        return since is not None and now - since >= PATIENCE_SECONDS

    def _wake(self) -> None:
        with suppress(BlockingIOError):  # it is full: the thread will wake up anyhow
            os.write(self._waker, b"x")

    # --- The thread ---

    def _run(self) -> None:
        while not self._is_stopping:
            try:
                self._follow()
            except (DatabaseError, InterfaceError, OSError, _SleptTooLongError) as error:
                _log.warning("lookups ask the database itself, for now: %s", first_line(error))
            except Exception:  # noqa: BLE001 - without this thread no lookup would ever be fast again
                _log.exception("lookups ask the database itself, for now")
            self._lost()

    def _lost(self) -> None:
        """Answer from the database, or if that is down with the last that was known."""
        self._good_until, self._busy_since = float("-inf"), None
        with self._changed:
            was_following, self._is_following = self._is_following, False
            self._changed.notify_all()
        if not was_following:  # a connection that broke is made anew at once, a second time later
            self._sleep(None, _RECONNECT_SECONDS)

    def _follow(self) -> None:
        """Connect, read everything, then whatever changes. Returns when told to stop."""
        connection = connections["default"].copy()
        connection.settings_dict["OPTIONS"] |= _VANISHED
        try:
            cursor = self._connected(connection)
            chores.note_place(cursor)
            # From here on every change is in the next look, whether it was read by then or not.
            self._seen = loading.changes(cursor, "").seen
            with self._busy():
                if self._follower is not None:
                    self._follower.connected(cursor)
                for _ in self._snapshot.read_everything(cursor):
                    self._busy_since = time.monotonic()
            self._look(cursor)
            with self._changed:
                self._is_loaded = self._is_following = True
                self._changed.notify_all()
            while not self._is_stopping:
                self._step(cursor, connection)
            self._chores.end(cursor)
        finally:
            connection.close()

    def _connected(self, connection: BaseDatabaseWrapper) -> CursorWrapper:
        try:
            with self._busy():
                cursor = connection.cursor()
                cursor.execute("LISTEN assay_served")
        except (DatabaseError, InterfaceError, OSError):
            with self._changed:
                self._cannot_connect = True
                self._changed.notify_all()
            raise
        self._cannot_connect = False
        # Without a handler psycopg would keep every notification for somebody to fetch.
        connection.connection.add_notify_handler(self._notified)
        return cursor

    def _notified(self, _notification: object) -> None:
        self._was_notified = True

    def _step(self, cursor: CursorWrapper, connection: BaseDatabaseWrapper) -> None:
        """Look for changes when it is time, else read on, else sleep."""
        now = time.monotonic()
        is_asked = self.is_watched or now - self._asked_at < _QUIET_SECONDS
        due = self._checked_at + (_RENEW_SECONDS if is_asked else chores.SECONDS)
        if self._was_notified or now >= due or self._asked_at > self._good_until:
            self._look(cursor)
        elif self._chores.are_due(self._snapshot, now):
            with self._busy():
                self._chores.do(cursor, self._snapshot, now)
        elif not self._snapshot.is_complete:
            with self._busy():
                self._snapshot.read_more(cursor)
        else:
            # Whatever wakes it up is a reason to look.
            self._was_notified = self._sleep(connection, due - now)

    def _look(self, cursor: CursorWrapper) -> None:
        """Ask what was committed since the last look, and stop answering for that."""
        if self._checked_wall and time.time() - self._checked_wall > _LONGEST_SLEEP_SECONDS:
            self._checked_wall = 0.0
            raise _SleptTooLongError("the process was asleep for long")
        began, self._was_notified = time.monotonic(), False
        with self._busy():
            found = loading.changes(cursor, self._seen)
            if found.everything:
                self._good_until = float("-inf")
                self._is_following = False
                for _ in self._snapshot.read_everything(cursor):
                    self._busy_since = time.monotonic()
            elif found.tokens:
                self._snapshot.read_tokens(cursor)
        self._snapshot.doubt(found.prompts)
        self._snapshot.stand = (found.incarnation, found.revision)
        self._snapshot.mirrored_at = found.mirrored_at
        self._seen, self._checked_wall = found.seen, time.time()
        with self._changed:
            self._is_following = self._is_following or found.everything
            self._checked_at, self._good_until = began, began + LEASE_SECONDS
            self._changed.notify_all()
        if self._follower is not None:
            with self._busy():
                self._follower.looked(cursor, found)

    def _sleep(self, connection: BaseDatabaseWrapper | None, seconds: float) -> bool:
        """Until the database says something, somebody waits, or `seconds` are over (False)."""
        watched = [self._wake_end]
        if connection is not None:
            watched.append(connection.connection.fileno())
        ready, _, _ = select.select(watched, [], [], max(0.0, seconds))
        if self._wake_end in ready:
            os.read(self._wake_end, 4096)
        return bool(ready)

    @contextmanager
    def _busy(self) -> Iterator[None]:
        """While the database is being asked. Stays set when it fails, until that is dealt with."""
        self._busy_since = time.monotonic()
        yield
        self._busy_since = None
