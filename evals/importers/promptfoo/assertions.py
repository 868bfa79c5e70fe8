"""The table from promptfoo's assertion types to checks, and the way from a node to a check."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Any

from evals.importers import javascript, vocabulary
from evals.importers.errors import UnreadableError
from evals.importers.interpolation import UnfilledError, fill_all
from evals.importers.names import Keys
from evals.importers.nodes import Node, as_number
from evals.importers.promptfoo import graded, rules
from evals.importers.promptfoo.assertion import (
    KEYS,
    Assertion,
    Verdict,
    lost,
    shape_of,
    transform_problem,
)
from evals.importers.promptfoo.context import BY_HAND, FILE, Context, is_code
from evals.importers.promptfoo.graders import Graders
from evals.importers.promptfoo.tests import Test
from evals.importers.promptfoo.types import JUDGED, NOT_WAS_IGNORED, listed_reason
from evals.importers.vocabulary import Check

Rule = Callable[[Assertion], Verdict]

#: The mapping. What is not here is listed in types.py with its reason.
_RULES: Mapping[str, Rule] = {
    "equals": rules.equals,
    "contains": rules.contains,
    "icontains": rules.contains,
    "contains-any": rules.contains_list,
    "contains-all": rules.contains_list,
    "icontains-any": rules.contains_list,
    "icontains-all": rules.contains_list,
    "starts-with": rules.starts_with,
    "regex": rules.regex,
    "is-json": rules.is_json,
    "contains-json": rules.is_json,
    "levenshtein": rules.levenshtein,
    "rouge-n": rules.rouge,
    "bleu": rules.bleu,
    "similar": graded.similar,
    "similar:cosine": graded.similar,
    "latency": rules.latency,
    "cost": rules.cost,
    "is-refusal": rules.refusal,
    "word-count": rules.word_count,
}
_OLD_NOT = "promptfoo 0.118.17 ignored `not-` here; it is taken as newer releases do, turned around"
_ASKING_IN_SET = (
    "a check that asks a model cannot stand inside another check",
    "give it to the test itself",
)
_SET_IN_SET = ("promptfoo knows no set inside a set", "")
_UNKNOWN = "promptfoo has no such assertion type, or Assay does not know it"


@dataclass
class Mapped:
    """A check, and what its case must expect for it (None: nothing)."""

    check: Check
    expected: Any = None


class Assertions:
    """Maps the assertions of one suite and reports each."""

    def __init__(self, context: Context, graders: Graders) -> None:
        self.context = context
        self.report = context.fidelity
        self.graders = graders
        grader = graded.Grader(context.judges)
        self.rules: Mapping[str, Rule] = {
            **_RULES,
            "llm-rubric": grader.llm_rubric,
            "g-eval": grader.g_eval,
            "factuality": grader.factuality,
            "model-graded-factuality": grader.factuality,
            "model-graded-closedqa": grader.llm_rubric,
        }

    def mapped(
        self,
        node: Node,
        test: Test,
        values: Mapping[str, Any],
        names: Keys,
        expected: Any = None,
        *,
        is_default: bool = False,
        is_inner: bool = False,
    ) -> Mapped | None:
        """The check for an assertion; None after a report. The case has `expected` already.

        `is_inner` says that it stands in an assert-set, where no check can ask a model.
        """
        kind = node.text("type")
        if not isinstance(node.value, dict) or not kind:
            is_reference = isinstance(node.value, dict) and "$ref" in node.value
            reason = "its `$ref` leads nowhere in this file" if is_reference else "it has no type"
            todo = "write the assertion itself in its place" if is_reference else ""
            self.report.unmapped(node, "assertion", str(node.value), reason, todo)
            return None
        self._strange_keys(node, kind)
        base = kind.removeprefix("not-")
        if is_inner and (base in JUDGED or base.startswith(("similar", "assert-set"))):
            verdict = lost(*(_SET_IN_SET if base == "assert-set" else _ASKING_IN_SET))
        elif kind == "assert-set":
            verdict = self._set(node, test, values)
        else:
            verdict = self._verdict(node, kind, test, values, expected, is_default=is_default)
        return self._finished(node, kind, verdict, names)

    def _finished(self, node: Node, kind: str, verdict: Verdict, names: Keys) -> Mapped | None:
        check = verdict.check
        if check is None:
            self.report.unmapped(
                node, "assertion", _label(node, kind), verdict.problem, verdict.todo
            )
            return None
        weight = 0 if _only_measures(node) else node.number("weight")
        threshold = node.number("threshold") if kind == "assert-set" else None
        metric = node.text("metric")
        finished = vocabulary.common(
            check,
            name=names.unique(metric, " ({})") if metric and "{{" not in metric else "",
            weight=weight,
            threshold=threshold if threshold and 0 < threshold <= 1 else None,
            negate=kind.startswith("not-") and verdict.is_plain,
        )
        if problem := vocabulary.problem_with(finished):
            reason = f"Assay's check {check['type']!r} cannot take it: {problem}"
            self.report.unmapped(node, "assertion", _label(node, kind), reason)
            return None
        notes = (*verdict.differences, *self._notes(node, kind, verdict))
        into = f"check {check['type']}"
        self.report.settled(node, "assertion", _label(node, kind), into, notes)
        return Mapped(finished, verdict.expected)

    def _notes(self, node: Node, kind: str, verdict: Verdict) -> list[str]:
        notes = []
        base = kind.removeprefix("not-")
        if kind.startswith("not-") and base in NOT_WAS_IGNORED:
            notes.append(_OLD_NOT)
        if node.number("threshold") is not None and verdict.uses_threshold and kind != "assert-set":
            notes.append("its `threshold` means nothing for this type and is left out")
        if "{{" in node.text("metric"):
            notes.append("its `metric` is a template; the check has no name")
        return notes

    def _verdict(
        self,
        node: Node,
        kind: str,
        test: Test,
        values: Mapping[str, Any],
        expected: Any,
        *,
        is_default: bool,
    ) -> Verdict:
        base = kind.removeprefix("not-")
        if (listed := listed_reason(base)) is not None:
            return lost(*listed)
        rule = self.rules.get(base)
        if rule is None:
            return lost(_UNKNOWN, "see which check says what was meant")
        try:
            assertion = self._assertion(node, kind, base, test, values, is_default=is_default)
        except UnfilledError as error:
            return lost(str(error), "write the value into the case by hand")
        except UnreadableError as error:
            return lost(error.reason, error.todo)
        if problem := transform_problem(base, assertion.shape):
            return lost(problem, BY_HAND)
        return _ruled(rule, assertion, expected)

    def _assertion(
        self,
        node: Node,
        kind: str,
        base: str,
        test: Test,
        values: Mapping[str, Any],
        *,
        is_default: bool,
    ) -> Assertion:
        transforms = dict(self.context.transforms)
        transforms |= {
            f"options {name}": option.value
            for name, option in test.options.items()
            if name in {"transform", "postprocess"}
        }
        if (own := node.get("transform")) is not None:
            transforms["assert transform"] = own.value
        threshold = node.get("threshold")
        if threshold is not None and as_number(threshold.value) is None:
            raise UnfilledError("its threshold is not a number")
        grader = self.graders.of(node, test)
        limit = test.threshold
        return Assertion(
            node=node,
            type=kind,
            base=base,
            value=self._value(node, values),
            threshold=as_number(threshold.value) if threshold is not None else None,
            shape=shape_of(transforms),
            grader=grader.model,
            embedder=grader.embedder,
            grader_problem=grader.problem,
            grader_note=grader.note,
            rubric_prompt=node.get("rubricPrompt") is not None or "rubricPrompt" in test.options,
            is_scored=limit is not None and javascript.is_truthy(limit.value),
            is_default=is_default,
        )

    def _value(self, node: Node, values: Mapping[str, Any]) -> Any:
        value = node.value.get("value")
        if isinstance(value, str) and value.startswith(FILE):
            if is_code(value):
                raise UnreadableError("its value is a program, and none is ever run", BY_HAND)
            path = self.context.path(value, node.file)
            if path.endswith((".json", ".yaml", ".yml")):
                value = self.context.document(path).value
            else:
                value = self.context.text(path).strip()
        return fill_all(value, values)

    def _set(self, node: Node, test: Test, values: Mapping[str, Any]) -> Verdict:
        inner = node.get("assert")
        limit = node.number("threshold")
        if limit is not None and limit > 1:
            return lost("its threshold is above 1, which no score reaches")
        items = list(inner.elements()) if inner is not None else []
        if items and all(_only_measures(item) for item in items):
            return lost("none of its assertions has weight, so every answer passes")
        names = Keys()
        found = [self.mapped(item, test, values, names, is_inner=True) for item in items]
        checks = [mapped.check for mapped in found if mapped is not None]
        if not any(check.get("weight", 1) > 0 for check in checks):
            return lost("none of its assertions could be mapped")
        notes = []
        if len(checks) < len(items):
            less = len(items) - len(checks)
            notes.append(f"{less} of its {len(items)} assertions are not in it")
        return Verdict(vocabulary.all_of(checks), tuple(notes), uses_threshold=False)

    def _strange_keys(self, node: Node, kind: str) -> None:
        for key, child in node.entries():
            if key not in KEYS:
                self.report.unmapped(
                    child, "assertion key", f"{kind}: {key}", "no such key is known"
                )
            elif key in {"config", "contextTransform"}:
                reason = "Assay's checks have no counterpart"
                self.report.unmapped(child, "assertion key", f"{kind}: {key}", reason)


def _only_measures(node: Node) -> bool:
    """Whether the assertion has a score and decides nothing."""
    flag = node.get("metricOnly")
    return node.number("weight") == 0 or (flag is not None and javascript.is_truthy(flag.value))


def _ruled(rule: Rule, assertion: Assertion, expected: Any) -> Verdict:
    """What the rule says, with a rubric of its own where the case's reference is taken."""
    verdict = rule(assertion)
    if verdict.expected is None or expected in (None, verdict.expected):
        return verdict
    if assertion.base in {"llm-rubric", "model-graded-closedqa"}:
        return rule(replace(assertion, is_default=True))
    return lost("another assertion of the test uses the case's only reference")


def _label(node: Node, kind: str) -> str:
    value = node.value.get("value")
    if value is None:
        threshold = node.number("threshold")
        return kind if threshold is None else f"{kind} ({threshold:g})"
    try:
        return f"{kind}: {javascript.text_of(value)}"
    except javascript.NoTextError:
        return f"{kind}: {javascript.json_of(value)}"
