"""label_model and score_model graders as rubrics."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from evals.importers.chat import ChatError, plain_content
from evals.importers.judges import Rubric
from evals.importers.nodes import Node, as_number

_TAG = re.compile(r"\{\{\s*(.*?)\s*\}\}", re.DOTALL)
_ITEM = re.compile(r"item\.([A-Za-z_]\w*)(?:\.\w+)*")
_ENDS = ("The worst.", "The best.")
_REWRITTEN = "the grader's own messages become the rubric, and Assay's judge prompt asks"
_UNIT = 10


@dataclass(frozen=True)
class Question:
    """What a judge is asked; `fields` of the item are its reference. Or the reason why not."""

    rubric: Rubric
    model: str = ""
    fields: tuple[str, ...] = ()
    differences: tuple[str, ...] = ()
    problem: str = ""
    name: str = ""


def label_question(node: Node) -> Question:
    """Labels, some of which pass."""
    labels, passing = _texts(node.value.get("labels")), _texts(node.value.get("passing_labels"))
    criterion, fields, problem = _criterion(node)
    if not problem and (not labels or not passing or not set(passing) < set(labels)):
        problem = "it needs `labels`, of which some pass and some do not"
    entries = [
        {
            "label": label,
            "means": f"As the criterion says of {label}.",
            **({"passes": True} if label in passing else {}),
        }
        for label in labels
    ]
    return _question(node, Rubric(criterion, entries), fields, problem)


def score_question(node: Node) -> Question:
    """A score in a range, of which the threshold passes."""
    criterion, fields, problem = _criterion(node)
    low, high = _range(node.value.get("range"))
    threshold = node.number("pass_threshold")
    if not problem and threshold is None:
        problem = "it has no `pass_threshold`, so nothing says what passes"
    is_whole = low == int(low) and high == int(high) and high - low > 1
    scale = 1 if is_whole else _UNIT
    steps = [
        {"score": int(edge * scale), "means": means}
        for edge, means in zip((low, high), _ENDS, strict=True)
    ]
    limit = (threshold or 0) * scale
    if not problem and not (0 <= low < high <= 100 and low * scale < limit <= high * scale):
        problem = "its range and threshold do not fit a scale from 0 to 100"
    question = _question(node, Rubric(criterion, steps=steps, pass_at=limit), fields, problem)
    note = "" if is_whole else f"the score is given in whole steps of 1/{_UNIT}"
    notes = (*question.differences, note, _sampling(node))
    return Question(question.rubric, question.model, fields, notes, question.problem)


def _question(node: Node, rubric: Rubric, fields: tuple[str, ...], problem: str) -> Question:
    model = node.text("model")
    if not problem and not model:
        problem = "it names no model"
    return Question(rubric, model, fields, (_REWRITTEN,), problem)


def _sampling(node: Node) -> str:
    return "" if node.get("sampling_params") is None else "its `sampling_params` are left out"


def _criterion(node: Node) -> tuple[str, tuple[str, ...], str]:
    """(the messages as one text, fields of the item it uses, why it cannot be used)."""
    value = node.value.get("input")
    texts: list[str] = []
    try:
        for message in value if isinstance(value, list) else []:
            content = message.get("content") if isinstance(message, dict) else None
            texts.append(plain_content(content, []))
    except ChatError as error:
        return "", (), str(error)
    fields: list[str] = []
    problems: list[str] = []
    text = _TAG.sub(lambda found: _worded(found[1], fields, problems), "\n\n".join(texts))
    if not text.strip() and not problems:
        return "", (), "it has no messages"
    return text, tuple(dict.fromkeys(fields)), problems[0] if problems else ""


def _worded(expression: str, fields: list[str], problems: list[str]) -> str:
    if expression == "sample.output_text":
        return "(the answer, below)"
    if found := _ITEM.fullmatch(expression):
        fields.append(found[1])
        return f"({expression.removeprefix('item.')} of the reference, below)"
    problems.append(f"it uses `{expression[:60]}`, which no judge in Assay is given")
    return ""


def _texts(value: Any) -> Sequence[str]:
    return [item for item in value if isinstance(item, str)] if isinstance(value, list) else []


def _range(value: Any) -> tuple[float, float]:
    if isinstance(value, list) and len(value) == 2:
        low, high = as_number(value[0]), as_number(value[1])
        if low is not None and high is not None:
            return low, high
    return 0.0, 1.0
