"""The judges of the starter repository: they can be seated, asked and measured."""

from __future__ import annotations

from pathlib import Path

import pytest

from evals.domain.judge.compose import chat, seat, template_values
from evals.domain.judge.labels import passes
from evals.domain.judge_trial import run_calibration
from evals.domain.suite import parse_suite
from evals.domain.suite.labels import labels_path, parse_labels
from registry.domain.template.render import render
from tests.unit.evals.builders import repository
from tests.unit.evals.judges import NONCE, asking, nonces

STARTER = Path(__file__).parents[3] / "prompts_repo"


def starter():
    files = (path for path in STARTER.rglob("*") if path.is_file())
    return repository(**{path.relative_to(STARTER).as_posix(): path.read_bytes() for path in files})


def seated(name):
    spec, findings = parse_suite("support-chat-judged", starter())
    assert spec is not None, findings
    judge = spec.judges[name]
    assert judge.prompt is not None
    return seat(judge, render(judge.prompt, template_values(judge)).messages)


def labels(judge):
    found, findings = parse_labels(judge.rubric, starter().read(labels_path(judge.rubric.name)))
    assert findings == ()
    return found


@pytest.mark.parametrize("name", ["helpful", "preferred"])
def test_its_prompt_shows_the_rubric_and_the_texts(name):
    judge = seated(name)
    texts = {"question": "Q?", "answer": "one", "answer_a": "one", "answer_b": "two"}
    system, user = (content for _, content in chat(judge, texts, NONCE))
    assert judge.rubric.criterion in system
    assert judge.rubric.scale in system
    assert NONCE in system
    assert user.index("Q?") < user.index("one")


@pytest.mark.parametrize("name", ["helpful", "preferred"])
def test_what_changes_with_every_answer_stands_behind_what_does_not(name):
    """A server's prefix cache ends at the first nonce."""
    judge = seated(name)
    texts = {"question": "Q?", "answer": "one", "answer_a": "one", "answer_b": "two"}
    whole = "".join(content for _, content in chat(judge, texts, NONCE))
    kept = whole[: whole.index(NONCE)]
    assert judge.rubric.criterion in kept
    assert judge.rubric.scale in kept
    assert "Answer with a JSON object" in kept


@pytest.mark.parametrize("name", ["helpful", "preferred"])
def test_there_are_enough_labels_of_both_kinds(name):
    judge = seated(name)
    found = labels(judge)
    passing = sum(passes(judge.rubric, row.label) for row in found)
    assert len(found) >= 50
    assert 14 <= len(found) - passing <= len(found) - 14


@pytest.mark.parametrize(("name", "always"), [("helpful", 1), ("preferred", "A")])
def test_a_judge_that_always_says_the_same_agrees_by_chance_alone(name, always):
    judge = seated(name)
    found = run_calibration(judge, labels(judge), asking(lambda _: always), nonces())
    assert found.agreement.kappa.value == 0.0
