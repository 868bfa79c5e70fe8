"""Issue, find and expire certificates. The registry owns them; evaluation asks for one."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from django.db import transaction
from django.db.models import Exists, F, OuterRef, Q

from core.errors import RefusedError
from registry import drift, queries
from registry.domain.certificate_file import proven_digest
from registry.domain.judge_model import JudgeModel
from registry.domain.policy import GatePolicy as PolicyRule
from registry.models import Certificate, GatePolicy, ModelVersion, Prompt, PromptVersion


class EvidenceOutdatedError(RefusedError):
    """What the run measured is not what is asked for any more."""

    code = "evidence_outdated"
    hint = "evaluate again"


@dataclass(frozen=True, slots=True)
class Proof:
    """A certificate, or what is missing for one. `reasons` are sentences."""

    certificate: Certificate | None
    missing: str = ""
    reasons: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Measured:
    """What a passed run was measured with."""

    run: UUID
    version: PromptVersion
    model: ModelVersion
    fingerprint: str
    suite_digest: str
    policy: str
    policy_digest: str
    evidence: dict[str, Any]
    #: What the policy's comparison was made with; None when nothing else was live.
    baseline: PromptVersion | None = None
    tag: str = "stable"
    judge_models: tuple[JudgeModel, ...] = ()


def issue(*, measured: Measured, now: datetime) -> Certificate:
    """Certify what a run has proved. One certificate a run; asking twice gives the same one.

    Raises EvidenceOutdatedError when suite, policy or the served model changed during the run.
    """
    with transaction.atomic():
        existing = Certificate.objects.filter(run=measured.run).first()
        if existing is not None:
            return existing
        # Not FOR UPDATE: that would hold up every move whose entry names this model or prompt.
        # Model before prompt, the order in which a sync writes them.
        model = ModelVersion.objects.select_for_update(no_key=True).get(pk=measured.model.pk)
        prompt = Prompt.objects.select_for_update(no_key=True).get(pk=measured.version.prompt_id)
        policy = GatePolicy.objects.filter(name=measured.policy).first()
        _refuse_outdated(measured, prompt, model, policy)
        assert policy is not None
        evidence = _evidence(measured)
        days = PolicyRule.from_json(policy.spec).certificate_days
        proven = proven_digest(
            prompt=prompt.name,
            version=measured.version.number,
            prompt_digest=measured.version.digest,
            model=model.name,
            model_digest=model.digest,
            fingerprint=measured.fingerprint,
            suite_digest=measured.suite_digest,
            policy=measured.policy,
            policy_digest=measured.policy_digest,
            run=str(measured.run),
            evidence=evidence,
        )
        issued = Certificate.objects.create(
            prompt_version=measured.version,
            model_version=model,
            fingerprint=measured.fingerprint,
            suite_digest=measured.suite_digest,
            policy=measured.policy,
            policy_digest=measured.policy_digest,
            verdict="PASS",
            run=measured.run,
            evidence=evidence,
            digest=proven,
            valid_until=now + timedelta(days=days) if days else None,
        )
        for one in (model, *queries.judging_models(measured.judge_models)):
            drift.settle(model=one, now=now)
        return issued


def _evidence(measured: Measured) -> dict[str, Any]:
    """What a certificate shows, with what it was measured beside and by whom it was judged."""
    return {
        **measured.evidence,
        "baseline": measured.baseline.number if measured.baseline else None,
        "judge_models": [asdict(judge) for judge in measured.judge_models],
    }


def _refuse_outdated(
    measured: Measured, prompt: Prompt, model: ModelVersion, policy: GatePolicy | None
) -> None:
    if prompt.suite_digest != measured.suite_digest:
        raise EvidenceOutdatedError(f"the suites of {prompt.name} changed during the run")
    if policy is None or policy.digest != measured.policy_digest:
        raise EvidenceOutdatedError(f"the gate policy {measured.policy} changed during the run")
    if model.fingerprint != measured.fingerprint:
        raise EvidenceOutdatedError(f"{model.name} serves something else since the run began")
    # Not locked: whoever looks for a certificate looks at its judges again.
    if changed := queries.changed_judges(measured.judge_models):
        raise EvidenceOutdatedError("; ".join(changed))
    baseline = measured.baseline.number if measured.baseline else None
    if _must_compare_with(measured.version, policy, measured.tag) not in (None, baseline):
        raise EvidenceOutdatedError(f"another version became live during the run of {prompt.name}")


def _must_compare_with(version: PromptVersion, policy: GatePolicy, tag: str) -> int | None:
    """The live version that a certificate must have been compared with; None when any will do:
    the policy does not compare, or nothing else is live.
    """
    rule = PolicyRule.from_json(policy.spec)
    if rule.margin is None and not rule.guardrails:
        return None
    live = queries.live_version(version.prompt, queries.compared_tag(tag))
    return live.number if live is not None and live.number != version.number else None


def refute(*, measured: Measured, run: UUID, now: datetime) -> int:
    """Expire what was certified of the same version, model as it was measured, suite and policy
    before: a later evaluation failed. Joins the caller's transaction. Returns how many expired.
    """
    refuted = Certificate.objects.filter(
        prompt_version=measured.version,
        model_version=measured.model,
        fingerprint=measured.fingerprint,
        suite_digest=measured.suite_digest,
        policy_digest=measured.policy_digest,
        expired_at=None,
    )
    return refuted.update(expired_at=now, expired_reason=f"a later evaluation failed: run {run}")


def find_valid(*, version: PromptVersion, model: ModelVersion, tag: str, now: datetime) -> Proof:
    """The newest certificate that lets `version` on `model` carry `tag`, or what is missing."""
    prompt = version.prompt
    policy = queries.policy_for(prompt, tag)
    if policy is None:
        return Proof(None, f"no gate policy guards {tag}; name one under tags: in gates.yaml")
    if not prompt.suite_digest:
        return Proof(None, f"{prompt.name} has no usable suite; see the findings of the last sync")
    issued = Certificate.objects.filter(prompt_version=version, model_version=model)
    valid = issued.filter(
        Q(valid_until=None) | Q(valid_until__gt=now),
        expired_at=None,
        suite_digest=prompt.suite_digest,
        policy=policy.name,
        policy_digest=policy.digest,
        fingerprint=model.fingerprint,
    )
    live = _must_compare_with(version, policy, tag)
    beside = [one for one in valid if live in (None, one.evidence.get("baseline"))]
    objections = [(one, queries.judges_that_do_not_hold(one)) for one in beside]
    for certificate, judges in objections:
        if not judges:
            return Proof(certificate)
    if objections:
        _, judges = objections[0]
        return Proof(None, "; ".join(judges), judges)
    if valid:
        missing = "it was compared with another version than the one that is live now"
        return Proof(None, missing, (missing,))
    return _what_is_missing(issued.first(), prompt, model, policy, now)


def _what_is_missing(
    last: Certificate | None, prompt: Prompt, model: ModelVersion, policy: GatePolicy, now: datetime
) -> Proof:
    if last is None:
        return Proof(
            None,
            "it never passed an evaluation there",
            ("no evaluation of this version on this model has passed",),
        )
    changes = [
        (last.suite_digest != prompt.suite_digest, "its suite changed since"),
        (
            last.policy != policy.name,
            f"it was certified for the policy {last.policy}, and this tag needs {policy.name}",
        ),
        (
            last.policy == policy.name and last.policy_digest != policy.digest,
            f"the gate policy {policy.name} changed since",
        ),
        (
            last.fingerprint != model.fingerprint,
            f"{model.name} serves something else since"
            if model.fingerprint
            else f"{model.name} was not measured since its address changed",
        ),
        (last.valid_until is not None and last.valid_until <= now, "its certificate is too old"),
    ]
    reasons = tuple(sentence for is_so, sentence in changes if is_so)
    return Proof(None, "; ".join(reasons) or last.expired_reason or "it has expired", reasons)


def require_suites(*, prompt: Prompt, suite_digest: str, now: datetime) -> int:
    """Say what certificates of a prompt must be measured with from now on; expire the others.

    Empty: the suites are missing or broken. Nothing can be promoted then, but nothing expires
    either: the same suite mended is the same proof. Returns how many expired. Part of a sync, so
    it joins the caller's transaction.
    """
    Prompt.objects.filter(pk=prompt.pk).exclude(suite_digest=suite_digest).update(
        suite_digest=suite_digest
    )
    prompt.suite_digest = suite_digest
    if not suite_digest:
        return 0
    stale = Certificate.objects.filter(prompt_version__prompt=prompt, expired_at=None).exclude(
        suite_digest=suite_digest
    )
    return stale.update(expired_at=now, expired_reason="its suite changed")


def require_policies(*, now: datetime) -> int:
    """Expire what was certified under a policy that reads differently now, or is gone.

    Joins the caller's transaction. Returns how many expired.
    """
    same = GatePolicy.objects.filter(name=OuterRef("policy"), digest=OuterRef("policy_digest"))
    stale = Certificate.objects.filter(~Exists(same), expired_at=None)
    return stale.update(expired_at=now, expired_reason="its gate policy changed")


def record_fingerprint(
    *,
    model: ModelVersion,
    fingerprint: str,
    mode: str,
    now: datetime,
    detail: Sequence[Mapping[str, Any]] = (),
) -> int:
    """Store what the endpoint serves now; expire what was certified on something else, or judged by
    something else.

    `mode` and `detail` are what later measurements are compared with; without a detail the next
    one counts as the first. Live tags keep serving (P5): the alarm is that their certificates are
    gone. Returns how many.
    """
    before = drift.Before.of(model)
    with transaction.atomic():
        model.fingerprint, model.fingerprint_mode, model.fingerprint_at = fingerprint, mode, now
        model.fingerprint_detail = list(detail)
        model.save(
            update_fields=[
                "fingerprint", "fingerprint_mode", "fingerprint_detail", "fingerprint_at"
            ]
        )  # fmt: skip
        told = f"{model.name} serves something else"
        expired = (
            Certificate.objects.filter(model_version=model, expired_at=None)
            .exclude(fingerprint=F("model_version__fingerprint"))
            .update(expired_at=now, expired_reason=told)
        )
        named = {"name": model.name, "digest": model.digest}
        judged = Certificate.objects.filter(expired_at=None, evidence__contains=_judge(named))
        same = _judge({**named, "fingerprint": fingerprint})
        expired += judged.exclude(evidence__contains=same).update(
            expired_at=now, expired_reason=f"{model.name}, which judged, serves something else"
        )
        drift.note(model=model, before=before, expired=expired, now=now)
        return expired


def _judge(fields: Mapping[str, str]) -> dict[str, Any]:
    """What the evidence contains where such a model judged."""
    return {"judge_models": [fields]}
