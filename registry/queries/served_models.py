"""Pinned models, what rings about them, and what rests on them."""

from __future__ import annotations

from collections.abc import Sequence

from django.db.models import (
    Count,
    Exists,
    F,
    OuterRef,
    Q,
    QuerySet,
)

from registry.domain.judge_model import JudgeModel
from registry.errors import (
    ModelUnknownError,
)
from registry.models import (
    Certificate,
    ModelAlarm,
    ModelVersion,
)
from registry.models.ledger import Tag


def current_model(name: str) -> ModelVersion:
    """The pin `name` stands for now. Raises ModelUnknownError naming those that exist."""
    found = ModelVersion.objects.filter(name=name, is_current=True).first()
    if found is None:
        names = ModelVersion.objects.filter(is_current=True).values_list("name", flat=True)
        known = ", ".join(names) or "none"
        raise ModelUnknownError(f"models.yaml has no {name!r}; it has {known}")
    return found


def models() -> QuerySet[ModelVersion]:
    """The pins of models.yaml as they are now."""
    return ModelVersion.objects.filter(is_current=True).order_by("name")


def model_alarms() -> QuerySet[ModelAlarm]:
    """What rings about the models of models.yaml as they are now."""
    ringing = ModelAlarm.objects.filter(resolved_at=None, model__is_current=True)
    return ringing.select_related("model")


def ringing_alarm(model: ModelVersion) -> ModelAlarm | None:
    """The alarm that says that the model drifted; None when it did not, or is back."""
    return ModelAlarm.objects.filter(model=model, resolved_at=None).first()


def drifts_by_model() -> dict[str, int]:
    """How many alarms each model ever raised, those that stopped among them."""
    rows = ModelAlarm.objects.order_by().values_list("model__name").annotate(Count("pk"))
    return dict(rows)


def changed_judges(judges: Sequence[JudgeModel]) -> tuple[str, ...]:
    """What became of models that judged, a sentence each; mostly nothing."""
    if not judges:
        return ()
    rows = ModelVersion.objects.filter(name__in=[judge.name for judge in judges])
    serves = {(row.name, row.digest): row.fingerprint for row in rows}
    return tuple(
        f"{judge.name}, which judged, serves something else since"
        if serves.get((judge.name, judge.digest))
        else f"{judge.name}, which judged, was not measured since its address changed"
        for judge in judges
        if serves.get((judge.name, judge.digest)) != judge.fingerprint
    )


def judging_models(judges: Sequence[JudgeModel]) -> list[ModelVersion]:
    """The pins that judged, as far as they are still known."""
    rows = ModelVersion.objects.filter(name__in=[judge.name for judge in judges])
    named = {(judge.name, judge.digest) for judge in judges}
    return [row for row in rows if (row.name, row.digest) in named]


def judges_that_do_not_hold(certificate: Certificate) -> tuple[str, ...]:
    """Why what the judges of a certificate said does not count any more, a sentence each."""
    evidence = certificate.evidence
    judges = tuple(JudgeModel(**one) for one in evidence.get("judge_models", ()))
    if not judges and evidence.get("judges"):
        return ("its judges were not measured then",)  # it was issued before they were
    return changed_judges(judges)


def live_on(model: ModelVersion) -> QuerySet[Tag]:
    """The tags that point at a version on this model."""
    live = Tag.objects.filter(event__model=model, event__version__isnull=False)
    whole = live.select_related("prompt", "event__version").order_by("prompt__name", "name")
    return whole.defer("event__version__content", "event__version__template")


def live_without_certificate(model: ModelVersion) -> QuerySet[Tag]:
    """Live tags on the model, and those whose version it judged, without a certificate that holds
    for what is served now.
    """
    here = Certificate.objects.filter(
        prompt_version=OuterRef("event__version"), model_version=OuterRef("event__model")
    )
    proven = here.filter(fingerprint=F("model_version__fingerprint"), expired_at=None)
    named = {"judge_models": [{"name": model.name, "digest": model.digest}]}
    judged = Exists(here.filter(evidence__contains=named))
    live = Tag.objects.filter(Q(event__model=model) | judged, event__version__isnull=False)
    return live.filter(~Exists(proven))
