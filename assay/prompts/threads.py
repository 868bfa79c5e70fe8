"""The connections and the background thread of a client, one set a process."""

from __future__ import annotations

import logging
import os
import threading
import weakref

from assay.prompts.shell import Core
from assay.prompts.transport import Blocking

_log = logging.getLogger("assay.prompts")
_JOIN_SECONDS = 10.0
_AFTER_A_BUG_SECONDS = 60.0


class Threads:
    """Made when they are first needed, and anew in a forked process."""

    def __init__(self, core: Core) -> None:
        """Connects to nothing."""
        self._core = core
        self._lock = threading.Lock()
        self._io: Blocking | None = None
        self._thread: threading.Thread | None = None
        self._is_closed = False
        _alive.add(self)

    def io(self) -> Blocking:
        """The connections of this process; the one who follows is at work."""
        if self._io is not None:
            return self._io
        with self._lock:
            if self._io is None:
                self._io = Blocking(self._core.address)
                if self._is_closed:
                    self._io.stop()
                else:
                    self._thread = threading.Thread(
                        target=_follow, args=(self._core, self._io), name="prompts", daemon=True
                    )
                    self._thread.start()
            return self._io

    def close(self) -> None:
        """End the thread and the connections. Safe to call twice."""
        with self._lock:
            self._is_closed = True
            thread, self._thread = self._thread, None
        io = self.io()
        io.stop()
        if thread is not None:
            thread.join(_JOIN_SECONDS)
        io.close()

    def hold(self) -> None:
        """Take every lock: the process is about to fork."""
        self._lock.acquire()
        self._core.cache.lock.acquire()

    def let_go(self) -> None:
        """The process has forked."""
        self._core.cache.lock.release()
        self._lock.release()

    def begin_anew(self) -> None:
        """In the forked process: keep what is held, and nothing that is connected."""
        io, self._io, self._thread = self._io, None, None
        self._core.cache.lost()
        self.let_go()
        if io is not None:
            io.abandon()


def _follow(core: Core, io: Blocking) -> None:
    """The background thread. A bug in it must not end the freshness of prompts for good."""
    while True:
        try:
            io.run(core.following().steps())
        except Exception:  # noqa: BLE001 - see above
            _log.exception("prompts are not kept fresh, for a minute")
            if io.pause(_AFTER_A_BUG_SECONDS):
                return
        else:
            return


_alive: weakref.WeakSet[Threads] = weakref.WeakSet()
#: Those whose locks are held while the process forks: a lock that another thread holds at that
#: moment would stay locked in the child for ever.
_held: list[Threads] = []


def _before_fork() -> None:
    _held.extend(_alive)
    for threads in _held:
        threads.hold()


def _after_fork() -> None:
    while _held:
        _held.pop().let_go()


def _in_forked_process() -> None:
    while _held:
        _held.pop().begin_anew()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(
        before=_before_fork, after_in_parent=_after_fork, after_in_child=_in_forked_process
    )
