"""An evaluation on a real vLLM, from the published repository to the verdict and its certificate:
exact match, a judge with structured outputs, and a latency phase.
"""

from __future__ import annotations

import json

import pytest

from registry.domain.actor import Actor
from registry.models import Certificate
from tests.integration.evals.test_runs_as_reports import report
from tests.unit.evals.judges import ONE
from tests.vllm.conftest import Running
from tests.vllm.questions import PARAMETERS, SENTIMENT, asking, evaluated, results

pytestmark = pytest.mark.django_db

RUBRIC = """---
mode: label
labels:
  - {label: mood, means: "It is a mood.", passes: true}
  - {label: none, means: "It is something else."}
reasoning_chars: 30
---
Is it one word for a mood?
"""
#: It reads one word. So no trick reaches it, and a model of this size is blocked by none.
ONE_WORD = ONE.replace(
    "answer: {type: string, maxLength: 5000}", "answer: {type: string, maxLength: 12}"
)
PHASE = {"concurrency": [2], "requests": 10, "warmup": 2, "max_tokens": 4}


def test_a_run_comes_to_its_verdict(vllm: Running, editor: Actor) -> None:
    judge = {"prompt": "judges/help", "version": "v1", "rubric": "help", "model": "umpire"}
    suite = {
        "judges": {"mood": judge},
        "checks": [
            {"type": "exact", "name": "right label"},
            {"type": "json", "name": "form", "schema": {"enum": ["positive", "negative"]}},
            {"type": "judge", "judge": "mood", "name": "mood"},
        ],
        "latency": PHASE,
    }
    more = {
        "rubrics/help.md": RUBRIC.encode(),
        "prompts/judges/help/v1.jinja2": ONE_WORD.encode(),
        "prompts/judges/help/prompt.yaml": b'{"description": "A judge."}',
    }
    launch = vllm.recipe.launch
    asking(launch, vllm.url, SENTIMENT, PARAMETERS, suite=suite, more=more).publish()
    run = evaluated(editor)
    assert run.verdict == "PASS", run.reasons
    assert (run.done, run.errors) == (12, 0)
    for result in results(run).values():
        assert json.loads(result.text) in {"positive", "negative"}
        said = {check["name"]: check for check in result.checks}
        # Nobody labelled anything: what the judge says is shown and decides nothing.
        assert said["mood"]["weight"] == 0
        assert any(label in said["mood"]["detail"] for label in ("mood", "none"))
        assert result.judge_completion_tokens > 0
    assert run.advisory
    [level] = run.latency["oracle"]["levels"]
    [arm] = level["arms"]
    assert (arm["summary"]["requests"], arm["summary"]["failed"]) == (10, 0)
    certificate = Certificate.objects.get()
    assert run.certificate == certificate
    assert report(run.pk).usage.prompt_tokens == run.prompt_tokens
