"""Judges that a real vLLM is asked to be: by likelihood, and of pairs."""

from __future__ import annotations

import asyncio
import json
from statistics import fmean

import pytest

from evals import engine
from evals.models import CaseResult
from registry import promotion
from registry.domain.actor import Actor, Role
from serving.client import (
    Endpoint,
    Likelihood,
    LikelihoodRequest,
    Message,
    ModelClient,
)
from tests.integration.evals.conftest import Repository, started
from tests.integration.evals.judged import calibrated
from tests.integration.registry.conftest import stable
from tests.unit.evals.judges import LIKELIHOOD, PAIRWISE
from tests.vllm.conftest import Running
from tests.vllm.questions import PARAMETERS, PATIENT, SENTIMENT, asking, evaluated, results

PROMOTER = Actor("user:petra", Role.PROMOTER.scopes)

#: What repeats itself is likelier than any truth: a lower bar passes the canaries and is blocked.
SEVERE = LIKELIHOOD.replace("pass_at: -2.5", "pass_at: -0.05")
#: It reads one word of each. So no trick reaches it, and a model of this size is blocked by none.
PAIR = """---
type: chat
variables:
  rubric: {type: string}
  scale: {type: string}
  answer_a: {type: string, maxLength: 12}
  answer_b: {type: string, maxLength: 12}
---
{% chat role="system" %}{{ rubric }} {{ scale }}{% endchat %}
{% chat role="user" %}Answer A: {{ answer_a }}
Answer B: {{ answer_b }}

Which is better?{% endchat %}
"""
#: Fluent and wrong beside right.
FACTS = (
    ("What is the capital of France?", "Paris.", "Berlin."),
    ("What colour is grass?", "Grass is green.", "Grass is purple."),
    ("How many legs has a dog?", "A dog has four legs.", "A dog has eleven legs."),
    ("What do cows drink?", "Cows drink water.", "Cows drink petrol."),
)


def test_right_answers_are_likelier_and_each_is_measured_like_the_other(vllm: Running) -> None:
    async def ask() -> list[tuple[Likelihood, Likelihood, Likelihood]]:
        async with ModelClient(Endpoint(vllm.url, "smollm2", timeout_seconds=300)) as client:
            return [
                (
                    await client.likelihood(LikelihoodRequest((Message("user", asked),), right)),
                    await client.likelihood(LikelihoodRequest((Message("user", asked),), wrong)),
                    await client.likelihood(LikelihoodRequest((Message("user", asked),), right)),
                )
                for asked, right, wrong in FACTS
            ]

    told = asyncio.run(ask())
    for right, wrong, again in told:
        assert right.mean_logprob < 0
        assert again.mean_logprob == pytest.approx(right.mean_logprob, abs=1e-3)
        assert right.question_tokens == wrong.question_tokens > 30  # with the default system prompt
    assert fmean(right.mean_logprob for right, _, _ in told) > fmean(
        wrong.mean_logprob for _, wrong, _ in told
    )


@pytest.mark.django_db
def test_a_judge_by_likelihood_is_measured_and_judges(vllm: Running, editor: Actor) -> None:
    labels = [
        {"id": f"{number}{label}", "question": asked, "answer": answer, "label": label}
        for number, (asked, right, wrong) in enumerate(FACTS)
        for label, answer in (("pass", right), ("fail", wrong))
    ]
    suite = {
        "judges": {"helpful": {"rubric": "help", "model": "umpire"}},
        "checks": [
            {"type": "exact"},
            {"type": "judge", "judge": "helpful", "name": "helpful"},
        ],
    }
    more = {
        "rubrics/help.md": SEVERE.encode(),
        "calibration/help.jsonl": "\n".join(map(json.dumps, labels)).encode(),
    }
    launch = vllm.recipe.launch
    asking(launch, vllm.url, SENTIMENT, PARAMETERS, suite=suite, more=more).publish()
    trial = calibrated(editor)
    assert (trial.status, trial.outcome["n"]) == ("finished", len(labels)), trial.error
    run = evaluated(editor)
    assert (run.done, run.errors) == (12, 0), run.reasons
    for result in results(run).values():
        detail = next(c["detail"] for c in result.checks if c["name"] == "helpful")
        assert "mean log-probability -" in detail


def beside_live(vllm: Running, pairwise: dict[str, bytes]) -> Repository:
    """v2 says it in other words: equal answers are shown to no judge."""
    choice = {"name": "mood", "schema": {"enum": ["good", "bad"]}}
    parameters = PARAMETERS | {"response_format": {"type": "json_schema", "json_schema": choice}}
    head = {"variables": {"question": {"type": "string"}}, "parameters": parameters}
    second = f"---\n{json.dumps(head)}\n---\nIs this message good or bad?\n{{{{ question }}}}\n"
    more = {"prompts/oracle/v2.jinja2": second.encode(), **pairwise}
    return asking(vllm.recipe.launch, vllm.url, SENTIMENT, PARAMETERS, cases=4, more=more)


@pytest.mark.django_db
def test_a_pair_is_shown_to_it_in_both_orders(vllm: Running, editor: Actor) -> None:
    judge = {"prompt": "judges/help", "version": "v1", "rubric": "help", "model": "umpire"}
    rubric = PAIRWISE.replace("mode: pairwise", "mode: pairwise\nreasoning_chars: 30")
    files = {
        "rubrics/help.md": rubric.encode(),
        "prompts/judges/help/v1.jinja2": PAIR.encode(),
        "prompts/judges/help/prompt.yaml": b'{"description": "A judge."}',
    }
    lax = {"min_cases": 2, "min_pass_rate": 0.1}
    repository = beside_live(vllm, files)
    repository.with_(policy=lax).publish()
    engine.work(started(editor).pk, limits=PATIENT)
    promotion.promote(target=stable(1, prompt="oracle"), actor=PROMOTER)
    check = {"type": "pairwise", "judge": "helpful", "name": "helpful", "when_first": "pass"}
    something = {"type": "regex", "pattern": r"\S"}
    suite = {"judges": {"helpful": judge}, "checks": [something, check]}
    repository.with_(policy=lax, suite=suite).publish()
    run = evaluated(editor, version=2)
    assert (run.done, run.errors) == (4, 0), run.reasons
    flips = run.summary["judges"]["oracle/helpful"]["flips"]
    assert flips["pairs"] == 4
    assert 0 <= flips["flips"] <= 4
    # Two questions about each answer pair, and each had to be answered in the strict form.
    assert all(r.judge_completion_tokens > 10 for r in CaseResult.objects.filter(run=run))
