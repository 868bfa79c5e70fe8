"""rubrics/<name>.md: YAML front matter, then the criterion in Markdown."""

from __future__ import annotations

from typing import Any, cast

from core.findings import Finding
from evals.domain.judge.escaping import reserved_character
from evals.domain.judge.rubric import MODES, USUAL_REASONING_CHARS, Anchor, Mode, Rubric
from registry.domain.fields import Fields
from registry.domain.positions import Mark
from registry.domain.source import Source

FOLDER = "rubrics/"
EXTENSION = ".md"
MAX_CRITERION_CHARS = 20_000
MAX_ANCHORS = 20
MAX_SCORE = 100
#: Natural logarithm of a probability nobody would call likely.
LEAST_LOGPROB = -100.0
_FENCE = "---"
_KEYS = ("description", "mode", "scale", "labels", "pass_at", "reasoning_chars")
#: The keys that mean something only in some modes.
_ONLY_FOR = {
    "scale": ("score",),
    "labels": ("label",),
    "pass_at": ("score", "likelihood"),
    "reasoning_chars": ("score", "label", "pairwise"),
}


def rubric_path(name: str) -> str:
    """The file of the rubric called `name`."""
    return f"{FOLDER}{name}{EXTENSION}"


def parse_rubric(name: str, data: bytes) -> tuple[Rubric | None, tuple[Finding, ...]]:
    """The rubric, or None and at least one error. Never raises on what the file holds."""
    source = Source(rubric_path(name))
    rubric = _read(name, source, data)
    return None if source.is_broken else rubric, tuple(source.findings)


def _read(name: str, source: Source, data: bytes) -> Rubric | None:
    text = source.decode(data)
    end = text.find(f"\n{_FENCE}\n", len(_FENCE)) if text is not None else -1
    if text is None:
        return None
    if not text.startswith(f"{_FENCE}\n") or end < 0:
        message = "A rubric starts with front matter between two `---` lines."
        hint = "the front matter says at least `mode`"
        source.report_mark(Mark(1, 1), "rubric_front_matter", message, hint=hint)
        return None
    if not source.load(text[len(_FENCE) + 1 : end + 1], first_line=2):
        return None
    criterion = text[end + len(_FENCE) + 2 :].strip()
    _check_criterion(source, criterion, text.count("\n", 0, end) + 3)
    return _rubric(name, Fields(source, (), source.document.value, _KEYS), criterion)


def _check_criterion(source: Source, criterion: str, line: int) -> None:
    if not criterion:
        message = "The rubric says nothing below its front matter."
        source.report_mark(Mark(line, 1), "rubric_empty", message)
    elif len(criterion) > MAX_CRITERION_CHARS:
        message = f"The rubric has more than {MAX_CRITERION_CHARS:,} characters."
        source.report_mark(Mark(line, 1), "rubric_too_long", message)
    if reserved_character(criterion):
        message = "The rubric holds a private-use character; Assay marks places with them."
        source.report_mark(Mark(line, 1), "rubric_character", message)


def _rubric(name: str, fields: Fields, criterion: str) -> Rubric | None:
    mode = fields.text("mode", is_required=True)
    if mode not in MODES:
        if mode:
            fields.wrong("mode", "bad_value", f"`mode` is one of {', '.join(MODES)}.")
        return None
    for key, modes in _ONLY_FOR.items():
        if key in fields and mode not in modes:
            fields.wrong(key, "rubric_key", f"`{key}` belongs to the mode {' or '.join(modes)}.")
    anchors = {"score": _steps, "label": _labels}.get(mode, _none)(fields)
    return Rubric(
        name=name,
        mode=cast("Mode", mode),
        criterion=criterion,
        anchors=anchors,
        pass_at=_pass_at(fields, mode, anchors),
        reasoning_chars=_reasoning_chars(fields),
        description=fields.text("description"),
    )


def _none(_fields: Fields) -> tuple[Anchor, ...]:
    return ()


def _entries(fields: Fields, key: str, known: tuple[str, ...]) -> list[Fields]:
    items = fields.items(key)
    if key not in fields:
        fields.source.report(fields.at, "missing_key", f"`{key}` is missing.")
    elif not 2 <= len(items) <= MAX_ANCHORS:
        fields.wrong(key, "bad_value", f"`{key}` has 2 to {MAX_ANCHORS} entries.")
        return []
    at = (*fields.at, key)
    return [Fields(fields.source, (*at, i), item, known) for i, item in enumerate(items)]


def _steps(fields: Fields) -> tuple[Anchor, ...]:
    steps = []
    for entry in _entries(fields, "scale", ("score", "means")):
        if "score" not in entry:
            entry.source.report(entry.at, "missing_key", "`score` is missing.")
        score = entry.integer("score", 0, 0, MAX_SCORE)
        steps.append(Anchor(score, _meaning(entry)))
    scores = [int(step.value) for step in steps]
    if scores != sorted(set(scores)):
        fields.wrong("scale", "rubric_scale", "The scores of a scale ascend, each given once.")
    return tuple(steps)


def _labels(fields: Fields) -> tuple[Anchor, ...]:
    labels = []
    for entry in _entries(fields, "labels", ("label", "means", "passes")):
        label = entry.text("label", is_required=True)
        passes = entry.boolean("passes", default=False)
        labels.append(Anchor(label, _meaning(entry), passes))
    names = [str(label.value).casefold() for label in labels]
    if len(set(names)) < len(names):
        fields.wrong("labels", "rubric_labels", "Two labels are the same.")
    if labels and len({label.passes for label in labels}) < 2:
        message = "At least one label passes (`passes: true`), and at least one does not."
        fields.wrong("labels", "rubric_labels", message)
    return tuple(labels)


def _meaning(entry: Fields) -> str:
    means = entry.text("means", is_required=True)
    if reserved_character(means):
        entry.wrong("means", "rubric_character", "A private-use character marks places in Assay.")
    return means


def _pass_at(fields: Fields, mode: str, anchors: tuple[Anchor, ...]) -> float:
    if mode not in _ONLY_FOR["pass_at"]:
        return 0.0
    if "pass_at" not in fields:
        fields.source.report(fields.at, "missing_key", "`pass_at` is missing.")
    if mode == "likelihood":
        return fields.number("pass_at", 0.0, LEAST_LOGPROB, 0.0)
    if not anchors:
        return 0.0
    low, high = int(anchors[0].value), int(anchors[-1].value)
    value = fields.number("pass_at", float(high), low, high)
    if value == low:
        message = "Every answer would pass: `pass_at` is the lowest score."
        fields.wrong("pass_at", "rubric_scale", message)
    return value


def _reasoning_chars(fields: Fields) -> int | None:
    given: Any = fields.values.get("reasoning_chars", USUAL_REASONING_CHARS)
    if given is None:
        return None
    return fields.integer("reasoning_chars", USUAL_REASONING_CHARS, 1, 20_000)
