"""One child process, spoken to line by line, with a limit on everything it may take."""

from __future__ import annotations

import json
import os
import selectors
import signal
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from types import TracebackType
from typing import Self

_CHILD = Path(__file__).with_name("child.py")
#: Nothing of the server's environment goes in: no secrets, no settings, no search paths.
_ENVIRONMENT = {"LC_ALL": "C.UTF-8"}
_CHUNK = 65_536


class ChildStoppedError(Exception):
    """The child ended, was too slow or said too much; `reason` is for people."""

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason


class Child:
    """A context manager: the process is dead when the block ends."""

    def __init__(self, *, memory_bytes: int, cpu_seconds: int, output_chars: int) -> None:
        limits = {
            "memory_bytes": memory_bytes,
            "cpu_seconds": cpu_seconds,
            "output_chars": output_chars,
            "parent": os.getpid(),
        }
        # A character is at most six bytes of JSON; the rest is for the messages around the text.
        self.answer_limit = 6 * output_chars + 8 * 1024 * 1024
        self.cpu_seconds = cpu_seconds
        self.process = subprocess.Popen(
            [sys.executable, "-I", "-B", "-X", "utf8", str(_CHILD), json.dumps(limits)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            env=_ENVIRONMENT,
            cwd="/",
            start_new_session=True,
        )
        assert self.process.stdin
        assert self.process.stdout
        self.stdin, self.stdout = self.process.stdin.fileno(), self.process.stdout.fileno()
        os.set_blocking(self.stdin, False)
        os.set_blocking(self.stdout, False)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.end()

    def end(self) -> None:
        """Kill it at once: nothing is expected of it any more."""
        if self.process.poll() is None:
            os.killpg(self.process.pid, signal.SIGKILL)
        self._kill()

    def ask(self, line: bytes, wall_seconds: float) -> bytes:
        """Send one line and wait for one line; ChildStoppedError when there is none in time."""
        deadline = time.monotonic() + wall_seconds
        unsent = memoryview(line)
        answer = bytearray()
        with selectors.DefaultSelector() as ready:
            ready.register(self.stdout, selectors.EVENT_READ)
            if unsent:
                ready.register(self.stdin, selectors.EVENT_WRITE)
            while not answer.endswith(b"\n"):
                left = deadline - time.monotonic()
                events = ready.select(left) if left > 0 else []
                if not events:
                    raise ChildStoppedError(f"it took more than {wall_seconds:g} s")
                for key, _ in events:
                    if key.fd == self.stdout:
                        self._read(answer)
                    else:
                        unsent = unsent[self._write(unsent) :]
                        if not unsent:
                            ready.unregister(self.stdin)
        return bytes(answer)

    def answers(self, lines: Sequence[bytes], wall_seconds: float) -> Iterator[bytes]:
        """Send all lines and give out one line for each, as they come; ChildStoppedError when the
        next one does not come in time. Few big writes and reads: a switch to another thread at
        every line would cost more than rendering it.
        """
        unsent = memoryview(b"".join(lines))
        got = bytearray()
        with selectors.DefaultSelector() as ready:
            ready.register(self.stdout, selectors.EVENT_READ)
            ready.register(self.stdin, selectors.EVENT_WRITE)
            for _ in lines:
                deadline = time.monotonic() + wall_seconds
                while (end := got.find(b"\n")) < 0:
                    left = deadline - time.monotonic()
                    events = ready.select(left) if left > 0 else []
                    if not events:
                        raise ChildStoppedError(f"it took more than {wall_seconds:g} s")
                    for key, _ in events:
                        if key.fd == self.stdout:
                            self._read(got)
                        else:
                            unsent = unsent[self._write(unsent) :]
                            if not unsent:
                                ready.unregister(self.stdin)
                yield bytes(got[: end + 1])
                del got[: end + 1]

    def _read(self, answer: bytearray) -> None:
        chunk = os.read(self.stdout, _CHUNK)
        answer.extend(chunk)
        if not chunk:
            raise ChildStoppedError(self._cause_of_death())
        if len(answer) > self.answer_limit:
            raise ChildStoppedError("its result is too long")

    def _write(self, unsent: memoryview) -> int:
        try:
            return os.write(self.stdin, unsent[:_CHUNK])
        except BrokenPipeError:
            raise ChildStoppedError(self._cause_of_death()) from None

    def _cause_of_death(self) -> str:
        self._kill()
        if self.process.returncode == -signal.SIGXCPU:
            return f"it took more than {self.cpu_seconds} s of processor time"
        return "its process ended, most likely for lack of memory"

    def _kill(self) -> None:
        """End the child and whatever it started; a process that has ended already is only read."""
        if self.process.poll() is None:
            try:
                # A child that has just been told of its end by a closed pipe gets to report why.
                self.process.wait(0.05)
            except subprocess.TimeoutExpired:
                os.killpg(self.process.pid, signal.SIGKILL)
                self.process.wait()
        for pipe in (self.process.stdin, self.process.stdout):
            if pipe and not pipe.closed:
                pipe.close()
