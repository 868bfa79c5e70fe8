"""Render a batch in a child process with hard limits; a bomb costs only itself."""

from __future__ import annotations

import json
import os
import threading
from collections import Counter, deque
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from itertools import islice
from types import MappingProxyType
from typing import Any, Self

from core.errors import UnavailableError
from registry.domain.template.render import Rendered
from registry.domain.template.tags import Message
from registry.domain.version import VersionContent
from registry.rendering.process import Child, ChildStoppedError

#: Starting Python and importing the renderer, on a busy machine.
START_SECONDS = 30.0
#: After so many stopped jobs of the same content, its other jobs are not tried any more.
MAX_STOPPED = 3
#: Jobs that are sent without waiting for the answer to each.
_WINDOW = 64


class RenderUnavailableError(UnavailableError):
    """The process that renders prompts does not start."""

    code = "render_unavailable"


@dataclass(frozen=True)
class RenderJob:
    """One version and the values that go in."""

    content: VersionContent
    variables: Mapping[str, Any]
    placeholders: Mapping[str, Sequence[Mapping[str, str]]] = field(
        default_factory=lambda: MappingProxyType({})
    )


@dataclass(frozen=True)
class RenderFailure:
    """Why a job has no result. Codes: render_invalid, render_refused, render_stopped."""

    code: str
    message: str
    fields: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class Limits:
    """What one job may use; memory is that of the whole child."""

    cpu_seconds: int = 3
    memory_bytes: int = 512 * 1024 * 1024
    wall_seconds: float = 10.0
    output_chars: int = 1_000_000


def render_batch(
    jobs: Sequence[RenderJob], limits: Limits | None = None
) -> list[Rendered | RenderFailure]:
    """One result per job, in order. Jobs share a child process until one of them breaks it.

    Raises RenderUnavailableError when no child can be started at all.
    """
    with Jail(limits) as jail:
        return jail.render(jobs)


class Jail:
    """A child process that renders batch after batch, replaced when a job has broken it.

    Starting one costs 0.1 s of processor time. Every method is for one thread at a time.
    """

    def __init__(self, limits: Limits | None = None) -> None:
        """No child is started before it is needed."""
        self.limits = limits or Limits()
        self._child: Child | None = None

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: object, error: object, trace: object) -> None:
        """The child is dead when the block ends. The next jail may find one ready."""
        self._drop()
        _spare.refill()

    def render(self, jobs: Sequence[RenderJob]) -> list[Rendered | RenderFailure]:
        """As render_batch."""
        batch = _Batch(jobs, self.limits)
        try:
            while batch.left:
                is_fresh = self._child is None
                if not batch.serve(self.warm(), is_fresh=is_fresh):
                    self._drop()
        except BaseException:
            self._drop()
            raise
        return [batch.results[index] for index in range(len(jobs))]

    def warm(self) -> Child:
        """The child, started and ready. Raises RenderUnavailableError."""
        if self._child is None:
            self._child = _spare.take(self.limits)
        if self._child is None:
            self._child = _child(self.limits)
            try:
                self._child.ask(b"", START_SECONDS)
            except ChildStoppedError as error:
                self._drop()
                raise RenderUnavailableError(
                    f"Prompts cannot be rendered: {error.reason}."
                ) from None
        return self._child

    def _drop(self) -> None:
        child, self._child = self._child, None
        if child is not None:
            child.end()


def keep_one_ready() -> None:
    """From now on this process has the child of its next jail started ahead.

    For processes that render again and again. Call it in the thread that makes the jails: the child
    ends with it.
    """
    _spare.begin()


class _Spare:
    """The child that nobody needs yet, for whichever thread asks first. A forked process has none
    until it begins itself: what it inherits belongs to the process that it came from.
    """

    def __init__(self) -> None:
        self.process = 0
        self._child: Child | None = None
        self._one_at_a_time = threading.Lock()

    def begin(self) -> None:
        """Keep one ready in this process from now on."""
        if self.process != os.getpid():
            self.process, self._child = os.getpid(), None
            self._one_at_a_time = threading.Lock()
        self.refill()

    def refill(self) -> None:
        """Start one, if this process keeps one ready; it gets ready by itself."""
        if self.process != os.getpid():
            return
        with self._one_at_a_time:
            if self._child is None:
                with suppress(OSError):  # whoever needs one starts it, and is told why it cannot be
                    self._child = _child(Limits())

    def take(self, limits: Limits) -> Child | None:
        """The child, ready; None when there is none of this kind or it has died meanwhile."""
        if self.process != os.getpid() or limits != Limits():
            return None
        with self._one_at_a_time:
            child, self._child = self._child, None
        if child is None:
            return None
        try:
            child.ask(b"", START_SECONDS)
        except ChildStoppedError:
            child.end()
            return None
        return child


_spare = _Spare()


def _child(limits: Limits) -> Child:
    return Child(
        memory_bytes=limits.memory_bytes,
        cpu_seconds=limits.cpu_seconds,
        output_chars=limits.output_chars,
    )


class _Batch:
    def __init__(self, jobs: Sequence[RenderJob], limits: Limits) -> None:
        self.jobs = jobs
        self.limits = limits
        self.left = deque(range(len(jobs)))
        self.results: dict[int, Rendered | RenderFailure] = {}
        self.stopped: Counter[str] = Counter()

    def serve(self, child: Child, *, is_fresh: bool) -> bool:
        """Send jobs until none is left or the child is used up; whether it can go on."""
        while self.left:
            window = self._window()
            if not window:
                continue
            try:
                for line in child.answers(window, self.limits.wall_seconds):
                    answer = json.loads(line)
                    self._finish(_result(answer))
                    is_fresh = False
                    if answer.get("is_last"):
                        return False
            except ChildStoppedError as error:
                # In a used child the earlier jobs may be to blame: try this one in a fresh child.
                if is_fresh:
                    self._stop(self.jobs[self.left[0]], error.reason)
                return False
        return True

    def _window(self) -> list[bytes]:
        """The next jobs as the child reads them. What needs no child is answered in its turn."""
        lines: list[bytes] = []
        sent: VersionContent | None = None
        for index in tuple(islice(self.left, _WINDOW)):
            job = self.jobs[index]
            line = self._line(job, sent)
            if isinstance(line, RenderFailure):
                if not lines:
                    self._finish(line)
                break
            lines.append(line)
            sent = job.content
        return lines

    def _line(self, job: RenderJob, sent: VersionContent | None) -> bytes | RenderFailure:
        """The job as the child reads it, or why the child is not asked."""
        if self.stopped[job.content.digest] >= MAX_STOPPED:
            message = "This template was stopped too often in this batch; it was not tried again."
            return RenderFailure("render_stopped", message)
        try:
            # What is no list of messages goes in as it is: the renderer says what is wrong with it.
            request = {
                "content": None if job.content is sent else job.content.to_json(),
                "variables": dict(job.variables),
                "placeholders": dict(job.placeholders),
            }
            return json.dumps(request).encode() + b"\n"
        except (TypeError, ValueError, RecursionError) as error:
            message = f"The values are not plain JSON data: {str(error)[:200]}."
            return RenderFailure("render_invalid", message)

    def _stop(self, job: RenderJob, reason: str) -> None:
        self.stopped[job.content.digest] += 1
        message = f"Rendering was stopped: {reason}."
        self._finish(RenderFailure("render_stopped", message))

    def _finish(self, result: Rendered | RenderFailure) -> None:
        self.results[self.left.popleft()] = result


def _result(answer: dict[str, Any]) -> Rendered | RenderFailure:
    if "code" in answer:
        return RenderFailure(answer["code"], answer["message"], answer["fields"])
    if answer["type"] == "text":
        return Rendered("text", answer["text"], (Message("user", answer["text"]),))
    return Rendered.from_json(answer)
