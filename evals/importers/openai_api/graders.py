"""The testing criteria of the Evals API as checks."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Any

from evals.importers import javascript, vocabulary
from evals.importers.drafts import CaseDraft, Draft, SuiteDraft
from evals.importers.fidelity import Fidelity
from evals.importers.interpolation import UnfilledError, fill
from evals.importers.judges import Judges
from evals.importers.model_entries import entry
from evals.importers.names import Keys
from evals.importers.nodes import Node, as_number
from evals.importers.openai_api.formula import Formula, read_formula
from evals.importers.openai_api.judged import Question, label_question, score_question
from evals.importers.openai_api.prompts import ItemVariables
from evals.importers.vocabulary import Check

_ANSWER = re.compile(r"\s*\{\{\s*sample\.output_text\s*\}\}\s*")
_FIELD = re.compile(r"\s*\{\{\s*sample\.output_json((?:\.[A-Za-z_]\w*)+)\s*\}\}\s*")
_ROUGE = {"rouge_1": "rouge-1", "rouge_2": "rouge-2", "rouge_l": "rouge-l"}
_EMBEDDER = "text-embedding-3-large"
_TOKENS = "words are counted by Assay's own rules, so scores differ a little"
_KEYS: Mapping[str, frozenset[str]] = {
    "string_check": frozenset({"input", "reference", "operation"}),
    "text_similarity": frozenset({"input", "reference", "evaluation_metric", "pass_threshold"}),
    "label_model": frozenset({"model", "input", "labels", "passing_labels"}),
    "score_model": frozenset({"model", "input", "range", "pass_threshold", "sampling_params"}),
    "multi": frozenset({"graders", "calculate_output", "pass_threshold"}),
}


class NotMappedError(Exception):
    """Why a grader has no counterpart; a clause for the report, and what to do."""

    def __init__(self, reason: str, todo: str = "") -> None:
        super().__init__(reason)
        self.todo = todo


@dataclass(frozen=True)
class Grader:
    """One criterion: `check` makes the check for an item, or raises NotMappedError."""

    node: Node
    name: str
    check: Callable[[Mapping[str, Any]], Check]
    differences: tuple[str, ...] = ()


class GraderSet:
    """The criteria of one eval. `judge` puts their checks on a case."""

    def __init__(
        self, draft: Draft, suite: SuiteDraft, report: Fidelity, variables: ItemVariables
    ) -> None:
        self.draft = draft
        self.suite = suite
        self.report = report
        self.variables = variables
        self.judges = Judges(draft, suite)
        self.graders: list[Grader] = []
        self.questions: list[tuple[Node, Question]] = []
        self.names = Keys()

    def add(self, node: Node) -> None:
        """Read one criterion; report it when it cannot be mapped."""
        kind = node.text("type")
        label = f"{kind} {node.text('name')}".strip()
        for key, child in node.entries():
            if kind in _KEYS and key not in _KEYS[kind] | {"type", "name", "id"}:
                self.report.unmapped(child, "grader key", f"{label}: {key}", "no such key is known")
        try:
            if kind in {"label_model", "score_model"}:
                self._ask(node)
            else:
                self.graders.append(self._grader(node))
        except NotMappedError as error:
            self.report.unmapped(node, "grader", label, str(error), error.todo)

    def judge(self, case: CaseDraft, item: Mapping[str, Any]) -> None:
        """The checks of all criteria for one item; what one cannot say of it is reported."""
        for grader in self.graders:
            label = f"{grader.node.text('type')} {grader.name}".strip()
            try:
                check = _usable(grader.check(item))
            except NotMappedError as error:
                self.report.unmapped(grader.node, "grader", label, str(error), error.todo)
                continue
            case.checks.append(check)
            into = f"check {check['type']}"
            self.report.settled(grader.node, "grader", label, into, grader.differences)
        self._judged(case, item)

    def _judged(self, case: CaseDraft, item: Mapping[str, Any]) -> None:
        fields = sorted({field for _, question in self.questions for field in question.fields})
        for node, question in self.questions:
            label = f"{node.text('type')} {node.text('name')}".strip()
            name, body = entry(question.model)
            self.draft.models.setdefault(name, body)
            check, said = self.judges.check(
                question.rubric, name, node.text("name") or "judge", with_reference=bool(fields)
            )
            if check is None:
                self.report.unmapped(node, "grader", label, said)
                continue
            case.checks.append(vocabulary.common(check, name=question.name))
            notes = (said, *question.differences)
            self.report.settled(node, "grader", label, "check judge", notes)
        if fields and self.questions:
            found = {field: item.get(field) for field in fields}
            case.expected = found[fields[0]] if len(fields) == 1 else found

    def _ask(self, node: Node) -> None:
        question = label_question(node) if node.text("type") == "label_model" else None
        question = question or score_question(node)
        if question.problem:
            raise NotMappedError(question.problem, "write a rubric by hand")
        self.questions.append((node, replace(question, name=self._name(node))))

    def _grader(self, node: Node, *, is_inner: bool = False) -> Grader:
        kind = node.text("type")
        name = "" if is_inner else self._name(node)
        if kind == "string_check":
            return Grader(node, name, self._named(name, _string_check(node)))
        if kind == "text_similarity":
            check, difference = self._similarity(node, needs_threshold=not is_inner)
            return Grader(node, name, self._named(name, check), (difference,))
        if kind == "multi" and not is_inner:
            return self._multi(node, name)
        if kind == "python":
            raise NotMappedError("it is Python code, and code of a source is never run")
        if kind in {"label_model", "score_model"}:
            raise NotMappedError("a judge cannot stand inside another check")
        raise NotMappedError(f"there is no grader type {kind[:40]!r} in the Evals API")

    def _name(self, node: Node) -> str:
        return self.names.unique(node.text("name"), " ({})") if node.text("name") else ""

    def _named(
        self, name: str, check: Callable[[Mapping[str, Any]], Check]
    ) -> Callable[[Mapping[str, Any]], Check]:
        return lambda item: vocabulary.common(check(item), name=name)

    def _similarity(
        self, node: Node, *, needs_threshold: bool
    ) -> tuple[Callable[[Mapping[str, Any]], Check], str]:
        _require_answer(node.text("input"))
        metric, reference = node.text("evaluation_metric"), node.text("reference")
        threshold = node.number("pass_threshold")
        if threshold is None and not needs_threshold:
            threshold = 1.0
        if threshold is None or not 0 < threshold <= 1:
            raise NotMappedError("it has no `pass_threshold` above 0 and at most 1")
        limit = threshold
        if metric == "fuzzy_match":
            return lambda item: vocabulary.similarity(_filled(reference, item), limit), _TOKENS
        if metric == "bleu":
            return lambda item: vocabulary.bleu(_filled(reference, item), limit), _TOKENS
        if metric in _ROUGE:
            variant = _ROUGE[metric]
            return lambda item: vocabulary.rouge(_filled(reference, item), variant, limit), _TOKENS
        if metric == "cosine":
            name, body = entry(_EMBEDDER)
            self.draft.models.setdefault(name, body)
            note = f"the embeddings come from the model {name} of models.yaml, once it is filled in"
            return lambda item: vocabulary.embedding(_filled(reference, item), name, limit), note
        raise NotMappedError(
            f"Assay has no {metric[:40] or 'such metric'}", "use `rouge` or `bleu`"
        )

    def _multi(self, node: Node, name: str) -> Grader:
        inner = node.get("graders")
        graders = {}
        for key, child in inner.entries() if inner is not None else ():
            graders[key] = self._grader(child, is_inner=True)
        formula = read_formula(node.text("calculate_output"), graders.keys())
        if formula is None:
            raise NotMappedError(
                "its `calculate_output` is neither a weighted sum nor the least or the greatest",
                "write an `all` check with weights",
            )
        threshold = node.number("pass_threshold")
        if formula.kind == "sum" and threshold is None:
            raise NotMappedError("it has no `pass_threshold`, so nothing says what passes")
        return Grader(
            node,
            name,
            lambda item: vocabulary.common(
                _combined(formula, graders, item),
                name=name,
                threshold=_share(formula, threshold),
            ),
            tuple(difference for grader in graders.values() for difference in grader.differences),
        )


def _usable(check: Check) -> Check:
    if problem := vocabulary.problem_with(check):
        raise NotMappedError(f"Assay's check cannot take it: {problem}")
    return check


def _share(formula: Formula, threshold: float | None) -> float | None:
    """The threshold of a sum as a share of the greatest sum."""
    if threshold is None:
        return None
    share = threshold / formula.total if formula.kind == "sum" else threshold
    if not 0 < share <= 1:
        raise NotMappedError("its `pass_threshold` is always or never reached")
    return share


def _combined(formula: Formula, graders: Mapping[str, Grader], item: Mapping[str, Any]) -> Check:
    checks = [
        vocabulary.common(graders[key].check(item), weight=weight)
        for key, weight in formula.weights.items()
    ]
    if any(check["type"] == "embedding_similarity" for check in checks):
        raise NotMappedError("a check that asks a model cannot stand inside another check")
    return {"type": "any", "checks": checks} if formula.kind == "max" else vocabulary.all_of(checks)


def _require_answer(template: str) -> None:
    if not _ANSWER.fullmatch(template):
        raise NotMappedError(f"it judges `{template[:80]}`, and checks judge the answer's text")


def _string_check(node: Node) -> Callable[[Mapping[str, Any]], Check]:
    given, reference, operation = (node.text(key) for key in ("input", "reference", "operation"))
    if operation in {"eq", "ne"} and _ANSWER.fullmatch(reference):
        given, reference = reference, given
    if found := _FIELD.fullmatch(given):
        return _field_check(found[1].removeprefix(".").split("."), reference, operation)
    _require_answer(given)
    if operation in {"eq", "ne"}:
        return lambda item: vocabulary.common(
            vocabulary.exact(_filled(reference, item)), negate=operation == "ne"
        )
    if operation in {"like", "ilike"}:
        return lambda item: vocabulary.contains(
            _filled(reference, item), ignore_case=operation == "ilike"
        )
    raise NotMappedError(f"there is no operation {operation[:40]!r} in the Evals API")


def _field_check(
    path: list[str], reference: str, operation: str
) -> Callable[[Mapping[str, Any]], Check]:
    if operation != "eq":
        raise NotMappedError("only `eq` can be said of a field of the answer's JSON")

    def check(item: Mapping[str, Any]) -> Check:
        schema: dict[str, Any] = {"const": _filled(reference, item)}
        for key in reversed(path):
            schema = {"type": "object", "required": [key], "properties": {key: schema}}
        return vocabulary.json_document(schema)

    return check


def _filled(template: str, item: Mapping[str, Any]) -> str:
    if "sample." in template:
        raise NotMappedError("its reference is taken from the answer itself")
    try:
        return fill(template, {"item": _texts(item)})
    except UnfilledError as error:
        raise NotMappedError(str(error)) from error


def _texts(value: Any) -> Any:
    """Numbers and objects as the API prints them."""
    if isinstance(value, dict):
        return {key: _texts(item) for key, item in value.items()}
    if isinstance(value, list):
        return javascript.json_of(value)
    return javascript.text_of(value) if as_number(value) is not None else value
