"""The latency phases of a run: after its answers, by its leader, with nobody else asking."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

from core.errors import AssayError
from evals import leases, queries
from evals.asking import Asker
from evals.conversation import Conversation
from evals.domain.latency import LatencyReport, LatencySpec
from evals.domain.suite import SuiteSpec
from evals.endpoints import endpoint_of
from evals.latency_phase import endpoint_for, run_phase
from evals.models import EvalRun
from evals.waiting import awaited
from registry.domain.model_pin import ModelPin
from registry.domain.policy import GatePolicy
from registry.rendering import Jail
from serving.client import ChatRequest, ModelClient


def measure(run: EvalRun, owner: str, talk: Conversation) -> tuple[str, ...]:
    """Time what the run's suites want timed and store the reports; what is stored stays.

    Returns why something could not be timed. For the leader only; raises LeadLostError when it is
    that no more.
    """
    return tuple(_doubts(run, owner, talk))


def _doubts(run: EvalRun, owner: str, talk: Conversation) -> Iterator[str]:
    for suite in queries.suites_of(run).values():
        if suite.latency is None or suite.name in run.latency:
            continue
        try:
            report = _timed(run, owner, talk, suite, suite.latency)
        except AssayError as error:
            yield f"the latency of {suite.name} could not be measured: {error.message}"
            continue
        run.latency = {**run.latency, suite.name: report.to_json()}
        EvalRun.objects.filter(pk=run.pk, leader=owner).update(latency=run.latency)


def _timed(
    run: EvalRun, owner: str, talk: Conversation, suite: SuiteSpec, spec: LatencySpec
) -> LatencyReport:
    pin = ModelPin.from_json(run.model.pin)
    confidence = GatePolicy.from_json(run.policy_spec).confidence
    arms = _requests(run, owner, talk, suite)

    async def phase(_patient: ModelClient) -> LatencyReport:
        # A request that is tried again is not timed honestly: a client of its own, without
        # patience.
        async with ModelClient(endpoint_for(endpoint_of(pin), spec)) as client:
            return await run_phase(client, spec, arms, engine=pin.engine, confidence=confidence)

    return awaited(talk.start(phase), lambda: leases.renew_lead(run_id=run.pk, owner=owner))


def _requests(
    run: EvalRun, owner: str, talk: Conversation, suite: SuiteSpec
) -> dict[str, list[ChatRequest]]:
    """The same questions for each arm, in the same order: those that both can be asked."""
    with Jail() as jail, ThreadPoolExecutor(1) as kitchen:
        asker = Asker(run, talk, jail, kitchen)
        leases.renew_lead(run_id=run.pk, owner=owner)
        rows = asker.requests(suite.cases)
    return {name: [row[place] for row in rows] for place, name in enumerate(asker.versions)}
