"""One worker's call: work on a run until nothing is left to take.

This thread owns the database: it leases, renders, scores and stores. A second thread owns the
asyncio loop and the connections to the model. Whatever happens to this process, the run stays
right: a lease that is not renewed is taken by the next worker, and results have one way in.
"""

from __future__ import annotations

import logging
import time
from concurrent.futures import Future, ThreadPoolExecutor
from functools import cached_property
from types import TracebackType
from typing import Self
from uuid import UUID

from django.conf import settings
from django.utils import timezone

from core.errors import AssayError
from evals import jobs, leases, proof, queries, results, runs
from evals.asking import Asker
from evals.conversation import Asked, Conversation
from evals.endpoints import endpoint_of
from evals.held import Arm, Held
from evals.jury import Jury
from evals.limits import DEFAULT_LIMITS, Limits
from evals.models import EvalRun
from evals.results import Result
from evals.scoring import not_judged
from registry.domain.model_pin import ModelPin
from registry.domain.policy import GatePolicy
from registry.domain.template.render import Rendered
from registry.rendering import Jail, RenderFailure, RenderUnavailableError
from serving.client import ModelUnavailableError

_log = logging.getLogger(__name__)


_SMALLEST_CHUNK = 16
#: Times the concurrency.
_AHEAD = 4
#: Results are stored together, but none waits longer than this.
_BATCH = 128
_LINGER_SECONDS = 0.1
#: Looks between two questions whether the run has failed already, at least.
_STOP_LOOKS = 5


def work(run_id: UUID, *, limits: Limits = DEFAULT_LIMITS) -> None:
    """Do what is left of a run: measure, ask, score, store, finish. Safe to call twice, and at
    once from several workers; a run that is finished, cancelled or unknown is nothing to do.
    """
    live = queries.runs().prefetch_related(None).filter(status__in=EvalRun.LIVE)
    run = live.filter(pk=run_id).first()
    if run is None or proof.is_given_up(run):
        return
    try:
        endpoint = endpoint_of(ModelPin.from_json(run.model.pin))
    except AssayError as error:
        runs.abort_run(run_id=run_id, reason=error.sentence, now=timezone.now())
        return
    owner = leases.fresh_owner()
    with (
        Jail() as jail,
        ThreadPoolExecutor(1, "kitchen") as kitchen,
        Conversation(endpoint, limits.patience) as talk,
    ):
        kitchen.submit(jail.warm)  # while the model is measured
        worker = proof.Worker(owner, talk)
        with _Shift(run, worker, limits, Asker(run, talk, jail, kitchen)) as shift:
            if not proof.begin(run, worker, meanwhile=shift.prepare):
                return
            shift.work()
        if not queries.has_open_items(run_id):
            proof.close(run, worker)
        elif shift.is_over:
            jobs.wake(run_id)  # at the end of the queue: other runs have waited


class _Shift:
    """The main loop and its state: what is leased and not yet stored."""

    def __init__(self, run: EvalRun, worker: proof.Worker, limits: Limits, asker: Asker) -> None:
        self.run = run
        self.owner = worker.owner
        self.talk = worker.talk
        self.limits = limits
        self.asker = asker
        #: The chunk that is being rendered.
        self.chunk: list[Held] = []
        self.rendering: Future[list[Rendered | RenderFailure]] | None = None
        self.last_size = 0
        self.advisory = frozenset(run.advisory)
        self.may_stop = GatePolicy.from_json(run.policy_spec).early_stop
        self.held: dict[int, Held] = {}
        self.ready: list[Result] = []
        #: Whether anything that is held can have been put to the model.
        self.has_begun = False
        self.is_over = False
        #: Answers in a row that did not come, after all tries.
        self.unanswered = 0
        now = time.monotonic()
        self.stop_leasing_at = now + limits.budget_seconds
        self.stop_at = self.stop_leasing_at + limits.drain_seconds
        self.look_at = self.store_at = self.stop_look_at = self.lease_at = now
        self.renew_at = now + settings.EVAL_LEASE_SECONDS / 3

    @cached_property
    def jury(self) -> Jury:
        """Of all suites."""
        return Jury(self.asker.suites, self.talk)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        """Give back what is still held."""
        # Attempts stay counted after an error: an item that breaks workers must not do so for ever.
        refund = kind is None or not self.has_begun
        leases.release(items=self.held, owner=self.owner, refund=refund)

    def prepare(self) -> None:
        """Lease what comes first and begin to render it."""
        self._fill(time.monotonic())

    def work(self) -> None:
        """Until nothing is held and nothing can be leased, or the time is over."""
        self.has_begun = True
        while self._go_on():
            asked = self.talk.next(self._patience())
            while asked is not None and len(self.ready) < _BATCH:
                self._take(asked)
                asked = self.talk.next(0)
            if asked is not None:
                self._take(asked)
        self._store()

    def _patience(self) -> float:
        """Seconds until something else than an answer needs attention."""
        if self.ready:
            return max(0.0, self.store_at - time.monotonic())
        return self.limits.look_seconds / 2

    def _go_on(self) -> bool:
        if self._is_to_store(time.monotonic()):
            self._store()
        self._keep()
        now = time.monotonic()
        self.is_over = now >= self.stop_leasing_at
        if self.rendering is not None and self.rendering.done():
            self._ask()
        if self._is_hungry(now):
            self._fill(now)
        return bool(self.held) and now < self.stop_at

    def _is_to_store(self, now: float) -> bool:
        """A batch is full or has waited long enough, or there is nothing it could wait for."""
        if len(self.ready) >= _BATCH:
            return True
        return bool(self.ready) and (now >= self.store_at or not self._in_flight)

    def _is_hungry(self, now: float) -> bool:
        if self.is_over or self.rendering is not None or self._in_flight >= self._ahead:
            return False
        if self.held and not self.talk.has_heard():
            return False
        # Empty-handed is the end, unless somebody gave something back.
        return now >= self.lease_at or (not self.held and queries.has_open_items(self.run.pk))

    @property
    def _ahead(self) -> int:
        """How many questions should wait in front of the model, so that it never waits for us."""
        return _AHEAD * self.talk.endpoint.concurrency

    @property
    def _in_flight(self) -> int:
        return len(self.held) - len(self.ready)

    def _keep(self) -> None:
        """Renew what is held before it runs out, and look what is held no more."""
        now = time.monotonic()
        if now >= self.renew_at:
            self.renew_at = now + settings.EVAL_LEASE_SECONDS / 3
            leases.renew(items=self.held, owner=self.owner)
        if now >= self.look_at:
            self.look_at = now + self.limits.look_seconds
            if self.may_stop and now >= self.stop_look_at:
                self._store()
                runs.stop_if_failed(run_id=self.run.pk, now=timezone.now())
                # Where cases repeat, a look may read every pair: most of the time is for the work.
                pause = max(_STOP_LOOKS * self.limits.look_seconds, 20 * (time.monotonic() - now))
                self.stop_look_at = now + pause
            self._drop_lost()

    def _drop_lost(self) -> None:
        """Stop paying for what is no longer ours: cancelled, or taken by somebody else."""
        self._store()  # what was paid for counts
        still = leases.still_held([held.lease for held in self.held.values()])
        lost = [item for item in self.held if item not in still]
        for item in lost:
            self._forget(item)
        if lost:  # of a cancelled run: free at once, should it be resumed
            leases.release(items=lost, owner=self.owner, refund=True)

    def _forget(self, item: int) -> None:
        for ticket in self.held.pop(item).open:
            self.talk.forget(ticket)
        self.jury.forget(item)

    def _fill(self, now: float) -> None:
        self.asker.read_suites()  # before anything is leased, which would have to be given back
        results.give_up_poison(run_id=self.run.pk)
        # The model should not wait until a large chunk is rendered, so the first ones are small.
        concurrency = self.talk.endpoint.concurrency
        size = min(self._ahead, 2 * self.last_size) if self.held else concurrency
        size = self.last_size = max(_SMALLEST_CHUNK, size)
        chunk = leases.lease_chunk(run_id=self.run.pk, owner=self.owner, size=size)
        if len(chunk) < size:  # for now that is all: what others give back can wait for a look
            self.lease_at = now + self.limits.look_seconds
        taken = [self.asker.held(lease) for lease in chunk]
        self.held.update({held.lease.item: held for held in taken})
        if taken:
            self.chunk, self.rendering = taken, self.asker.begin(taken)

    def _ask(self) -> None:
        """Put the questions that are rendered by now."""
        assert self.rendering is not None
        taken, rendering = self.chunk, self.rendering
        self.chunk, self.rendering = [], None
        try:
            self.asker.prepare(taken, rendering.result())
        except RenderUnavailableError as error:
            self._abort(error.message)
            return
        self._drop_lost()  # whatever the renewals were up against, nothing is asked twice
        for held in taken:
            if held.lease.item in self.held:
                self.asker.ask(held)
                self._finish_if_complete(held)

    def _take(self, asked: Asked) -> None:
        held = self.held.get(asked.ticket.item)
        if held is None or asked.ticket not in held.open:
            return  # lost before it was answered
        held.open.discard(asked.ticket)
        if asked.ticket.check:
            self.jury.take(held, asked)
        else:
            self._take_answer(held.arm(asked.ticket.arm), asked)
        self._finish_if_complete(held)

    def _take_answer(self, arm: Arm, asked: Asked) -> None:
        if asked.response is not None:
            self.unanswered = 0
            arm.given = self.asker.given(arm, asked.response)
        else:
            assert asked.error is not None
            arm.lost = not_judged(asked.error.message)
            self._count_unanswered(asked.error)

    def _finish_if_complete(self, held: Held) -> None:
        if held.open or held.lease.item not in self.held:
            return
        if not held.is_before_judges:
            held.is_before_judges = True
            self.jury.ask(held)
            if held.open:
                return
        if not self.ready:
            self.store_at = time.monotonic() + _LINGER_SECONDS
        self.ready.append(held.result(self.advisory))

    def _store(self) -> None:
        ready, self.ready = self.ready, []
        results.store(run_id=self.run.pk, results=ready)
        for result in ready:
            self.held.pop(result.lease.item, None)

    def _count_unanswered(self, error: AssayError) -> None:
        """A server that answers nobody any more would only burn the remaining cases."""
        if not isinstance(error, ModelUnavailableError):
            self.unanswered = 0
            return
        self.unanswered += 1
        if self.unanswered > self.talk.endpoint.concurrency:
            self._abort(f"{self.run.model.name} stopped answering: {error.message}")

    def _abort(self, reason: str) -> None:
        self._store()
        runs.abort_run(run_id=self.run.pk, reason=reason, now=timezone.now())
        self._drop_lost()
