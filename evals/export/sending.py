"""The process that talks to Langfuse: `python -I sending.py SECONDS`.

It reads a destination and traces, a line each, and writes one line: how many were sent, or why it
gave up. It is a process of its own because Langfuse's SDK keeps threads, queues without an end and
state of the whole process; all of that ends with it, and whoever started it can end it. Whatever
the SDK logs as an error is lost data, so the first one is the last: nothing is tried for every
batch again.
"""

from __future__ import annotations

import json
import logging
import os
import signal
import sys
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any, NoReturn

if TYPE_CHECKING:
    from langfuse import Langfuse
    from opentelemetry.sdk.trace import TracerProvider

    from evals.export.traces import Destination, Trace

#: Of one request to Langfuse, whichever comes first.
_BATCH = 100
_BATCH_BYTES = 1_000_000
#: The SDK's own: its exporter and Langfuse's server know its spans by it.
_SCOPE = "langfuse-sdk"
_LONGEST_REASON = 300


def main() -> None:
    """Send everything on standard input."""
    # Also when nobody is left to end this process.
    signal.alarm(int(sys.argv[1]))
    sys.path.insert(0, str(Path(__file__).resolve().parents[2]))
    from evals.export.traces import Destination

    destination = Destination(**json.loads(sys.stdin.buffer.readline()))
    _give_up_at_the_first_error()
    sender = Sender(destination)
    for batch in _batches():
        sender.send(batch)
    _end({"sent": sender.sent}, 0)


def _batches() -> Iterator[list[Trace]]:
    from evals.export.traces import Trace

    batch, size = [], 0
    for line in sys.stdin.buffer:
        batch.append(Trace.from_line(line))
        size += len(line)
        if len(batch) == _BATCH or size > _BATCH_BYTES:
            yield batch
            batch, size = [], 0
    if batch:
        yield batch


def _give_up_at_the_first_error() -> None:
    handler = _GiveUp(logging.ERROR)
    for name in ("langfuse", "opentelemetry"):
        logging.getLogger(name).addHandler(handler)


class _GiveUp(logging.Handler):
    """Ends the process with what was logged as the reason, from whichever thread."""

    def emit(self, record: logging.LogRecord) -> None:
        """One line, and no waiting for queues that cannot be emptied."""
        _end({"failed": " ".join(record.getMessage().split())[:_LONGEST_REASON]}, 1)


def _end(outcome: dict[str, Any], status: int) -> NoReturn:
    os.write(sys.stdout.fileno(), json.dumps(outcome).encode() + b"\n")
    os._exit(status)


class _Ids:
    """OpenTelemetry asks for random identifiers; these are said beforehand."""

    trace_id = answer_id = 1

    def generate_trace_id(self) -> int:
        return self.trace_id

    def generate_span_id(self) -> int:
        return self.answer_id

    def is_trace_id_random(self) -> bool:
        return False


class Sender:
    """Sends traces in batches; what `send` returns from has arrived. `sent` counts them."""

    def __init__(self, destination: Destination) -> None:
        from langfuse import Langfuse
        from opentelemetry.sdk.trace import TracerProvider

        self.ids = _Ids()
        # A provider of its own: the SDK would make its one that of the whole process.
        self.provider: TracerProvider = TracerProvider(id_generator=self.ids)  # type: ignore[arg-type]
        self.client: Langfuse = Langfuse(
            public_key=destination.public_key,
            secret_key=destination.secret_key,
            base_url=destination.base_url,
            timeout=destination.request_seconds,
            tracer_provider=self.provider,
            flush_at=_BATCH,
        )
        self.tracer = self.provider.get_tracer(
            _SCOPE, attributes={"public_key": destination.public_key}
        )
        self.sent = 0

    def send(self, batch: list[Trace]) -> None:
        """First what was answered, then what it was worth."""
        for trace in batch:
            self._answer(trace)
        self.provider.force_flush()
        for trace in batch:
            self._scores(trace)
        self.client.flush()
        self.sent += len(batch)

    def _answer(self, trace: Trace) -> None:
        from langfuse import LangfuseGeneration, propagate_attributes

        self.ids.trace_id, self.ids.answer_id = int(trace.trace_id, 16), int(trace.answer_id, 16)
        with propagate_attributes(
            session_id=trace.session,
            trace_name=trace.name[:200],
            tags=list(trace.tags),
            metadata=dict(trace.metadata),
            prompt={"name": trace.prompt, "version": trace.version},
        ):
            span = self.tracer.start_span(trace.name, start_time=trace.started)
        LangfuseGeneration(
            otel_span=span,
            langfuse_client=self.client,
            input=trace.input,
            output=trace.output,
            metadata=dict(trace.metadata),
            model=trace.model,
            model_parameters=dict(trace.parameters),
            completion_start_time=_moment(trace.first_token),
            usage_details=_usage(trace),
            cost_details=dict(trace.cost_usd) if trace.cost_usd else None,
            level="ERROR" if trace.error else None,
            status_message=trace.error or None,
        )
        span.end(end_time=trace.ended)

    def _scores(self, trace: Trace) -> None:
        for score in trace.scores:
            # Its overloads tell figures from words, which `kind` says already.
            values: dict[str, Any] = {"value": score.value, "data_type": score.kind}
            self.client.create_score(
                name=score.name,
                trace_id=trace.trace_id,
                observation_id=trace.answer_id,
                score_id=trace.score_id(score),
                comment=score.comment or None,
                timestamp=_moment(trace.ended),
                **values,
            )


def _moment(nanoseconds: int | None) -> datetime | None:
    return None if nanoseconds is None else datetime.fromtimestamp(nanoseconds / 1e9, UTC)


def _usage(trace: Trace) -> dict[str, int] | None:
    if trace.prompt_tokens is None or trace.completion_tokens is None:
        return None
    total = trace.prompt_tokens + trace.completion_tokens
    return {"input": trace.prompt_tokens, "output": trace.completion_tokens, "total": total}


if __name__ == "__main__":
    main()
