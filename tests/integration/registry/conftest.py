"""Stories about a registry that holds real rows in real PostgreSQL."""

from __future__ import annotations

import uuid
from dataclasses import dataclass, replace

import pytest
from django.utils import timezone

from core.digest import digest
from registry import certificates
from registry.domain.actor import Actor, Role
from registry.domain.judge_model import JudgeModel
from registry.domain.policy import GatePolicy as PolicyRule
from registry.domain.version import VersionContent
from registry.models import Certificate, GatePolicy, ModelVersion, Prompt, PromptVersion
from registry.promotion import Target

SUITE = digest("suite")
FINGERPRINT = digest("weights")


@dataclass(frozen=True)
class Shelf:
    """A prompt `greeting` with versions 1 to 4, a measured model `tiny`, two policies."""

    prompt: Prompt
    model: ModelVersion

    def version(self, number: int) -> PromptVersion:
        return self.prompt.versions.select_related("prompt").get(number=number)

    def compares(self) -> Shelf:
        """Its policies ask for a comparison with what is live."""
        for row in GatePolicy.objects.all():
            rule = replace(PolicyRule.from_json(row.spec), margin=0.05)
            row.digest, row.spec = rule.digest, rule.to_json()
            row.save()
        return self

    def certify(
        self,
        number: int,
        policy: str = "release",
        *,
        beside: int | None = None,
        judge_models: tuple[JudgeModel, ...] = (),
    ) -> Certificate:
        rule = GatePolicy.objects.get(name=policy)
        measured = certificates.Measured(
            run=uuid.uuid4(),
            version=self.version(number),
            model=self.model,
            fingerprint=self.model.fingerprint,
            suite_digest=self.prompt.suite_digest,
            policy=policy,
            policy_digest=rule.digest,
            evidence={"passed": 30, "cases": 30},
            baseline=self.version(beside) if beside else None,
            tag="canary" if policy == "trial" else "stable",
            judge_models=judge_models,
        )
        return certificates.issue(measured=measured, now=timezone.now())


def make_shelf(name: str = "greeting") -> Shelf:
    prompt = Prompt.objects.create(name=name, default_model="tiny", suite_digest=SUITE)
    for number in range(1, 5):
        content = VersionContent(name, number, f"prompts/{name}/v{number}.jinja2", source="Hi")
        PromptVersion.objects.create(
            prompt=prompt,
            number=number,
            digest=content.digest,
            commit="c" * 40,
            blob="b" * 40,
            path=content.path,
            content=content.to_json(),
            template=f"Hi {number}",
        )
    pin = {"name": "tiny", "served_id": "tiny", "revision": "r1", "base_url": None}
    model, _ = ModelVersion.objects.get_or_create(
        name="tiny", digest=digest(pin), defaults={"pin": pin, "fingerprint": FINGERPRINT}
    )
    for policy, tag, min_cases in (("release", "stable", 30), ("trial", "canary", 20)):
        rule = PolicyRule(name=policy, min_cases=min_cases)
        GatePolicy.objects.get_or_create(
            name=policy, defaults={"digest": rule.digest, "spec": rule.to_json(), "tags": [tag]}
        )
    return Shelf(prompt, model)


@pytest.fixture
def shelf(db: None) -> Shelf:
    return make_shelf()


@pytest.fixture
def promoter() -> Actor:
    return Actor("user:petra", Role.PROMOTER.scopes)


@pytest.fixture
def admin() -> Actor:
    return Actor("user:ada", Role.ADMIN.scopes)


def stable(version: int, expected_revision: int | None = None, prompt: str = "greeting") -> Target:
    return Target(prompt, "stable", version, expected_revision=expected_revision)
