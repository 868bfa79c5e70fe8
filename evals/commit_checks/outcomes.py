"""How the prompts of a check went."""

from __future__ import annotations

from evals.domain.check_verdict import PromptOutcome
from evals.models import CheckedPrompt, EvalRun


def outcome_of(prompt: CheckedPrompt) -> PromptOutcome:
    """How a prompt went; one whose run was stopped was not evaluated."""
    run = prompt.run
    if run is None:
        told = tuple(prompt.reasons)
        return PromptOutcome(prompt.prompt, prompt.number, prompt.verdict or None, told)
    if run.status == EvalRun.Status.CANCELLED:
        told = tuple(run.reasons) or ("its run was cancelled",)
        return PromptOutcome(prompt.prompt, prompt.number, "ERROR", told)
    return PromptOutcome(prompt.prompt, prompt.number, run.verdict or None, tuple(run.reasons))
