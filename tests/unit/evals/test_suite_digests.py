"""Digests of suites from before a release: certificates given then stay good."""

from __future__ import annotations

from pathlib import Path

import pytest

from evals.domain.suite import parse_suite
from tests.unit.evals.builders import repository

STARTER = Path(__file__).parents[3] / "prompts_repo"
#: As the release without weights, thresholds and clusters computed them. A new digest is right
#: only when the files of that suite were edited: an optional key must not change one.
DIGESTS = {
    "order-extract": "0b590598fb63a240809a241eaa6c1763e4370370fce7f6219f9b6b10403417af",
    "sentiment": "e53117116b8a69ac5b10576b993107e374508d0b9ded77d51009f1078ddeb7ef",
    "summarise": "fc62f52b538c30e8e3f58160192720c2702f136b07b6d7af0f16e41739a98210",
    "support-chat": "6dd16559be9eb73c0ecce5414c6ba94a3f14b658b37c1fa61dd93ef684b335af",
    "ticket-topic": "2a2e53fa2445da782f1f2dab13311e3996028639b937e6ec96af0c4372a75124",
}


def starter():
    files = (path for path in STARTER.rglob("*") if path.is_file())
    return repository(**{path.relative_to(STARTER).as_posix(): path.read_bytes() for path in files})


@pytest.mark.parametrize("name", DIGESTS)
def test_a_suite_that_uses_nothing_new_keeps_its_digest(name):
    spec, findings = parse_suite(name, starter())
    assert not findings
    assert spec is not None
    assert spec.digest == DIGESTS[name]


@pytest.mark.parametrize(
    "more", ["allow_self_judging: false", "checks: [{type: exact, weight: 1, not: false}]"]
)
def test_a_default_that_is_spelled_out_leaves_the_digest_alone(more):
    cases = "cases: [{id: a, expected: x}]\n"
    checks = "" if more.startswith("checks") else "checks: [{type: exact}]\n"
    plain, _ = parse_suite("s", repository(**{"suites/s.yaml": cases + "checks: [{type: exact}]"}))
    said, _ = parse_suite("s", repository(**{"suites/s.yaml": cases + checks + more}))
    assert said is not None
    assert plain is not None
    assert said.digest == plain.digest
