"""Keeps a few child processes running, from one thread that lives as long as they do."""

from __future__ import annotations

import os
import queue
import signal
import subprocess
import threading
import time
from collections.abc import Callable, Mapping
from concurrent.futures import Future
from contextlib import suppress
from dataclasses import dataclass
from typing import Self

from config.embedded.folder import bounded_log
from config.embedded.processes import is_running, launcher
from config.embedded.service import Service, ServiceFailedError, failure

_LOOK_SECONDS = 0.1
_FIRST_PAUSE_SECONDS = 0.1
_LONGEST_PAUSE_SECONDS = 5.0
# Who lived this long was healthy: its next death starts the pauses from the beginning.
_HEALTHY_SECONDS = 20.0
_DEATHS_TO_GIVE_UP_STARTING = 3


@dataclass
class _Kept:
    """One service and its present process. Touched by the supervisor's thread only."""

    service: Service
    process: subprocess.Popen[bytes] | None = None
    is_wanted: bool = True
    deaths: int = 0
    started_at: float = 0.0
    start_again_at: float = 0.0


class Supervisor:
    """Starts services, starts them again when they die, stops them.

    All forking happens in one thread: the kernel's parent-death signal is tied to the thread that
    forked. Usable as a context manager; leaving it stops everything, newest first.
    """

    def __init__(self, report: Callable[[str], None], environment: Mapping[str, str]) -> None:
        """`report` gets one line for each event; `environment` is what children inherit."""
        self._report = report
        self._environment = dict(environment)
        self._kept: dict[str, _Kept] = {}
        self._orders: queue.SimpleQueue[Callable[[], None] | None] = queue.SimpleQueue()
        self._thread = threading.Thread(target=self._run, name="supervisor", daemon=True)
        self._thread.start()

    # --- for every thread ---

    @property
    def names(self) -> tuple[str, ...]:
        """The services known, in the order of their first start."""
        return tuple(self._kept)

    def start(self, service: Service) -> None:
        """Start a service. Does not wait until it answers."""
        self._ask(lambda: self._start(service))

    def start_again(self, name: str) -> None:
        """Start a service that was stopped."""
        self.start(self._find(name).service)

    def stop(self, *names: str) -> None:
        """Stop services together and wait for their end. One that does not run is no error."""
        every = [self._find(name) for name in names]
        self._ask(lambda: self._stop(every))

    def kill(self, name: str, number: signal.Signals = signal.SIGKILL) -> int:
        """Send a signal to the service's main process and return its pid.

        SIGKILL waits for the end of it. A process that ends is started again by itself.
        """
        pid = self.pid(name)
        if pid is None:
            raise ServiceFailedError(f"{name} is not running")
        os.kill(pid, number)
        while number == signal.SIGKILL and is_running(pid):
            time.sleep(0.001)
        return pid

    def pid(self, name: str) -> int | None:
        """The main process, None while there is none."""
        process = self._find(name).process
        return process.pid if process and is_running(process.pid) else None

    def answers(self, name: str) -> bool:
        """Whether the service has a process and that process serves now."""
        pid = self.pid(name)
        return pid is not None and self._find(name).service.answers(pid)

    def wait(self, name: str) -> None:
        """Wait until the service answers; ServiceFailedError shows the end of its log."""
        service = self._find(name).service
        end = time.monotonic() + service.start_seconds
        earlier = self._find(name).deaths
        while not self.answers(name):
            if self._find(name).deaths - earlier >= _DEATHS_TO_GIVE_UP_STARTING:
                raise failure(name, "does not start", service.log)
            if time.monotonic() > end:
                raise failure(name, "does not answer", service.log)
            time.sleep(0.03)

    def close(self) -> None:
        """Stop everything that still runs, newest first, and end the thread."""
        for name in reversed(self.names):
            self.stop(name)
        self._orders.put(None)
        self._thread.join()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def _find(self, name: str) -> _Kept:
        try:
            return self._kept[name]
        except KeyError:
            raise ServiceFailedError(f"{name} is not part of this Assay") from None

    def _ask(self, order: Callable[[], None]) -> None:
        """Have the supervisor's thread do it, and wait for the outcome."""
        outcome: Future[None] = Future()

        def obey() -> None:
            try:
                order()
            except BaseException as error:  # noqa: BLE001 - it is raised in the thread that asked
                outcome.set_exception(error)
            else:
                outcome.set_result(None)

        self._orders.put(obey)
        outcome.result()

    # --- in the supervisor's thread ---

    def _run(self) -> None:
        while True:
            try:
                order = self._orders.get(timeout=_LOOK_SECONDS)
            except queue.Empty:
                self._look_after_all()
                continue
            if order is None:
                return
            order()

    def _look_after_all(self) -> None:
        for kept in list(self._kept.values()):
            if kept.process and _has_ended(kept.process):
                self._bury(kept)
            if kept.is_wanted and not kept.process and time.monotonic() >= kept.start_again_at:
                self._start_again(kept)

    def _start(self, service: Service) -> None:
        kept = self._kept.setdefault(service.name, _Kept(service))
        if kept.process:
            return
        kept.service, kept.is_wanted, kept.deaths = service, True, 0
        self._spawn(kept)

    def _start_again(self, kept: _Kept) -> None:
        try:
            self._spawn(kept)
        except (OSError, ServiceFailedError) as error:
            self._schedule(kept)
            self._report(f"{kept.service.name} cannot be started: {error}")

    def _spawn(self, kept: _Kept) -> None:
        service = kept.service
        service.prepare()
        environment = {**self._environment, **service.environment}
        with bounded_log(service.log).open("ab") as log:
            kept.process = subprocess.Popen(
                [*launcher(service.death_signal, service.identity), *service.argv],
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                env={name: value for name, value in environment.items() if value is not None},
                # Its own session: Ctrl-C in the terminal reaches the supervisor only, which then
                # stops its children in order.
                start_new_session=True,
            )
        kept.started_at = time.monotonic()

    def _bury(self, kept: _Kept) -> None:
        """An unasked death: end what is left of its family, and plan the next start."""
        process = kept.process
        assert process is not None
        code = _end_family(process)
        if time.monotonic() - kept.started_at > _HEALTHY_SECONDS:
            kept.deaths = 0
        kept.process = None
        pause = self._schedule(kept)
        self._report(f"{kept.service.name} ended ({_reason(code)}); next start in {pause:.1f} s")

    def _schedule(self, kept: _Kept) -> float:
        pause = min(_FIRST_PAUSE_SECONDS * 2.0**kept.deaths, _LONGEST_PAUSE_SECONDS)
        kept.deaths += 1
        kept.start_again_at = time.monotonic() + pause
        return pause

    def _stop(self, every: list[_Kept]) -> None:
        asked_at = time.monotonic()
        for kept in every:
            kept.is_wanted = False
            if kept.process:
                os.kill(kept.process.pid, kept.service.stop_signal)  # unreaped: the pid is its own
        for kept in every:
            process, kept.process = kept.process, None
            if process:
                _wait_for_end(process, asked_at + kept.service.stop_seconds)


def _has_ended(process: subprocess.Popen[bytes]) -> bool:
    """Whether the process has ended, leaving it unreaped: its group's number stays taken."""
    options = os.WEXITED | os.WNOHANG | os.WNOWAIT
    return os.waitid(os.P_PID, process.pid, options) is not None


def _wait_for_end(process: subprocess.Popen[bytes], until: float) -> None:
    while not _has_ended(process) and time.monotonic() < until:
        time.sleep(0.005)
    _end_family(process)


def _end_family(process: subprocess.Popen[bytes]) -> int:
    """SIGKILL whoever is left in the process group, then reap the leader."""
    with suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGKILL)
    return process.wait()


def _reason(code: int) -> str:
    return f"signal {-code}" if code < 0 else f"exit code {code}"
