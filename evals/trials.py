"""What is stored of judges' trials, and which of it still holds.

A trial is about one judge (its identity) at one address, served by what was measured then. What was
shown at another address, or by other weights behind the same one, says nothing about this judge.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime
from typing import Any

from django.db.models import QuerySet

from evals.domain.judge.calibration import Calibration, Trust, is_trusted
from evals.domain.judge.canaries import CanaryResult
from evals.domain.judge.spec import JudgeSpec
from evals.domain.suite import SuiteSpec
from evals.models import JudgeTrial
from registry.domain.policy import JudgeFloor
from registry.models import ModelVersion


def advisory(suites: Iterable[SuiteSpec], floor: JudgeFloor) -> dict[str, str]:
    """The judges whose verdicts decide nothing: `suite/judge` -> why, in a sentence."""
    found: dict[str, str] = {}
    for suite in suites:
        for name, judge in suite.judges.items():
            trust = standing(judge, floor)
            if not trust.is_trusted:
                found[f"{suite.name}/{name}"] = trust.sentence
    return found


def standing(judge: JudgeSpec, floor: JudgeFloor) -> Trust:
    """Whether what was measured of this judge, and holds, reaches the floor."""
    calibration = calibration_of(judge)
    if calibration is None and _calibrations(judge).exists():
        told = f"{judge.model.name}, which judges by the rubric {judge.rubric.name}"
        since = "since it moved or served something else"
        return Trust(False, f"{told}, has not been measured against human labels {since}: advisory")
    return is_trusted(judge, calibration, floor)


def calibration_of(judge: JudgeSpec, *, before: datetime | None = None) -> Calibration | None:
    """The newest measurement of this judge by these labels, or the newest there was `before`."""
    trial = newest_calibration(judge, before=before)
    return Calibration.from_json(trial.outcome) if trial else None


def newest_calibration(judge: JudgeSpec, *, before: datetime | None = None) -> JudgeTrial | None:
    """The finished trial of this judge by these labels that counts, or that counted `before`."""
    found = _that_hold(_calibrations(judge), judge)
    return found.filter(finished_at__lte=before).first() if before else found.first()


def _calibrations(judge: JudgeSpec) -> QuerySet[JudgeTrial]:
    return JudgeTrial.objects.filter(
        kind=JudgeTrial.Kind.CALIBRATION,
        status=JudgeTrial.Status.FINISHED,
        judge=judge.identity,
        labels=judge.calibration,
    )


def known_canaries(judge: JudgeSpec) -> tuple[CanaryResult, ...] | None:
    """What the canaries showed; None when they were not put yet.

    Two runs may have put them at once: what fooled the judge once counts.
    """
    trials = JudgeTrial.objects.filter(
        kind=JudgeTrial.Kind.CANARIES,
        status=JudgeTrial.Status.FINISHED,
        judge=judge.identity,
    )
    results = [
        CanaryResult(**one)
        for trial in _that_hold(trials, judge)
        for one in trial.outcome["canaries"]
    ]
    return tuple({(one.key, one.passed): one for one in results}.values()) or None


def holds(trial: JudgeTrial, judge: JudgeSpec) -> bool:
    """Whether what the trial showed is about what serves the judge now, as far as is known."""
    return _that_hold(JudgeTrial.objects.filter(pk=trial.pk), judge).exists()


def _that_hold(trials: QuerySet[JudgeTrial], judge: JudgeSpec) -> QuerySet[JudgeTrial]:
    model = ModelVersion.objects.filter(name=judge.model.name, is_current=True).first()
    if model is None or not model.fingerprint:
        return trials.none()
    return trials.filter(fingerprint=model.fingerprint, spec__address=_address(model))


def spec_of(judge: JudgeSpec, model: ModelVersion) -> dict[str, Any]:
    """What a trial is stored with: the judge, and where it answers."""
    return {**judge.to_json(), "address": _address(model)}


def _address(model: ModelVersion) -> list[str | None]:
    return [model.pin.get("base_url"), model.pin.get("base_url_env")]
