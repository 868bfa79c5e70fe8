"""How promptfoo's model-graded assertions become judges with rubrics."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from evals.importers import javascript, vocabulary
from evals.importers.judges import (
    BY_NEGATED_REFERENCE,
    BY_REFERENCE,
    FAIL_PASS,
    PASS_FAIL,
    Judges,
    Rubric,
)
from evals.importers.promptfoo.assertion import Assertion, Verdict, lost

_NO_GRADER = (
    "it names no model that judges; promptfoo would take its own default, or the model under test"
)
_NAME_ONE = "import again with --judge MODEL"
_NOT_SCORED = "a judge's score cannot be turned around"
_PROMPT = "its own grading prompt (rubricPrompt) is not taken over"
_STEPS = ("The answer has nothing of it.", "The answer meets it fully.")
_FACTS = (
    ("A", "The answer is a part of the reference and fully consistent with it.", True),
    ("B", "The answer says more than the reference and is fully consistent with it.", True),
    ("C", "The answer says all that the reference says.", True),
    ("D", "The answer contradicts the reference.", False),
    ("E", "The answers differ, but not in facts.", True),
)


class Grader:
    """Maps one suite's model-graded assertions. `reserved` names who uses a case's `expected`."""

    def __init__(self, judges: Judges) -> None:
        self.judges = judges

    def llm_rubric(self, assertion: Assertion) -> Verdict:
        """A criterion in words; with a threshold a score of 0 to 10."""
        criterion = _criterion(assertion.value)
        if problem := _problem(assertion, criterion):
            return lost(*problem)
        if assertion.threshold is not None:
            if not 0 < assertion.threshold <= 1:
                return lost("its threshold is not a share above 0 and at most 1")
            if assertion.negate:
                return lost(_NOT_SCORED, "write a rubric that says what passes")
            note = "the threshold is read on a scale of 0 to 10"
            return self._check(_scored(criterion, assertion.threshold), assertion, "rubric", note)
        return self._labelled(assertion, criterion)

    def g_eval(self, assertion: Assertion) -> Verdict:
        """Criteria, scored 0 to 10; at least 0.7 when nothing is said."""
        value = assertion.value
        texts = value if isinstance(value, list) else [value]
        criterion = "\n\n".join(_criterion(text) for text in texts)
        if problem := _problem(assertion, criterion):
            return lost(*problem)
        threshold = 0.7 if assertion.threshold is None else assertion.threshold
        if assertion.negate:
            return lost(_NOT_SCORED, "write a rubric that says what passes")
        if not 0 < threshold <= 1:
            return lost("its threshold is not a share above 0 and at most 1")
        note = "the criteria are scored together, without g-eval's own chain of steps"
        return self._check(_scored(criterion, threshold), assertion, "g-eval", note)

    def factuality(self, assertion: Assertion) -> Verdict:
        """The answer against a reference: five labels, of which only contradiction fails."""
        reference = _criterion(assertion.value)
        if problem := _problem(assertion, reference):
            return lost(*problem)
        labels = [
            {
                "label": label,
                "means": means,
                **({"passes": True} if passes != assertion.negate else {}),
            }
            for label, means, passes in _FACTS
        ]
        rubric = Rubric("Compare the facts of the answer with the reference.", labels)
        return self._by_reference(rubric, assertion, "factuality", reference)

    def _labelled(self, assertion: Assertion, criterion: str) -> Verdict:
        labels = FAIL_PASS if assertion.negate else PASS_FAIL
        if assertion.is_default:
            return self._check(Rubric(criterion, labels), assertion, "rubric", "")
        rubric = Rubric(BY_NEGATED_REFERENCE if assertion.negate else BY_REFERENCE, labels)
        return self._by_reference(rubric, assertion, "criterion", criterion)

    def _by_reference(
        self, rubric: Rubric, assertion: Assertion, label: str, reference: str
    ) -> Verdict:
        """One rubric for all tests: what differs between them is the case's `expected`."""
        found = self._check(rubric, assertion, label, "", with_reference=True)
        if found.check is None:
            return found
        return replace(found, expected=reference)

    def _check(
        self,
        rubric: Rubric,
        assertion: Assertion,
        label: str,
        note: str,
        *,
        with_reference: bool = False,
    ) -> Verdict:
        check, said = self.judges.check(
            rubric, assertion.grader, label, with_reference=with_reference
        )
        if check is None:
            return lost(said)
        notes = (said, note, assertion.grader_note, _PROMPT if assertion.rubric_prompt else "")
        return Verdict(check, notes, uses_threshold=False, is_plain=False)


def similar(assertion: Assertion) -> Verdict:
    """The cosine of two embeddings; of a list, any text may be close enough."""
    if assertion.shape.problem:
        return lost(assertion.shape.problem)
    value: Any = assertion.value
    if isinstance(value, list) and len(value) == 1:
        value = value[0]
    if isinstance(value, list):
        return lost(
            "it takes any of several texts, and `embedding_similarity` one", "keep the best text"
        )
    if not isinstance(value, str) or not value:
        return lost("its value is not a text")
    if not assertion.embedder:
        return lost("its embedding model cannot be reached through an OpenAI-compatible endpoint")
    threshold = 0.75 if assertion.threshold is None else assertion.threshold
    if not 0 < threshold <= 1:
        return lost("its threshold is not a share above 0 and at most 1")
    note = "Assay asks the endpoint of models.yaml; a negative cosine scores 0"
    check = vocabulary.embedding(value, assertion.embedder, threshold)
    return Verdict(check, (note, assertion.grader_note), uses_threshold=False)


def _criterion(value: Any) -> str:
    if isinstance(value, dict | list):
        return javascript.json_of(value)
    return "" if value is None else javascript.text_of(value).strip()


def _problem(assertion: Assertion, criterion: str) -> tuple[str, str] | None:
    if not criterion:
        return "it has no criterion", ""
    if not assertion.grader:
        return assertion.grader_problem or _NO_GRADER, _NAME_ONE
    return None


def _scored(criterion: str, threshold: float) -> Rubric:
    steps = [{"score": score, "means": means} for score, means in zip((0, 10), _STEPS, strict=True)]
    return Rubric(criterion, steps=steps, pass_at=max(threshold * 10, 0.01))
