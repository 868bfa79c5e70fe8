"""The starter repository's judges on the real demo model: too small to judge, and found out."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from evals import judges
from evals.models import JudgeTrial
from registry.domain.actor import Actor
from registry.domain.files import MemoryFiles
from tests.integration.evals.conftest import Repository
from tests.integration.evals.judged import calibrated

pytestmark = pytest.mark.slow

STARTER = Path(__file__).parents[3] / "prompts_repo"
TAKEN = ("rubrics/", "prompts/judges/")
LABELS = 10


def with_starter_judges(repository: Repository, url: str) -> Repository:
    """The scripted model is tested; the demo model judges, by every fifth or so of the labels."""
    files = {
        path.relative_to(STARTER).as_posix(): path.read_bytes()
        for path in sorted(STARTER.rglob("*"))
        if path.is_file() and path.relative_to(STARTER).as_posix().startswith(TAKEN)
    }
    for name in ("helpfulness", "preference"):
        path = f"calibration/{name}.jsonl"
        lines = (STARTER / path).read_text(encoding="utf-8").splitlines()
        files[path] = "\n".join(lines[:: len(lines) // LABELS][:LABELS]).encode()
    declared = {
        name: {"prompt": f"judges/{rubric}", "version": "v1", "rubric": rubric, "model": "smollm2"}
        for name, rubric in (("helpful", "helpfulness"), ("preferred", "preference"))
    }
    checks = [
        {"type": "judge", "judge": "helpful"},
        {"type": "pairwise", "judge": "preferred", "when_first": "pass"},
    ]
    tested = {"served_id": "tiny", "revision": "r1", "base_url": repository.url}
    demo = {"served_id": "smollm2", "revision": "demo", "base_url": url, "timeout_seconds": 120}
    models = json.dumps({"models": {"tiny": tested, "smollm2": demo}}).encode()
    return repository.with_(
        suite={"judges": declared, "checks": checks}, more={**files, "models.yaml": models}
    )


def test_the_demo_model_is_refused_as_a_judge(
    repository: Repository, demo_model: str, editor: Actor
) -> None:
    ready = with_starter_judges(repository, demo_model)
    assert isinstance(ready.files(), MemoryFiles)
    ready.publish()
    for name in ("helpful", "preferred"):
        trial = calibrated(editor, judge=name)
        assert trial.status == "finished", trial.error
        assert trial.outcome["n"] == LABELS
        trust = judges.trust_in(trial)
        assert trust is not None
        assert not trust.is_trusted
    assert JudgeTrial.objects.filter(kind="canaries", status="finished").count() == 2
    helpful, preferred = judges.listed(editor)
    assert preferred.blocked  # the first of two is always better to it, even an empty answer
    assert helpful.blocked or not helpful.trust.is_trusted
