"""A prompt repository whose `greet` v1 can be certified, and the certificate for it."""

from __future__ import annotations

import json
import uuid

from django.utils import timezone

from registry import certificates, promotion, queries
from registry.domain.actor import Actor
from registry.models import Certificate, GatePolicy
from tests.integration.registry.conftest import FINGERPRINT
from tests.integration.registry.test_rebuild import FILES

SUITE = {"dataset": "datasets/greet.jsonl", "checks": [{"type": "exact"}]}
SUITED = FILES | {
    "prompts/greet/prompt.yaml": "model: tiny\nsuites: [greet]\n",
    "suites/greet.yaml": json.dumps(SUITE),
    "datasets/greet.jsonl": "\n".join(
        json.dumps({"id": f"c{i}", "expected": "Hello"}) for i in range(40)
    ),
}


def measure(fingerprint: str = FINGERPRINT) -> None:
    """Say what the endpoint of `tiny` serves now."""
    certificates.record_fingerprint(
        model=queries.current_model("tiny"),
        fingerprint=fingerprint,
        mode="text/1",
        now=timezone.now(),
        detail=[{"probe": "one"}],
    )


def certify(version: int = 1, policy: str = "release") -> Certificate:
    """Measure `tiny` and certify a version of greet on it, for stable unless another policy is
    named.
    """
    measure()
    prompt = queries.prompt("greet")
    measured = certificates.Measured(
        run=uuid.uuid4(),
        version=queries.version(prompt, version),
        model=queries.current_model("tiny"),
        fingerprint=FINGERPRINT,
        suite_digest=prompt.suite_digest,
        policy=policy,
        policy_digest=GatePolicy.objects.get(name=policy).digest,
        evidence={},
    )
    return certificates.issue(measured=measured, now=timezone.now())


def promote(actor: Actor, version: int = 1) -> promotion.TagMove:
    """Point stable of `greet` at a version, with whatever evidence there is."""
    return promotion.promote(target=promotion.Target("greet", "stable", version), actor=actor)
