"""A model serves something else: tell everybody, and know when it is over.

Live tags keep serving (P5). The alarm stops when the model is measured to be what it was, or when
every version that is live on it, or that it judged, is certified again. That is looked for when
something is certified, and when a judge on the model is measured against people's labels.
"""

from __future__ import annotations

import logging
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from registry import outbox, queries
from registry.models import ModelAlarm, ModelVersion

TOPIC = outbox.Topic.MODEL_DRIFTED
_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Before:
    """What a model was known to serve: `ModelVersion`'s own fields. Empty: never measured."""

    fingerprint: str
    mode: str
    detail: Sequence[Any]

    @classmethod
    def of(cls, model: ModelVersion) -> Before:
        """As the model's row has it now."""
        return cls(model.fingerprint, model.fingerprint_mode, model.fingerprint_detail)


def note(*, model: ModelVersion, before: Before, expired: int, now: datetime) -> bool:
    """Follow a new measurement of `model`, which is stored; `expired` certificates lost by it.

    Raises the alarm, or stops it when the model is back. Joins the caller's transaction. Returns
    whether the model drifted; a first measurement, or one of another method, is no drift.
    """
    if model.fingerprint == before.fingerprint:
        return False
    ringing = queries.ringing_alarm(model)
    if ringing is not None and ringing.fingerprint == model.fingerprint:
        ringing.resolved_at, ringing.resolution = now, "it serves what it served before"
        ringing.save(update_fields=["resolved_at", "resolution"])
        return False
    if not before.fingerprint or _method(before.mode) != _method(model.fingerprint_mode):
        return False
    _tell(model, before, expired, now)
    if ringing is None:
        ModelAlarm.objects.create(
            model=model,
            message=f"{model.name} serves something else than what was certified on it",
            fingerprint=before.fingerprint,
            fingerprint_mode=before.mode,
            fingerprint_detail=list(before.detail),
            raised_at=now,
        )
    return True


def settle(*, model: ModelVersion, now: datetime) -> None:
    """Stop the alarm if everything live that the model answers for is certified again. Called after
    evidence was renewed with what it serves now; joins the caller's transaction.
    """
    ringing = ModelAlarm.objects.filter(model=model, resolved_at=None)
    if ringing.exists() and not queries.live_without_certificate(model).exists():
        ringing.update(resolved_at=now, resolution="what rests on it was evaluated again")


def _tell(model: ModelVersion, before: Before, expired: int, now: datetime) -> None:
    outbox.tell(
        TOPIC,
        model.name,
        {
            "model": model.name,
            "model_digest": model.digest,
            "from": before.fingerprint,
            "to": model.fingerprint,
            "certificates_expired": expired,
            "at": now.isoformat(),
        },
    )
    _log.warning(
        "model.drifted: %s serves %s where it served %s; %d certificates expired",
        model.name,
        model.fingerprint[:12],
        before.fingerprint[:12],
        expired,
    )


def _method(mode: str) -> str:
    """`logprobs/2` -> `2`: what was measured by other probes cannot have changed."""
    return mode.rpartition("/")[2] if "/" in mode else ""
