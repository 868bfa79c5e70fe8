"""Render a batch in a child process with hard limits; a bomb costs only itself."""

from __future__ import annotations

import json
from collections import Counter, deque
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Any

from core.errors import UnavailableError
from registry.domain.template.render import Rendered
from registry.domain.template.tags import Message
from registry.domain.version import VersionContent
from registry.rendering.process import Child, ChildStoppedError

#: Starting Python and importing the renderer, on a busy machine.
START_SECONDS = 30.0
#: After so many stopped jobs of the same content, its other jobs are not tried any more.
MAX_STOPPED = 3


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
    return _Batch(jobs, limits or Limits()).run()


class _Batch:
    def __init__(self, jobs: Sequence[RenderJob], limits: Limits) -> None:
        self.jobs = jobs
        self.limits = limits
        self.left = deque(range(len(jobs)))
        self.results: dict[int, Rendered | RenderFailure] = {}
        self.stopped: Counter[str] = Counter()

    def run(self) -> list[Rendered | RenderFailure]:
        while self.left:
            with Child(
                memory_bytes=self.limits.memory_bytes,
                cpu_seconds=self.limits.cpu_seconds,
                output_chars=self.limits.output_chars,
            ) as child:
                self._start(child)
                self._serve(child)
        return [self.results[index] for index in range(len(self.jobs))]

    def _start(self, child: Child) -> None:
        try:
            child.ask(b"", START_SECONDS)
        except ChildStoppedError as error:
            raise RenderUnavailableError(f"Prompts cannot be rendered: {error.reason}.") from None

    def _serve(self, child: Child) -> None:
        """Send jobs until none is left or the child is used up."""
        sent: VersionContent | None = None
        is_fresh = True
        while self.left:
            job = self.jobs[self.left[0]]
            line = self._line(job, sent)
            if line is None:
                continue
            try:
                answer = json.loads(child.ask(line, self.limits.wall_seconds))
            except ChildStoppedError as error:
                # In a used child the earlier jobs may be to blame: try this one in a fresh child.
                if is_fresh:
                    self._stop(job, error.reason)
                return
            self._finish(_result(answer))
            sent, is_fresh = job.content, False
            if answer.get("is_last"):
                return

    def _line(self, job: RenderJob, sent: VersionContent | None) -> bytes | None:
        """The job as the child reads it; None when it was answered without the child."""
        if self.stopped[job.content.digest] >= MAX_STOPPED:
            message = "This template was stopped too often in this batch; it was not tried again."
            self._finish(RenderFailure("render_stopped", message))
            return None
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
            self._finish(RenderFailure("render_invalid", message))
            return None

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
