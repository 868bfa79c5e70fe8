"""A judge of the starter repository on the real demo model: too small to judge, and found out."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from evals import judges
from evals.models import JudgeTrial
from registry.domain.actor import Actor
from tests.integration.evals.conftest import Repository
from tests.integration.evals.judged import calibrated

pytestmark = pytest.mark.slow

STARTER = Path(__file__).parents[3] / "prompts_repo"
TAKEN = ("rubrics/", "prompts/judges/")
#: It thinks for three hundred characters and takes minutes; it does not think better for that.
THOUGHT = (b"reasoning_chars: 300", b"reasoning_chars: 30")
LABELS = 4


def with_a_starter_judge(repository: Repository, url: str) -> Repository:
    """The scripted model is tested; the demo model judges, by a few of the labels."""
    files = {
        path.relative_to(STARTER).as_posix(): path.read_bytes().replace(*THOUGHT)
        for path in sorted(STARTER.rglob("*"))
        if path.is_file() and path.relative_to(STARTER).as_posix().startswith(TAKEN)
    }
    path = "calibration/helpfulness.jsonl"
    lines = (STARTER / path).read_text(encoding="utf-8").splitlines()
    files[path] = "\n".join(lines[:LABELS]).encode()
    helpful = {"prompt": "judges/helpfulness", "rubric": "helpfulness", "model": "smollm2"}
    declared = {"helpful": {**helpful, "version": "v1"}}
    checks = [{"type": "judge", "judge": "helpful"}]
    tested = {"served_id": "tiny", "revision": "r1", "base_url": repository.url}
    demo = {"served_id": "smollm2", "revision": "demo", "base_url": url, "timeout_seconds": 120}
    models = json.dumps({"models": {"tiny": tested, "smollm2": demo}}).encode()
    return repository.with_(
        suite={"judges": declared, "checks": checks}, more={**files, "models.yaml": models}
    )


def test_the_demo_model_is_refused_as_a_judge(
    repository: Repository, demo_model: str, editor: Actor
) -> None:
    ready = with_a_starter_judge(repository, demo_model)
    ready.publish()
    trial = calibrated(editor)
    assert trial.status == "finished", trial.error
    assert trial.outcome["n"] == LABELS
    assert JudgeTrial.objects.filter(kind="canaries", status="finished").count() == 1
    [helpful] = judges.listed(editor)
    assert helpful.canaries is not None
    assert not helpful.trust.is_trusted
