"""The starter's sentiment prompt on the demo model: a real drop, no drop, and too few cases."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path

import pytest
from django.db import transaction
from django.utils import timezone

from evals import engine, runs
from evals.follow import follow_repository
from evals.models import EvalRun
from registry.domain.actor import Actor
from registry.domain.change import RepositoryChange
from registry.domain.files import MemoryFiles
from registry.domain.repository import parse_repository
from registry.sync.adopting import adopt_live_tags, live_targets
from registry.sync.applying import apply_change
from registry.sync.evidence import Evidence
from tests.integration.evals.conftest import again

pytestmark = [pytest.mark.slow, pytest.mark.django_db]

STARTER = Path(__file__).parents[3] / "prompts_repo"
SENTIMENT = "prompts/sentiment"


def starter(url: str, policy: Mapping[str, object]) -> MemoryFiles:
    """The repository as `assay init` copies it, with the model here and a v4 that says what v1
    says.
    """
    kept = (SENTIMENT, "datasets/sentiment.jsonl", "suites/sentiment.yaml")
    found = {
        str(path.relative_to(STARTER)): path.read_bytes()
        for path in STARTER.rglob("*")
        if path.is_file() and str(path.relative_to(STARTER)).startswith(kept)
    }
    pin = {"served_id": "smollm2", "revision": "r1", "base_url": url, "concurrency": 4}
    same = found[f"{SENTIMENT}/v1.jinja2"].replace(b"Sentiment:", b"Sentiment:{# as v1 #}")
    return MemoryFiles(
        {
            **found,
            f"{SENTIMENT}/v4.jinja2": same,
            "models.yaml": json.dumps({"models": {"smollm2": pin}}).encode(),
            "gates.yaml": json.dumps(
                {"policies": {"release": policy}, "tags": {"stable": "release"}}
            ).encode(),
            "tags.yaml": b"sentiment: {stable: {version: v1, model: smollm2}}\n",
        }
    )


def published(files: MemoryFiles) -> None:
    parsed = parse_repository(files)
    change = RepositoryChange("c" * 40, files, parsed, timezone.now())
    with transaction.atomic():
        apply_change(change)
        adopt_live_tags(change, live_targets(change), Evidence())
        follow_repository(change)


def evaluated(version: int, editor: Actor) -> EvalRun:
    run = runs.start_run(
        prompt="sentiment",
        version=version,
        model=None,
        tag="stable",
        actor=editor,
        now=timezone.now(),
    )
    engine.work(run.pk)
    return again(run)


def test_a_real_drop_fails_and_the_same_text_passes(demo_model: str, editor: Actor) -> None:
    policy = {"min_cases": 30, "min_pass_rate": 0.6, "margin": 0.2}
    published(starter(demo_model, policy))
    worse = evaluated(3, editor)
    assert worse.verdict == "FAIL", worse.reasons
    assert worse.summary["suites"][0]["comparison"]["upper_bound"] < -0.2
    same = evaluated(4, editor)
    assert same.verdict == "PASS", same.reasons
    assert same.summary["suites"][0]["comparison"]["lower_bound"] > -0.2


def in_five_forms(files: MemoryFiles) -> MemoryFiles:
    """Each ticket in five forms, and a v5 that spoils one of them: tickets that begin with a
    greeting get the examples of v3, under which the model gives one label to everything. So half of
    a fifth of the cases go wrong.
    """
    old = [json.loads(line) for line in files.contents["datasets/sentiment.jsonl"].splitlines()]
    cases = [
        case
        | {
            "id": f"{case['id']}-{number}",
            "variables": {"ticket": form.format(case["variables"]["ticket"])},
        }
        for number, form in enumerate(("Hello. {}", "{}", "{} Regards", "Shop: {}", "By mail. {}"))
        for case in old
    ]
    head, good = files.contents[f"{SENTIMENT}/v1.jinja2"].decode().rsplit("---\n", 1)
    spoiled = files.contents[f"{SENTIMENT}/v3.jinja2"].decode().rsplit("---\n", 1)[1]
    choice = f'{{% if ticket.startswith("Hello.") %}}{spoiled}{{% else %}}{good}{{% endif %}}'
    return MemoryFiles(
        {
            **files.contents,
            f"{SENTIMENT}/v5.jinja2": f"{head}---\n{choice}".encode(),
            "datasets/sentiment.jsonl": "\n".join(map(json.dumps, cases)).encode(),
        }
    )


def test_a_drop_of_ten_points_fails_where_the_same_text_passes(
    demo_model: str, editor: Actor
) -> None:
    policy = {"min_cases": 30, "min_pass_rate": 0.6, "margin": 0.03}
    published(in_five_forms(starter(demo_model, policy)))
    worse = evaluated(5, editor)
    compared = worse.summary["suites"][0]["comparison"]
    assert worse.verdict == "FAIL", worse.reasons
    assert compared["difference"] == pytest.approx(-0.10, abs=0.03)
    assert compared["upper_bound"] < -0.03
    same = evaluated(4, editor)
    assert same.verdict == "PASS", same.reasons
    assert same.summary["suites"][0]["comparison"]["lower_bound"] > -0.03


def test_twelve_cases_decide_nothing_and_say_how_many_would(demo_model: str, editor: Actor) -> None:
    policy = {"min_cases": 5, "min_pass_rate": 0.4, "margin": 0.05}
    files = starter(demo_model, policy)
    lines = files.contents["datasets/sentiment.jsonl"].splitlines()[:12]
    suite = files.contents["suites/sentiment.yaml"].replace(b"min_cases: 40", b"min_cases: 5")
    suite = suite.replace(b"min_pass_rate: 0.8", b"min_pass_rate: 0.4")
    published(
        MemoryFiles(
            {
                **files.contents,
                "datasets/sentiment.jsonl": b"\n".join(lines),
                "suites/sentiment.yaml": suite,
            }
        )
    )
    run = evaluated(4, editor)
    assert run.verdict == "INCONCLUSIVE", run.reasons
    assert any("would decide" in reason and "case" in reason for reason in run.reasons), run.reasons
