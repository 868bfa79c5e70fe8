"""calibration/<rubric>.jsonl: answers with the labels people gave them, one JSON object a line.

`{"id", "question", "answer", "label", "reference"?}`; a pairwise row has `answer_a` and `answer_b`
in place of `answer`, and the label A, B or tie. The label is a score of the rubric's scale, one of
its labels, or for likelihood `pass` or `fail`. `by` and `note` are for people.
"""

from __future__ import annotations

from typing import Any

from core.findings import Finding
from evals.domain.json_values import unstorable_text
from evals.domain.judge.compose import MAX_TEXT_CHARS
from evals.domain.judge.labels import LabelledAnswer, label_words
from evals.domain.judge.rubric import Rubric
from evals.domain.suite.dataset import Row, read_dataset
from registry.domain.fields import Fields
from registry.domain.positions import Document, Mark
from registry.domain.source import Source

FOLDER = "calibration/"
EXTENSION = ".jsonl"
MAX_ID_CHARS = 200
_FOR_PEOPLE = ("by", "note")


def labels_path(rubric: str) -> str:
    """The file of human labels for the rubric of this name."""
    return f"{FOLDER}{rubric}{EXTENSION}"


def parse_labels(
    rubric: Rubric, data: bytes
) -> tuple[tuple[LabelledAnswer, ...], tuple[Finding, ...]]:
    """The rows, none after an error. Never raises on what the file holds."""
    source = Source(labels_path(rubric.name))
    rows: dict[str, LabelledAnswer] = {}
    for row in read_dataset(source, data):
        source.document = Document(row.value, values={(): Mark(row.line, 1)})
        labelled = _row(source, row, rubric)
        if labelled is not None and labelled.id in rows:
            source.report((), "duplicate_label", f"The id {labelled.id[:60]!r} is used twice.")
        elif labelled is not None:
            rows[labelled.id] = labelled
    return () if source.is_broken else tuple(rows.values()), tuple(source.findings)


def _row(source: Source, row: Row, rubric: Rubric) -> LabelledAnswer | None:
    if not isinstance(row.value, dict):
        source.report((), "wrong_type", "A line is an object with id, question, answer and label.")
        return None
    before = len(source.findings)
    answers = ("answer_a", "answer_b") if rubric.mode == "pairwise" else ("answer",)
    known = ("id", "question", *answers, "label", "reference", *_FOR_PEOPLE)
    fields = Fields(source, (), row.value, known)
    labelled = LabelledAnswer(
        id=_id(fields),
        question=_text(fields, "question"),
        answer=_text(fields, answers[0]),
        label=_label(fields, rubric),
        other=_text(fields, answers[1]) if len(answers) > 1 else None,
        reference=_text(fields, "reference") if "reference" in fields else None,
    )
    if problem := unstorable_text(row.value):
        source.report((), "bad_text", f"The line cannot be stored: {problem}.")
    return None if len(source.findings) > before else labelled


def _id(fields: Fields) -> str:
    value = fields.text("id", is_required=True)
    if not value.isprintable() or len(value) > MAX_ID_CHARS:
        fields.wrong("id", "bad_value", f"An id has up to {MAX_ID_CHARS} printable characters.")
    return value


def _text(fields: Fields, key: str) -> str:
    value: Any = fields.values.get(key)
    if not isinstance(value, str):
        fields.source.report((), "missing_key", f"`{key}` is missing, or not a text.")
        return ""
    if len(value) > MAX_TEXT_CHARS:
        message = f"`{key}` has more than {MAX_TEXT_CHARS:,} characters."
        fields.wrong(key, "bad_value", message)
    return value


def _label(fields: Fields, rubric: Rubric) -> str:
    value: Any = fields.values.get("label")
    words = label_words(rubric)
    wanted = int if rubric.mode == "score" else str
    if type(value) is not wanted or str(value) not in words:
        message = f"`label` is one of {', '.join(words)}."
        fields.source.report((), "bad_label", message, hint=f"it is {value!r}"[:80])
    return str(value)
