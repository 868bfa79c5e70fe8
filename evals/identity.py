"""Which model answers behind an address: measured, compared with what is known of it, recorded."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import timedelta

from django.db import connection, transaction
from django.utils import timezone

from core.errors import UnavailableError
from evals.conversation import Conversation
from evals.endpoints import endpoint_of
from evals.waiting import LOOK_SECONDS, LeadLostError, awaited
from registry import certificates, queries
from registry.domain.model_pin import ModelPin
from registry.models import ModelVersion
from serving.client import Endpoint, ModelClient
from serving.fingerprint import Comparison, Fingerprint, confirm, is_same, measure

#: So old may a measurement be and still count as the one before the first call. The one after the
#: last call is always made.
RECENT = timedelta(seconds=30)
_ADDRESS = ("base_url", "base_url_env")
#: The advisory locks of first meetings, each with a model's row as its second number.
_MEETING = 0x4D454554


class AddressChangedError(UnavailableError):
    """Its address was changed while it was measured."""

    code = "address_changed"
    hint = "evaluate again"


class UnclearError(UnavailableError):
    """The server does not agree with itself, or with what another run found a moment ago."""

    code = "model_unclear"


def known(model: ModelVersion) -> Fingerprint | None:
    """What later measurements can be compared with; None when nothing comparable is stored."""
    return Fingerprint.stored(model.fingerprint, model.fingerprint_mode, model.fingerprint_detail)


def recent(model: ModelVersion) -> Fingerprint | None:
    """What was measured of it a moment ago; None when nothing was."""
    if model.fingerprint_at is None or model.fingerprint_at < timezone.now() - RECENT:
        return None
    return known(model)


def has_address_of(model: ModelVersion, other: ModelVersion) -> bool:
    """Whether both readings of a pin lead to one server."""
    return all(model.pin.get(key) == other.pin.get(key) for key in _ADDRESS)


def identify(
    model: ModelVersion, talk: Conversation, still_ours: Callable[[], bool], *, is_last: bool
) -> str:
    """The fingerprint of what answers for a model now, measured unless it was a moment ago.

    `is_last`: measured in any case, to confirm what was said before. Raises AssayError kinds,
    UnclearError among them, and LeadLostError when it is not wanted any more.
    """
    row = ModelVersion.objects.get(pk=model.pk)
    if not is_last and (found := recent(row)) is not None:
        return found.value
    endpoint = endpoint_of(ModelPin.from_json(row.pin))
    with meeting(row, still_ours) as stored:
        return settled(row, measured(talk, stored, still_ours, endpoint)).value


@contextmanager
def meeting(model: ModelVersion, still_ours: Callable[[], bool]) -> Iterator[Fingerprint | None]:
    """What is known of a model now, to be compared with; measure and settle inside.

    Whoever gets None meets the model for the first time, and alone: two that meet one at once, and
    learn different tolerances from it, may not recognise what the other one found. The others wait,
    and get what was settled. The lock ends with its connection at worst. Raises LeadLostError when
    it is not wanted any more, asked every half second.
    """
    while (stored := _known_now(model)) is None and not _locked(model):
        if not still_ours():
            raise LeadLostError
        time.sleep(LOOK_SECONDS)
    if stored is not None:
        yield stored
        return
    try:
        yield _known_now(model)  # it may have been settled between the look and the lock
    finally:
        with connection.cursor() as cursor:
            cursor.execute("SELECT pg_advisory_unlock(%s, %s)", [_MEETING, _lock_number(model)])


def _known_now(model: ModelVersion) -> Fingerprint | None:
    return known(ModelVersion.objects.get(pk=model.pk))


def _locked(model: ModelVersion) -> bool:
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_try_advisory_lock(%s, %s)", [_MEETING, _lock_number(model)])
        return bool(cursor.fetchone()[0])


def _lock_number(model: ModelVersion) -> int:
    """Of 31 bits; models that share one wait for each other without harm."""
    return model.pk % 2**31


def measured(
    talk: Conversation,
    known: Fingerprint | None,
    still_ours: Callable[[], bool],
    endpoint: Endpoint | None = None,
    *,
    meanwhile: Callable[[], object] | None = None,
) -> Comparison:
    """Compare what answers with `known`; a first measurement has nothing to differ from.

    `endpoint` None: that of the conversation. `meanwhile` is called while the server is asked.
    Raises as `awaited`, and what the client raises.
    """

    async def compared(client: ModelClient) -> Comparison:
        if known is None:
            return Comparison("changed", await measure(client))
        return await confirm(client, known)

    asking = talk.start(compared, endpoint=endpoint)
    if meanwhile is not None:
        meanwhile()
    return awaited(asking, still_ours)


def settled(model: ModelVersion, found: Comparison) -> Fingerprint:
    """Store what was found and return the fingerprint that holds now. `model` is the row as it was
    read before.

    Where another measurement was stored in between, the first one recorded names the model, if both
    are of one. A model that drifted and is back gets its old name.
    Raises UnclearError, and AddressChangedError when a sync has pointed the pin elsewhere since.
    """
    if found.state == "cannot tell":
        raise UnclearError(
            f"{model.name} answers the same questions differently: cannot tell which model it is"
        )
    with transaction.atomic():
        # Without `no_key` a rollback, whose entry refers to the model, would wait for this.
        row = ModelVersion.objects.select_for_update(no_key=True).get(pk=model.pk)
        if not has_address_of(model, row):
            raise AddressChangedError
        stored, holds = known(row), found.fingerprint
        if stored is not None and stored != found.known:
            if not is_same(stored, holds):
                raise UnclearError(
                    f"{model.name} answers the same questions differently: "
                    "cannot tell which model it is"
                )
            holds = stored
        elif found.state == "changed":
            holds = _old_name(row, holds)
        certificates.record_fingerprint(
            model=row,
            fingerprint=holds.value,
            mode=holds.kind,
            detail=holds.detail_json(),
            now=timezone.now(),
        )
    return holds


def _old_name(model: ModelVersion, holds: Fingerprint) -> Fingerprint:
    alarm = queries.ringing_alarm(model)
    if alarm is None:
        return holds
    before = Fingerprint.stored(alarm.fingerprint, alarm.fingerprint_mode, alarm.fingerprint_detail)
    if before is None or not is_same(before, holds):
        return holds
    return replace(before, spread=max(before.spread, holds.spread))
