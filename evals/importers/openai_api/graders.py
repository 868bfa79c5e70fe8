"""The testing criteria of the Evals API as checks."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Any

from evals.importers import vocabulary
from evals.importers.drafts import CaseDraft, Draft, SuiteDraft
from evals.importers.fidelity import Fidelity
from evals.importers.judges import Judges
from evals.importers.model_entries import entry
from evals.importers.names import Keys
from evals.importers.nodes import Node
from evals.importers.openai_api.formula import Formula, read_formula
from evals.importers.openai_api.judged import Question, label_question, score_question
from evals.importers.openai_api.prompts import ItemVariables
from evals.importers.openai_api.string_checks import (
    NotMappedError,
    filled,
    require_answer,
    string_check,
)
from evals.importers.vocabulary import Check

_ROUGE = {"rouge_1": "rouge-1", "rouge_2": "rouge-2", "rouge_l": "rouge-l"}
_EMBEDDER = "text-embedding-3-large"
_FUZZY = "Assay takes rapidfuzz's ratio; the API does not say which of its measures it takes"
_TOKENS = "words are counted by Assay's own rules, so scores differ a little"
_KEYS: Mapping[str, frozenset[str]] = {
    "string_check": frozenset({"input", "reference", "operation"}),
    "text_similarity": frozenset({"input", "reference", "evaluation_metric", "pass_threshold"}),
    "label_model": frozenset({"model", "input", "labels", "passing_labels"}),
    "score_model": frozenset({"model", "input", "range", "pass_threshold", "sampling_params"}),
    "multi": frozenset({"graders", "calculate_output", "pass_threshold"}),
}


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
        label = f"{kind} {node.text('name')}".strip() or str(node.value)
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
            return Grader(node, name, self._named(name, string_check(node)))
        if kind == "text_similarity":
            check, difference = self._similarity(node, needs_threshold=not is_inner)
            return Grader(node, name, self._named(name, check), (difference,))
        if kind == "multi" and not is_inner:
            return self._multi(node, name)
        if kind == "python":
            raise NotMappedError(
                "it is Python code, and code of a source is never run", "write its rule as checks"
            )
        if kind in {"label_model", "score_model"}:
            raise NotMappedError("a judge cannot stand inside another check")
        if kind == "endpoint":
            raise NotMappedError("it asks an address; suites call nothing outside")
        if not kind:
            raise NotMappedError("it has no type, so it is not a grader")
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
        require_answer(node.text("input"))
        metric, reference = node.text("evaluation_metric"), node.text("reference")
        threshold = node.number("pass_threshold")
        if threshold is None and not needs_threshold:
            threshold = 1.0
        if threshold is None or not 0 < threshold <= 1:
            raise NotMappedError("it has no `pass_threshold` above 0 and at most 1")
        limit = threshold
        if metric == "fuzzy_match":
            return lambda item: vocabulary.similarity(filled(reference, item), limit), _FUZZY
        if metric == "bleu":
            return lambda item: vocabulary.bleu(filled(reference, item), limit), _TOKENS
        if metric in _ROUGE:
            variant = _ROUGE[metric]
            return lambda item: vocabulary.rouge(filled(reference, item), variant, limit), _TOKENS
        if metric == "cosine":
            name, body = entry(_EMBEDDER)
            self.draft.models.setdefault(name, body)
            note = f"the embeddings come from the model {name} of models.yaml, once it is filled in"
            return lambda item: vocabulary.embedding(filled(reference, item), name, limit), note
        raise NotMappedError(
            f"Assay has no {metric[:40] or 'such metric'}", "use `rouge` or `bleu`"
        )

    def _multi(self, node: Node, name: str) -> Grader:
        graders = {
            key: self._grader(child, is_inner=True) for key, child in _inner_graders(node).items()
        }
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
                _combined(formula, graders, item, threshold),
                name=name,
                threshold=_share(formula, threshold) if formula.kind == "sum" else None,
            ),
            tuple(difference for grader in graders.values() for difference in grader.differences),
        )


def _inner_graders(node: Node) -> dict[str, Node]:
    """The graders of a multi grader by name: a mapping, a list, or the only one."""
    inner = node.get("graders")
    if inner is None:
        return {}
    if isinstance(inner.value, list):
        return {child.text("name"): child for child in inner.elements()}
    if isinstance(inner.value, dict) and isinstance(inner.value.get("type"), str):
        return {inner.text("name"): inner}
    return dict(inner.entries())


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


def _combined(
    formula: Formula,
    graders: Mapping[str, Grader],
    item: Mapping[str, Any],
    threshold: float | None,
) -> Check:
    # The least is at least t when each is, the greatest when one is: t belongs to each of them.
    own = None if formula.kind == "sum" else _share(formula, threshold)
    checks = [
        vocabulary.common(graders[key].check(item), weight=weight, threshold=own)
        for key, weight in formula.weights.items()
    ]
    if any(check["type"] == "embedding_similarity" for check in checks):
        raise NotMappedError("a check that asks a model cannot stand inside another check")
    return {"type": "any", "checks": checks} if formula.kind == "max" else vocabulary.all_of(checks)
