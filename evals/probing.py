"""Look at the servers of pinned models: on a schedule, on demand, and before each run.

A look asks what the server says about itself, which is cheap. Now and then it also asks for the
fingerprint of a model that was measured before: a change expires certificates and raises an alarm
(`registry.drift`). What a look finds is stored; nothing that a server does makes it fail.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import datetime, timedelta

from django.conf import settings
from django.utils import timezone

from core.errors import AssayError
from evals import identity, jobs, queries
from evals.endpoints import EndpointUnknownError, endpoint_of
from evals.waiting import LeadLostError
from registry import probing
from registry.domain.model_pin import ModelPin
from registry.domain.served import differences
from registry.models import ModelProbe, ModelVersion
from serving import served
from serving.client import Endpoint, ModelClient
from serving.fingerprint import Comparison, Fingerprint, confirm, measure
from serving.patience import Patience, PatientClient
from serving.served import Served

_PATIENCE = Patience(tries=3, first_wait_seconds=1.0, longest_wait_seconds=5.0)
#: Of the fingerprint: all its questions together.
_FINGERPRINT_SECONDS = 240.0
State = ModelProbe.State


@dataclass(frozen=True, slots=True)
class _Look:
    """What one look brought; `comparison` is None when the fingerprint was not asked for, or could
    not be measured, which `error` then says.
    """

    served: Served
    comparison: Comparison | None = None
    error: str = ""


def probe(model: ModelVersion, *, with_fingerprint: bool) -> ModelProbe:
    """Look at a model's server now and store what was found.

    The fingerprint is left out where the server does not answer, or has no such id. Raises
    EndpointUnknownError and EndpointInvalidError: then there is no server to look at.
    """
    pin = ModelPin.from_json(model.pin)
    endpoint = endpoint_of(pin)
    if with_fingerprint:
        look, state, error = _measured(model, endpoint)
    else:
        look, state, error = asyncio.run(_look(endpoint)), State.NOT_MEASURED, ""
    found = look.comparison
    return probing.remember(
        model=model,
        served=look.served,
        differences=differences(pin, look.served),
        now=timezone.now(),
        fingerprint=state.value,
        distance=found.distance if found and found.known else None,
        error=error,
    )


def probe_by_id(model_id: int, *, with_fingerprint: bool | None = None) -> None:
    """The same for a message. `with_fingerprint` None: when it is due.

    A pin that is gone, or has no address here, is no mistake: models.yaml may list more than is
    served.
    """
    model = ModelVersion.objects.filter(pk=model_id, is_current=True).first()
    if model is None:
        return
    if with_fingerprint is None:
        with_fingerprint = _is_due(model, timezone.now())
    try:
        probe(model, with_fingerprint=with_fingerprint)
    except EndpointUnknownError:
        return


def ask_for_probe(model: ModelVersion, *, with_fingerprint: bool) -> datetime:
    """Have a worker look at a model's server soon. Returns now: newer looks are the answer.

    Raises EndpointUnknownError and EndpointInvalidError.
    """
    endpoint_of(ModelPin.from_json(model.pin))
    now = timezone.now()
    jobs.probe(
        model.pk, with_fingerprint=with_fingerprint, expires_seconds=settings.MODEL_PROBE_SECONDS
    )
    return now


def remember(model: ModelVersion, found: Served) -> tuple[str, ...]:
    """Store a look that a run made. Returns what is otherwise than pinned, in sentences."""
    other = differences(ModelPin.from_json(model.pin), found)
    probing.remember(model=model, served=found, differences=other, now=timezone.now())
    return other


def _is_due(model: ModelVersion, now: datetime) -> bool:
    """Only what was measured can drift, and a run that is on measures by itself."""
    interval = settings.MODEL_FINGERPRINT_SECONDS
    if not interval or identity.known(model) is None or queries.has_live_run(model.pk):
        return False
    last = probing.last_comparisons([model.pk]).get(model.pk)
    moments = [each for each in (model.fingerprint_at, last and last.at) if each]
    return max(moments) < now - timedelta(seconds=interval)


def _measured(model: ModelVersion, endpoint: Endpoint) -> tuple[_Look, ModelProbe.State, str]:
    """Look and measure; a run that meets the model for the first time goes first."""
    give_up_at = time.monotonic() + _FINGERPRINT_SECONDS
    try:
        with identity.meeting(model, lambda: time.monotonic() < give_up_at) as known:
            look = asyncio.run(_look(endpoint, lambda client: _compared(client, known)))
            state, error = State.NOT_MEASURED, ""
            if look.served.is_reachable:
                state, error = _settled(model, look)
            return look, state, error
    except LeadLostError:
        told = f"it was still being measured by others after {_FINGERPRINT_SECONDS:.0f} s"
        return asyncio.run(_look(endpoint)), State.FAILED, told


async def _compared(client: ModelClient, known: Fingerprint | None) -> Comparison:
    if known is None:
        return Comparison("changed", await measure(client))
    return await confirm(client, known)


async def _look(
    endpoint: Endpoint, compared: Callable[[ModelClient], Awaitable[Comparison]] | None = None
) -> _Look:
    """What the server says, and with `compared` what it serves, if it has the model."""
    async with PatientClient(endpoint, _PATIENCE) as client:
        found = await served.ask(client)
        has_model = not found.ids or endpoint.served_id in found.ids
        if compared is None or not (found.is_reachable and has_model):
            return _Look(found)
        try:
            async with asyncio.timeout(_FINGERPRINT_SECONDS):
                return _Look(found, await compared(client))
        except TimeoutError:
            return _Look(found, error=f"no fingerprint within {_FINGERPRINT_SECONDS:.0f} s")
        except AssayError as error:
            return _Look(found, error=error.message)


def _settled(model: ModelVersion, look: _Look) -> tuple[ModelProbe.State, str]:
    """Write down which model it is, as a run would."""
    if look.comparison is None:
        return (State.FAILED, look.error) if look.error else (State.NOT_MEASURED, "")
    was = model.fingerprint
    try:
        holds = identity.settled(model, look.comparison)
    except identity.UnclearError:
        return State.CANNOT_TELL, ""
    except AssayError as error:
        return State.FAILED, error.message
    if not was or look.comparison.known is None:
        return State.FIRST, ""
    return (State.SAME if holds.value == was else State.CHANGED), ""
