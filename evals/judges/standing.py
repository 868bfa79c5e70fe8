"""How judges stand: what their trials found, and how far they are trusted for it."""

from __future__ import annotations

from dataclasses import dataclass
from uuid import UUID

from evals import trials
from evals.domain.judge.calibration import Calibration, Trust, is_trusted
from evals.domain.judge.canaries import CanaryResult, judge_canaries
from evals.domain.judge.spec import JudgeSpec
from evals.errors import JudgeUnknownError
from evals.models import JudgeTrial, Suite
from registry.domain.actor import Actor
from registry.domain.policy import JudgeFloor
from registry.models import Prompt


def trial(trial_id: UUID) -> JudgeTrial:
    """One trial. Raises JudgeUnknownError."""
    found = JudgeTrial.objects.select_related("model").filter(pk=trial_id).first()
    if found is None:
        raise JudgeUnknownError(f"there is no trial {trial_id}")
    return found


def trial_for(actor: Actor, trial_id: UUID) -> JudgeTrial:
    """One trial of a suite within the actor's globs. Raises JudgeUnknownError for both reasons: an
    id must not tell whether there is something to hide.
    """
    found = trial(trial_id)
    if not sees(actor, found.suite):
        raise JudgeUnknownError(f"there is no trial {trial_id}")
    return found


def trust_in(found: JudgeTrial) -> Trust | None:
    """Whether a finished calibration reaches the floor of a usual policy; None for other trials."""
    if found.kind != JudgeTrial.Kind.CALIBRATION or found.status != JudgeTrial.Status.FINISHED:
        return None
    judge = JudgeSpec.from_json(found.spec)
    if not trials.holds(found, judge):
        what = "served by something else, or elsewhere, since it was measured"
        return Trust(False, f"{judge.model.name} is {what}: advisory")
    if blocked := judge_canaries(trials.known_canaries(judge) or ()):
        return _blocked(blocked)
    return is_trusted(judge, Calibration.from_json(found.outcome), JudgeFloor())


def _usual_trust(judge: JudgeSpec, blocked: tuple[str, ...]) -> Trust:
    """Under the floor of a policy that says nothing about judges."""
    return _blocked(blocked) if blocked else trials.standing(judge, JudgeFloor())


def _blocked(reasons: tuple[str, ...]) -> Trust:
    return Trust(False, f"blocked, whatever people say of it: {reasons[0]}")


@dataclass(frozen=True, slots=True)
class Listed:
    """A judge of a suite as it stands. `canaries` None: they were not put to it yet; `calibration`
    None: nobody has measured it by its labels. `trust` is under the floor of a usual policy.
    """

    suite: str
    name: str
    judge: JudgeSpec
    calibration: JudgeTrial | None
    trust: Trust
    canaries: tuple[CanaryResult, ...] | None

    @property
    def blocked(self) -> tuple[str, ...]:
        """Why it must not judge at all, a sentence each; mostly empty."""
        return judge_canaries(self.canaries or ())


def listed(actor: Actor) -> tuple[Listed, ...]:
    """The judges of the current suites, those within the actor's globs."""
    rows = Suite.objects.filter(is_current=True, spec__judges__isnull=False).order_by("name")
    return tuple(
        _listed(suite, name, JudgeSpec.from_json(spec))
        for suite, judges in rows.values_list("name", "spec__judges")
        if sees(actor, suite)
        for name, spec in sorted(judges.items())
    )


def _listed(suite: str, name: str, judge: JudgeSpec) -> Listed:
    trial = trials.newest_calibration(judge)
    canaries = trials.known_canaries(judge)
    trust = _usual_trust(judge, judge_canaries(canaries or ()))
    return Listed(suite, name, judge, trial, trust, canaries)


def sees(actor: Actor, suite: str) -> bool:
    """Whether one of the actor's prompts is measured by the suite."""
    if not actor.prompts:
        return True
    users = Prompt.objects.filter(suites__contains=[suite]).values_list("name", flat=True)
    return bool(actor.visible(users))
