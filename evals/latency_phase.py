"""The latency phase of a run: timed requests of both arms, interleaved, at declared concurrency.

Nothing is cached here: every figure is of a request that was sent. docs/latency.md says how the
phase works and what it does not measure.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

from core.errors import AssayError, InvalidError
from evals.domain.latency import (
    BASELINE,
    CANDIDATE,
    LatencyReport,
    LatencySpec,
    LevelReport,
    LevelTally,
    PrefixCacheUse,
    Timing,
    gaps,
)
from serving.client import ChatRequest, ChatResponse, Endpoint, ModelClient
from serving.metrics import PrefixCacheCounters, read_prefix_cache

#: Engines that answer with exactly `max_tokens` tokens when told to `ignore_eos`.
FIXED_LENGTH_ENGINES = frozenset({"vllm", "llama.cpp"})
#: Microseconds are finer than the clock's truth and keep the stored figures short.
_DECIMALS = 3

Progress = Callable[[int, int], None]


class LatencyInputError(InvalidError):
    """The latency phase cannot be run like this."""

    code = "latency_input"


class NoTextError(InvalidError):
    """The answer has no text, so there is no first token to time."""

    code = "latency_no_text"


async def run_phase(
    client: ModelClient,
    spec: LatencySpec,
    arms: Mapping[str, Sequence[ChatRequest]],
    *,
    engine: str = "",
    confidence: float = 0.95,
    on_progress: Progress | None = None,
) -> LatencyReport:
    """Measure every level and report. `arms` maps CANDIDATE, and BASELINE where there is one, to
    the same questions in the same order; they are asked round and round.

    `client` needs as many seats as the highest level, nobody else on them, and no patience: a
    request that is tried again is not timed honestly. `engine` is the pin's. `on_progress` is
    called in this loop with the requests that ended and their total, warm-up included.
    When `spec.max_seconds` are over, what was measured is reported as `ended="time_limit"`.
    Raises LatencyInputError, and LatencyErrorsError when too many requests failed.
    """
    _check(client, spec, arms)
    is_enforced = spec.ignore_eos and has_fixed_length(engine, arms)
    timed = {arm: _timed(requests, spec, is_enforced) for arm, requests in arms.items()}
    phase = _Phase(client, spec, timed, on_progress)
    started = time.perf_counter()
    is_over = await phase.run()
    return LatencyReport(
        spec=spec,
        levels=tuple(phase.levels),
        ended="time_limit" if is_over else "complete",
        is_length_enforced=is_enforced,
        seconds=round(time.perf_counter() - started, _DECIMALS),
        confidence=confidence,
    )


def endpoint_for(endpoint: Endpoint, spec: LatencySpec) -> Endpoint:
    """The endpoint with a seat for every request of the highest level: for the phase's client."""
    return replace(endpoint, concurrency=max(spec.concurrency))


def has_fixed_length(engine: str, arms: Mapping[str, Sequence[ChatRequest]]) -> bool:
    """Whether the engine can be held to one length with these requests.

    Not with `response_format`: what the grammar ends, no switch can prolong.
    """
    is_free = all("response_format" not in r.parameters for rs in arms.values() for r in rs)
    return is_free and engine.lower() in FIXED_LENGTH_ENGINES


def _check(
    client: ModelClient, spec: LatencySpec, arms: Mapping[str, Sequence[ChatRequest]]
) -> None:
    if CANDIDATE not in arms or not arms.keys() <= {CANDIDATE, BASELINE}:
        raise LatencyInputError(f"the arms are {CANDIDATE} and perhaps {BASELINE}")
    sizes = {len(requests) for requests in arms.values()}
    if len(sizes) > 1 or 0 in sizes:
        raise LatencyInputError("both arms need the same questions, and at least one")
    seats, highest = client.endpoint.concurrency, max(spec.concurrency)
    if seats < highest:
        raise LatencyInputError(
            f"the client has {seats} seats for {highest} requests at once",
            hint="open a client of its own for the phase, with endpoint_for",
        )


def _timed(
    requests: Sequence[ChatRequest], spec: LatencySpec, is_enforced: bool
) -> tuple[ChatRequest, ...]:
    """The requests with the phase's length. A stop word would cut a fixed length short."""
    dropped = {"stop"} if is_enforced else set()
    return tuple(
        replace(
            request,
            parameters={k: v for k, v in request.parameters.items() if k not in dropped}
            | {"max_tokens": spec.max_tokens},
            top_logprobs=0,
            ignore_eos=is_enforced,
        )
        for request in requests
    )


@dataclass(frozen=True, slots=True)
class _Turn:
    """One request: which arm's, of which pair of its level, and which of the arm's questions."""

    arm: str
    pair: int
    question: int
    request: ChatRequest


class _Phase:
    """One run of the phase: where it is, and what it has so far."""

    def __init__(
        self,
        client: ModelClient,
        spec: LatencySpec,
        arms: Mapping[str, Sequence[ChatRequest]],
        on_progress: Progress | None,
    ) -> None:
        self.client = client
        self.spec = spec
        self.arms = arms
        self.on_progress = on_progress
        self.levels: list[LevelReport] = []
        self.asked = 0  # pairs of all levels: the warm-up must not ask what is measured next
        self.ended = 0

    async def run(self) -> bool:
        """Every level in turn. Whether the time was over before that."""
        limit = asyncio.timeout(self.spec.max_seconds)
        try:
            async with limit:
                for concurrency in self.spec.concurrency:
                    await self._level(concurrency)
        except TimeoutError:
            if not limit.expired():
                raise
        return limit.expired()

    async def _level(self, concurrency: int) -> None:
        warm_up = LevelTally(concurrency, self.spec.warmup, tuple(self.arms))
        await self._send(warm_up, self.spec.warmup)
        before = await read_prefix_cache(self.client)
        level = LevelTally(concurrency, self.spec.requests, tuple(self.arms))
        started = time.perf_counter()
        try:
            await self._send(level, self.spec.requests)
        finally:  # a level that the time limit broke off is reported too
            seconds = round(time.perf_counter() - started, _DECIMALS)
            if not level.is_empty:
                self.levels.append(level.report(seconds, None))
        use = _use(before, await read_prefix_cache(self.client))
        self.levels[-1] = replace(self.levels[-1], prefix_cache=use)

    async def _send(self, tally: LevelTally, pairs: int) -> None:
        """Ask `pairs` questions of every arm. The first error that is not a request's own stops
        all of them; so does cancelling.
        """
        turns = self._turns(self.asked, pairs)
        self.asked += pairs
        askers = [asyncio.create_task(self._ask(tally, turns)) for _ in range(tally.concurrency)]
        try:
            await asyncio.gather(*askers)
        finally:
            for asker in askers:
                asker.cancel()
            await asyncio.gather(*askers, return_exceptions=True)

    def _turns(self, first: int, pairs: int) -> Iterator[_Turn]:
        """Both arms of a question side by side, and each arm first every other time: what drifts
        meets both alike, and so does what the first of them leaves in the server's prefix cache.
        """
        names = tuple(self.arms)
        for pair in range(pairs):
            for arm in names if pair % 2 == 0 else reversed(names):
                question = (first + pair) % len(self.arms[arm])
                yield _Turn(arm, pair, question, self.arms[arm][question])

    async def _ask(self, tally: LevelTally, turns: Iterator[_Turn]) -> None:
        for turn in turns:
            try:
                response = await self.client.chat(turn.request)
                tally.answered(turn.arm, _timing(turn, response))
            except AssayError as error:
                tally.failed(turn.arm, error)
            self.ended += 1
            if self.on_progress is not None:
                self.on_progress(self.ended, len(self.arms) * self.spec.requests_per_arm)


def _timing(turn: _Turn, response: ChatResponse) -> Timing:
    if response.ttft_ms is None:
        raise NoTextError
    arrivals = [round(arrival, _DECIMALS) for arrival in response.chunk_times_ms]
    return Timing(
        pair=turn.pair,
        question=turn.question,
        ttft_ms=round(response.ttft_ms, _DECIMALS),
        e2e_ms=round(response.total_ms, _DECIMALS),
        prompt_tokens=response.prompt_tokens,
        output_tokens=response.completion_tokens,
        cached_tokens=response.cached_tokens,
        itl_ms=tuple(round(gap, _DECIMALS) for gap in gaps(arrivals)),
    )


def _use(
    before: PrefixCacheCounters | None, after: PrefixCacheCounters | None
) -> PrefixCacheUse | None:
    counted = None if before is None or after is None else after.since(before)
    return None if counted is None else PrefixCacheUse(counted.queries, counted.hits)
