"""The eval classes of openai/evals that have checks in Assay; the others are listed."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from evals.domain.json_values import JsonError, read_json
from evals.importers import vocabulary
from evals.importers.chat import ChatError
from evals.importers.drafts import CaseDraft, Draft, SuiteDraft
from evals.importers.errors import UnreadableError
from evals.importers.names import Keys
from evals.importers.nodes import Node, as_number
from evals.importers.openai_evals.graded import classify
from evals.importers.openai_evals.places import Registry
from evals.importers.openai_evals.samples import (
    INPUT,
    MESSAGES,
    Sample,
    Turn,
    read_turns,
    shared_prompt,
    with_examples,
)
from evals.importers.vocabulary import Check

MAX_IDEALS = 50
_FUZZY = (
    "openai/evals drops articles and punctuation and also accepts an answer that is a part of the "
    "ideal; Assay looks for the ideal in the answer without regard to case"
)
_CODE = "its class is Python code, and code of a source is never run"


@dataclass(frozen=True)
class Matcher:
    """How one class judges. `check` takes one ideal; `difference` is said once for the suite."""

    check: Callable[[str], Check]
    difference: str = ""
    parameters: Mapping[str, Any] | None = None
    #: False for a class that looks at the answer alone.
    needs_ideal: bool = True


def _json_check(ideal: str) -> Check:
    return vocabulary.json_value(read_json(ideal))


_MATCHERS: Mapping[str, Matcher] = {
    "evals.elsuite.basic.match:Match": Matcher(
        vocabulary.starts_with, parameters={"temperature": 0}
    ),
    "evals.elsuite.basic.includes:Includes": Matcher(vocabulary.contains),
    "evals.elsuite.basic.fuzzy_match:FuzzyMatch": Matcher(
        lambda ideal: vocabulary.contains(ideal, ignore_case=True), _FUZZY
    ),
    "evals.elsuite.basic.json_match:JsonMatch": Matcher(_json_check),
    "evals.elsuite.basic.json_validator:JsonValidator": Matcher(
        lambda _: vocabulary.json_document(), needs_ideal=False
    ),
}
_IGNORING_CASE = Matcher(lambda ideal: vocabulary.contains(ideal, ignore_case=True))
_CLASSIFY = "evals.elsuite.modelgraded.classify:ModelBasedClassify"
_LISTED = {
    "evals.elsuite.multiple_choice:MultipleChoice": (
        "its questions come from a dataset on the network",
        "download it and write samples for Match",
    ),
}
#: An ideal that every matcher takes.
_EXAMPLE = "1"
_COMMON_ARGS = frozenset({"samples_jsonl", "num_few_shot", "few_shot_jsonl"})
_ROW_KEYS = frozenset({"input", "ideal"})
#: Keys of rows that try a judge -> (why they are not mapped, what to do instead).
_RECORDED = {
    "completion": ("Assay judges fresh answers, not recorded ones", ""),
    "choice": ("it is a human label", "human labels belong into calibration/"),
}


def known_classes() -> tuple[str, ...]:
    """The classes that are mapped, and those that are listed with a reason of their own."""
    return (*_MATCHERS, _CLASSIFY, *_LISTED)


def fill_suite(
    class_name: str, args: Node, node: Node, suite: SuiteDraft, draft: Draft, registry: Registry
) -> None:
    """Everything of one eval; what has no counterpart is reported."""
    report = registry.report
    matcher = _MATCHERS.get(class_name)
    if matcher is None and class_name != _CLASSIFY:
        reason, todo = _LISTED.get(class_name, (_CODE, "write its rule as checks by hand"))
        report.unmapped(node, "eval class", class_name or "(none)", reason, todo)
    if matcher is not None:
        into = f"check {matcher.check(_EXAMPLE)['type']}"
        report.settled(node, "eval class", class_name, into, (matcher.difference,))
    ignores = args.get("ignore_case")
    if ignores is not None and class_name.endswith(":Includes"):
        report.mapped(ignores, "eval argument", f"ignore_case: {ignores.value}", "ignore_case")
        matcher = _IGNORING_CASE if ignores.value is True else matcher
    samples = _samples(args, node, suite, registry)
    if not samples:
        for key, child in args.entries():
            if key not in {"samples_jsonl", "ignore_case"}:
                what = f"{key}: {child.value}"
                report.unmapped(child, "eval argument", what, "there are no samples to judge")
        return
    prompt, count = shared_prompt(samples, node, suite.name)
    suite.prompts.append(prompt)
    _add_cases(suite, samples, count)
    if matcher is not None:
        suite.parameters = dict(matcher.parameters or {})
        _arguments(args, registry, _COMMON_ARGS | {"ignore_case"}, suite)
        _judge_by(matcher, suite, samples, registry)
    elif class_name == _CLASSIFY:
        handled = classify(args, suite, draft, samples, registry)
        _arguments(args, registry, _COMMON_ARGS | handled, suite)
    else:
        _arguments(args, registry, _COMMON_ARGS, suite)


def _arguments(args: Node, registry: Registry, known: frozenset[str], suite: SuiteDraft) -> None:
    for key, child in args.entries():
        value = as_number(child.value)
        if key == "max_tokens" and value is not None and 1 <= value <= 1_000_000:
            suite.parameters["max_tokens"] = int(value)
            registry.report.mapped(child, "eval argument", f"max_tokens: {value:g}", "parameters")
        elif key not in known:
            reason = "Assay has no such argument"
            registry.report.unmapped(child, "eval argument", f"{key}: {child.value}", reason)


def _samples(args: Node, node: Node, suite: SuiteDraft, registry: Registry) -> list[Sample]:
    report = registry.report
    given = args.get("samples_jsonl")
    if given is None or not isinstance(given.value, str):
        report.unmapped(node, "eval", suite.name, "it names no samples (samples_jsonl)")
        return []
    try:
        path, rows = registry.rows(given.value)
    except UnreadableError as error:
        report.unmapped(given, "samples", given.value, error.reason, error.todo)
        return []
    report.mapped(given, "samples", given.value, "dataset")
    shots = _shots(args, registry)
    found = []
    for number, row in enumerate(rows, 1):
        label = f"{path} row {number}"
        if row.problem:
            report.unmapped(row.node, "sample", label, row.problem)
            continue
        sample = _sample(row.node, label, shots, registry)
        if sample is not None:
            found.append(sample)
    return found


def _sample(node: Node, label: str, shots: Sequence[Turn], registry: Registry) -> Sample | None:
    report = registry.report
    if not isinstance(node.value, dict) or "input" not in node.value:
        is_pair = isinstance(node.value, dict) and {"input1", "choice"} & node.value.keys()
        reason = "it compares or labels recorded answers" if is_pair else "it has no `input`"
        todo = "human labels belong into calibration/" if is_pair else ""
        report.unmapped(node, "sample", label, reason, todo)
        return None
    try:
        turns, notes = read_turns(node.value["input"])
    except ChatError as error:
        report.unmapped(node, "sample", label, str(error))
        return None
    for key in sorted(node.value.keys() - _ROW_KEYS):
        reason, todo = _RECORDED.get(key, ("nothing in the suite uses it", ""))
        report.unmapped(node, "sample key", key, reason, todo)
    return Sample(node, with_examples(turns, shots) if shots else turns, notes)


def _shots(args: Node, registry: Registry) -> list[Turn]:
    number = args.number("num_few_shot")
    source = args.get("few_shot_jsonl")
    if not number or source is None or not isinstance(source.value, str):
        return []
    turns: list[Turn] = []
    try:
        _, rows = registry.rows(source.value)
        for row in rows[: int(number)]:
            shot = row.node.value.get("sample") if isinstance(row.node.value, dict) else None
            turns += read_turns(shot)[0]
    except (UnreadableError, ChatError) as error:
        reason = error.reason if isinstance(error, UnreadableError) else str(error)
        registry.report.unmapped(source, "few-shot examples", source.value, reason)
        return []
    what = f"{source.value} ({int(number)})"
    registry.report.mapped(source, "few-shot examples", what, "turns before the last one")
    return turns


def _add_cases(suite: SuiteDraft, samples: Sequence[Sample], count: int) -> None:
    keys = Keys()
    uses_input = INPUT in suite.prompts[0].names
    for number, sample in enumerate(samples, 1):
        case = CaseDraft(node=sample.node, key=keys.case(f"sample {number}"))
        rest = sample.turns[count:]
        if uses_input:
            case.variables[INPUT] = rest[0][1]
        else:
            case.placeholders[MESSAGES] = [{"role": role, "content": text} for role, text in rest]
        suite.cases.append(case)


def _judge_by(
    matcher: Matcher, suite: SuiteDraft, samples: Sequence[Sample], registry: Registry
) -> None:
    for case, sample in zip(suite.cases, samples, strict=True):
        ideal = sample.node.value.get("ideal") if matcher.needs_ideal else "any"
        check, problem = _checked(matcher, ideal)
        notes = sample.notes
        if check is None:
            registry.report.unmapped(sample.node, "ideal", case.key, problem)
            continue
        case.checks.append(check)
        registry.report.settled(sample.node, "sample", case.key, "case", notes)


def _checked(matcher: Matcher, ideal: Any) -> tuple[Check | None, str]:
    ideals = ideal if isinstance(ideal, list) else [ideal]
    if not ideals or not all(isinstance(item, str) for item in ideals):
        return None, "its ideal is neither a text nor a list of texts"
    if "" in ideals:
        return None, "an empty ideal matches every answer"
    if len(ideals) > MAX_IDEALS:
        return None, f"it has more than {MAX_IDEALS} ideals"
    try:
        check = vocabulary.any_of([matcher.check(item) for item in dict.fromkeys(ideals)])
    except JsonError as error:
        return None, f"its ideal is not JSON: {error.message}"
    problem = vocabulary.problem_with(check)
    return (None, problem) if problem else (check, "")
