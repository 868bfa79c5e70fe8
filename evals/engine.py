"""One worker's call: work on a run until nothing is left to take.

This thread owns the database: it leases, renders, scores and stores. A second thread owns the
asyncio loop and the connections to the model. Whatever happens to this process, the run stays
right: a lease that is not renewed is taken by the next worker, and results have one way in.
"""

from __future__ import annotations

import logging
import secrets
import socket
import time
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor, wait
from dataclasses import dataclass, field
from uuid import UUID

from django.conf import settings
from django.utils import timezone

from core.errors import AssayError
from evals import jobs, leases, proof, queries, runs
from evals.conversation import Asked, Conversation, Patience
from evals.domain.suite import CaseSpec, SuiteSpec
from evals.endpoints import endpoint_of
from evals.leases import Lease
from evals.models import EvalRun
from evals.scoring import Judgement, judge, not_judged
from registry.domain.model_pin import ModelPin
from registry.domain.template.render import Rendered
from registry.domain.version import VersionContent
from registry.rendering import (
    RenderFailure,
    RenderJob,
    RenderUnavailableError,
    render_batch,
)
from serving.client import ChatRequest, Message, ModelUnavailableError

_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Limits:
    """How long one call works, in seconds: after `budget` nothing new is leased, after `drain`
    more what is still being asked is given back. Both together stay below Celery's limit.
    """

    budget_seconds: float = 1200.0
    drain_seconds: float = 240.0
    #: How often a worker looks whether its run and its leases are still its own.
    look_seconds: float = 1.0
    patience: Patience = field(default_factory=Patience)


DEFAULT_LIMITS = Limits()
_SMALLEST_CHUNK = 16


def work(run_id: UUID, *, limits: Limits = DEFAULT_LIMITS) -> None:
    """Do what is left of a run: measure, ask, score, store, finish. Safe to call twice, and at
    once from several workers; a run that is finished, cancelled or unknown is nothing to do.
    """
    run = queries.runs().filter(pk=run_id, status__in=EvalRun.LIVE).first()
    if run is None or proof.is_given_up(run):
        return
    try:
        endpoint = endpoint_of(ModelPin.from_json(run.model.pin))
    except AssayError as error:
        runs.abort_run(run_id=run_id, reason=_sentence(error), now=timezone.now())
        return
    owner = f"{socket.gethostname()[:60]}:{secrets.token_hex(8)}"
    with Conversation(endpoint, limits.patience) as talk:
        worker = proof.Worker(owner, talk)
        if not proof.begin(run, worker):
            return
        shift = _Shift(run, worker, limits)
        shift.work()
        if not queries.has_open_items(run_id):
            proof.close(run, worker)
        elif shift.is_over:
            jobs.wake(run_id)  # at the end of the queue: other runs have waited


def _sentence(error: AssayError) -> str:
    return f"{error.message} ({error.hint})" if error.hint else error.message


@dataclass(slots=True)
class _Held:
    """A leased item and what is needed to judge its answer."""

    lease: Lease
    suite: SuiteSpec
    case: CaseSpec


class _Shift:
    """The main loop and its state: what is leased and not yet answered."""

    def __init__(self, run: EvalRun, worker: proof.Worker, limits: Limits) -> None:
        self.run = run
        self.owner = worker.owner
        self.talk = worker.talk
        self.limits = limits
        self.content = VersionContent.from_json(run.version.content)
        self.suites = queries.suites_of(run)
        self.cases = {
            (key, case.key): case for key, suite in self.suites.items() for case in suite.cases
        }
        self.held: dict[int, _Held] = {}
        self.is_over = False
        #: Cases in a row whose tries were all in vain.
        self.unanswered = 0
        now = time.monotonic()
        self.stop_leasing_at = now + limits.budget_seconds
        self.stop_at = self.stop_leasing_at + limits.drain_seconds
        self.look_at = now
        self.renew_at = now + settings.EVAL_LEASE_SECONDS / 3

    def work(self) -> None:
        """Until nothing is held and nothing can be leased. Gives back what it still holds."""
        try:
            while self._go_on():
                asked = self.talk.next(self.limits.look_seconds / 2)
                if asked is not None:
                    self._take(asked)
        except BaseException:
            # Attempts stay counted: an item that breaks workers must not do so for ever.
            leases.release(items=self.held, owner=self.owner, refund=False)
            raise
        leases.release(items=self.held, owner=self.owner, refund=True)

    def _go_on(self) -> bool:
        self._keep()
        now = time.monotonic()
        self.is_over = now >= self.stop_leasing_at
        if not self.is_over and len(self.held) < self.talk.endpoint.concurrency:
            self._fill()
        return bool(self.held) and now < self.stop_at

    def _keep(self) -> None:
        """Renew what is held before it runs out, and look what is held no more."""
        now = time.monotonic()
        if now >= self.renew_at:
            self.renew_at = now + settings.EVAL_LEASE_SECONDS / 3
            leases.renew(items=self.held, owner=self.owner)
        if now >= self.look_at:
            self.look_at = now + self.limits.look_seconds
            self._drop_lost()

    def _drop_lost(self) -> None:
        """Stop paying for what is no longer ours: cancelled, or taken by somebody else."""
        still = leases.still_held([held.lease for held in self.held.values()])
        lost = [item for item in self.held if item not in still]
        for item in lost:
            self.talk.forget(item)
            del self.held[item]
        if lost:  # of a cancelled run: free at once, should it be resumed
            leases.release(items=lost, owner=self.owner, refund=True)

    def _fill(self) -> None:
        leases.give_up_poison(run_id=self.run.pk)
        size = max(_SMALLEST_CHUNK, 2 * self.talk.endpoint.concurrency)
        chunk = leases.lease_chunk(run_id=self.run.pk, owner=self.owner, size=size)
        taken = [
            _Held(lease, self.suites[lease.suite], self.cases[lease.suite, lease.case])
            for lease in chunk
        ]
        self.held.update({held.lease.item: held for held in taken})
        if taken:
            self._ask(taken)

    def _ask(self, taken: Sequence[_Held]) -> None:
        """Render in the jail, then put the questions. What does not render is an error."""
        try:
            results = self._rendered(
                [RenderJob(self.content, h.case.variables, h.case.placeholders) for h in taken]
            )
        except RenderUnavailableError as error:
            self._abort(error.message)
            return
        self._drop_lost()  # whatever the renewals were up against, nothing is asked twice
        for held, rendered in zip(taken, results, strict=True):
            if held.lease.item not in self.held:
                continue
            if isinstance(rendered, RenderFailure):
                self._store(held, not_judged(f"the prompt does not render: {rendered.message}"))
                continue
            messages = tuple(Message(turn.role, turn.content) for turn in rendered.messages)
            try:
                request = ChatRequest(messages, self.content.parameters)
            except AssayError as error:
                self._store(held, not_judged(error.message))
            else:
                self.talk.ask(held.lease.item, request)

    def _rendered(self, jobs: Sequence[RenderJob]) -> list[Rendered | RenderFailure]:
        """Render on another thread: a chunk may take longer than a lease lasts."""
        pool = ThreadPoolExecutor(1)
        try:
            rendering = pool.submit(render_batch, jobs)
            while not wait([rendering], timeout=self.limits.look_seconds / 2).done:
                self._keep()
            return rendering.result()
        finally:
            pool.shutdown(wait=False)

    def _take(self, asked: Asked) -> None:
        held = self.held.get(asked.ticket)
        if held is None:
            return  # lost before it was answered
        if asked.response is not None:
            self.unanswered = 0
            self._store(held, judge(held.suite, held.case, asked.response))
            return
        assert asked.error is not None
        self._store(held, not_judged(asked.error.message))
        self._count_unanswered(asked.error)

    def _count_unanswered(self, error: AssayError) -> None:
        """A server that answers nobody any more would only burn the remaining cases."""
        if not isinstance(error, ModelUnavailableError):
            self.unanswered = 0
            return
        self.unanswered += 1
        if self.unanswered > self.talk.endpoint.concurrency:
            self._abort(f"{self.run.model.name} stopped answering: {error.message}")

    def _abort(self, reason: str) -> None:
        runs.abort_run(run_id=self.run.pk, reason=reason, now=timezone.now())
        self._drop_lost()

    def _store(self, held: _Held, judgement: Judgement) -> None:
        leases.store_result(lease=held.lease, judgement=judgement)
        del self.held[held.lease.item]
