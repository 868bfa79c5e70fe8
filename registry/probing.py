"""What looks at model servers found: remembered, and read again."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from datetime import datetime

from django.db import transaction
from django.db.models import QuerySet

from registry.models import ModelProbe, ModelVersion
from serving.load import EngineLoad
from serving.served import Served

#: Of each model: a day and a half at the default interval.
KEPT = 432


def remember(
    *,
    model: ModelVersion,
    served: Served,
    differences: Sequence[str],
    now: datetime,
    fingerprint: str = ModelProbe.State.NOT_MEASURED.value,
    distance: float | None = None,
    error: str = "",
) -> ModelProbe:
    """Store one look, and forget the oldest of the model."""
    is_number = distance is not None and math.isfinite(distance)
    with transaction.atomic():
        probe = ModelProbe.objects.create(
            model=model,
            at=now,
            is_reachable=served.is_reachable,
            is_healthy=served.is_healthy,
            served=served.to_json(),
            differences=list(differences),
            error=error or served.error,
            fingerprint=fingerprint,
            distance=distance if is_number else None,
        )
        of_model = ModelProbe.objects.filter(model=model)
        oldest = of_model.order_by("-pk").values_list("pk", flat=True)[KEPT : KEPT + 1].first()
        if oldest is not None:
            of_model.filter(pk__lte=oldest).delete()
    return probe


def newest_probes(model_ids: Iterable[int]) -> dict[int, ModelProbe]:
    """Model id -> the last look at its server; without those nobody looked at."""
    newest = ModelProbe.objects.filter(model__in=list(model_ids)).order_by("model_id", "-pk")
    return {probe.model_id: probe for probe in newest.distinct("model_id")}


def last_comparisons(model_ids: Iterable[int]) -> dict[int, ModelProbe]:
    """Model id -> the last look that asked for the fingerprint."""
    newest = ModelProbe.objects.filter(model__in=list(model_ids)).order_by("model_id", "-pk")
    asked = newest.exclude(fingerprint=ModelProbe.State.NOT_MEASURED)
    return {probe.model_id: probe for probe in asked.distinct("model_id")}


def probes(model: ModelVersion, count: int) -> QuerySet[ModelProbe]:
    """The newest looks at a model's server."""
    return ModelProbe.objects.filter(model=model)[:count]


def loads(model: ModelVersion, count: int) -> list[tuple[datetime, EngineLoad | None]]:
    """How busy a model's server was at each of the newest looks, the oldest first; None where it
    did not say.
    """
    newest = ModelProbe.objects.filter(model=model).values_list("at", "served__load")[:count]
    # A run's own look may be stored between two others: by its time, not by its place.
    by_time = sorted(newest, key=lambda look: look[0])
    return [(at, EngineLoad.from_json(load) if load else None) for at, load in by_time]
