"""The verdict of a check: the lint fails it, else the worst prompt counts, and it says so."""

from __future__ import annotations

import itertools

import pytest

from core.findings import Finding
from evals.domain.check_verdict import PromptOutcome, decide_check

ERROR = Finding("prompts/a/v1.jinja2", 3, 1, "error", "version_edited", "It was published.")
WARNING = Finding("suites/s.yaml", 0, 0, "warning", "suite_small", "Too small.")
ORDER = ("PASS", "INCONCLUSIVE", "FAIL", "ERROR")


def outcome(verdict: str | None, prompt: str = "a", *reasons: str) -> PromptOutcome:
    return PromptOutcome(prompt, 2, verdict, reasons)


@pytest.mark.parametrize("pair", list(itertools.product(ORDER, ORDER)))
def test_the_worst_prompt_counts(pair: tuple[str, str]) -> None:
    decided = decide_check([WARNING], [outcome(pair[0]), outcome(pair[1], "b")])
    assert decided.verdict == max(pair, key=ORDER.index)


@pytest.mark.parametrize("verdict", [*ORDER, None])
def test_an_error_of_the_lint_fails_whatever_was_measured(verdict: str | None) -> None:
    decided = decide_check([WARNING, ERROR], [outcome(verdict)])
    assert decided.verdict == "FAIL"
    assert decided.sentences[0] == (
        "lint finds 1 error; the first is in prompts/a/v1.jinja2:3: It was published."
    )


def test_nothing_to_evaluate_passes_on_the_lint_and_says_so() -> None:
    decided = decide_check([], [outcome(None, "a", "a names no suite")])
    assert decided.verdict == "PASS"
    assert decided.sentences == (
        "lint finds no error",
        "nothing was evaluated",
        "a v2: a names no suite",
    )


@pytest.mark.parametrize(
    ("outcomes", "verdict"), [([], "INCONCLUSIVE"), ([outcome("FAIL")], "FAIL")]
)
def test_what_was_held_never_passes(outcomes: list[PromptOutcome], verdict: str) -> None:
    decided = decide_check([], outcomes, is_held="it comes from a fork")
    assert decided.verdict == verdict
    assert "it comes from a fork" in decided.sentences


def test_each_prompt_is_told_with_its_first_reason() -> None:
    changed = PromptOutcome("b", None, "PASS", ("Fine.", "More."))
    decided = decide_check([], [outcome("FAIL", "a", "Worse."), changed])
    assert decided.sentences[1:] == ("a v2: FAIL: Worse.", "b: PASS: Fine.")
