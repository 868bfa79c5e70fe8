"""ModelBasedClassify: a modelgraded specification as a rubric with labels."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any

from evals.importers.drafts import Draft, SuiteDraft
from evals.importers.errors import UnreadableError
from evals.importers.judges import Judges, Rubric
from evals.importers.model_entries import UNPINNED, entry
from evals.importers.nodes import Node, as_number
from evals.importers.openai_evals.places import Registry
from evals.importers.openai_evals.samples import Sample
from evals.importers.vocabulary import Check

HANDLED = frozenset({"modelgraded_spec", "eval_type", "modelgraded_spec_args", "metaeval"})
_NO_JUDGE = "the model that judges is not in the registry: `oaieval` takes it from its command line"
_NO_SCORES = "it counts choices and says of none that it passes (no `choice_scores`)"
_WORDS = {
    "input": "(the question, below)",
    "completion": "(the answer, below)",
    "ideal": "(the reference, below)",
}
_DECIMAL = re.compile(r"[0-9]{1,9}")
_PLACE = re.compile(r"\{(\w+)\}")
_SPEC_KEYS = frozenset("prompt choice_strings choice_scores input_outputs eval_type args".split())


def classify(
    args: Node, suite: SuiteDraft, draft: Draft, samples: Sequence[Sample], registry: Registry
) -> frozenset[str]:
    """Give every case the judge of the specification, or report why not. The arguments it read."""
    given = args.get("modelgraded_spec")
    report = registry.report
    if given is None or not isinstance(given.value, str):
        report.unmapped(args, "eval", suite.name, "it names no modelgraded specification")
        return HANDLED
    if args.value.get("metaeval"):
        reason = "it tries the judge on labelled answers; it does not judge the model"
        report.unmapped(given, "modelgraded", given.value, reason, "put its rows into calibration/")
        return HANDLED
    try:
        spec = registry.graded(given.value)
    except UnreadableError as error:
        report.unmapped(given, "modelgraded", given.value, error.reason, error.todo)
        return HANDLED
    for key, child in spec.entries():
        if key not in _SPEC_KEYS:
            report.unmapped(child, "modelgraded key", key, "Assay's judge has no such setting")
    rubric, problem, compares = _rubric(spec, _arguments(args, spec))
    if not registry.judge and not problem:
        problem, todo = _NO_JUDGE, "import again with --judge MODEL"
    else:
        todo = "write a rubric by hand"
    if rubric is None or problem:
        report.unmapped(given, "modelgraded", given.value, problem, todo)
        return HANDLED
    name, body = entry(registry.judge)
    draft.models[name] = body
    label = str(given.value)
    check, said = Judges(draft, suite).check(rubric, name, label, with_reference=compares)
    if check is None:
        report.unmapped(given, "modelgraded", label, said)
        return HANDLED
    notes = (said, "only the choices with the best score pass", UNPINNED)
    report.settled(given, "modelgraded", label, "judge", notes)
    _apply(check, suite, samples, registry, compares=compares)
    return HANDLED


def _apply(
    check: Check,
    suite: SuiteDraft,
    samples: Sequence[Sample],
    registry: Registry,
    *,
    compares: bool,
) -> None:
    for case, sample in zip(suite.cases, samples, strict=True):
        ideal = sample.node.value.get("ideal")
        if ideal is None and compares:
            reason = "it has no `ideal`, and the rubric compares with one"
            registry.report.unmapped(sample.node, "sample", case.key, reason)
            continue
        case.expected = ideal if compares else None
        case.checks.append(check)
        registry.report.settled(sample.node, "sample", case.key, "case", sample.notes)


def _arguments(args: Node, spec: Node) -> dict[str, str]:
    """The texts that the eval puts into the specification, by the names of their places."""
    chosen = args.get("modelgraded_spec_args")
    offered = spec.get("args")
    found: dict[str, str] = {}
    for name, node in chosen.entries() if chosen is not None else ():
        choices = offered.get(name) if offered is not None else None
        text = choices.text(str(node.value)) if choices is not None else ""
        found[name] = text or str(node.value)
    return found


def _rubric(spec: Node, arguments: Mapping[str, str]) -> tuple[Rubric | None, str, bool]:
    """(the rubric, why there is none, whether it compares with the sample's `ideal`)."""
    text = _prompt_text(spec.value.get("prompt") if isinstance(spec.value, dict) else None)
    text = _PLACE.sub(lambda found: arguments.get(found[1], found[0]), text)
    strange = sorted(set(_PLACE.findall(text)) - _WORDS.keys())
    if not text:
        return None, "its prompt cannot be read", False
    if strange:
        problem = f"its prompt uses {', '.join(strange)}, which no judge in Assay is given"
        return None, problem, False
    choices = _choices(spec.value.get("choice_strings"))
    scores = _scores(spec.value.get("choice_scores"), choices)
    if not choices:
        return None, "its choices depend on the number of answers", False
    if not scores:
        return None, _NO_SCORES, False
    best = max((as_number(score) or 0 for score in scores.values()), default=0)
    labels = [_label(choice, scores, best) for choice in choices]
    criterion = _PLACE.sub(lambda found: _WORDS[found[1]], text)
    return Rubric(criterion, labels), "", "ideal" in _PLACE.findall(text)


def _scores(value: Any, choices: Sequence[str]) -> Mapping[str, Any]:
    """The score of each choice; with `from_strings` a choice is its own score."""
    if isinstance(value, dict):
        return value
    is_numeric = all(_DECIMAL.fullmatch(choice) for choice in choices)
    own = value == "from_strings" and is_numeric
    return {choice: float(choice) for choice in choices} if own else {}


def _label(choice: str, scores: Mapping[str, Any], best: float) -> dict[str, Any]:
    passes = as_number(scores.get(choice)) == best
    means = f"As the criterion says of {choice}."
    return {"label": choice, "means": means, **({"passes": True} if passes else {})}


def _choices(value: Any) -> list[str]:
    if isinstance(value, str) and not value.startswith("from_n"):
        return list(value)
    if isinstance(value, list) and all(isinstance(item, str) for item in value):
        return value
    return []


def _prompt_text(value: Any) -> str:
    if isinstance(value, str):
        return value
    if isinstance(value, list):
        texts = [item.get("content") for item in value if isinstance(item, dict)]
        return "\n\n".join(text for text in texts if isinstance(text, str))
    return ""
