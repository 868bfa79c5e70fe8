"""From what a check of a commit found to its verdict, in sentences. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

from core.findings import Finding
from evals.domain.percent import plural

#: The worst one counts.
_SEVERITY = ("PASS", "INCONCLUSIVE", "FAIL", "ERROR")


@dataclass(frozen=True, slots=True)
class PromptOutcome:
    """How one prompt of the commit went. `verdict` None: there was nothing to evaluate."""

    prompt: str
    number: int | None
    verdict: str | None
    reasons: tuple[str, ...] = ()

    @property
    def subject(self) -> str:
        """`support-chat v4`; the name alone where the change brings no version."""
        return f"{self.prompt} v{self.number}" if self.number else self.prompt


@dataclass(frozen=True, slots=True)
class CheckDecision:
    """The verdict of a check, and why."""

    verdict: str
    sentences: tuple[str, ...]


def decide_check(
    findings: Iterable[Finding], outcomes: Sequence[PromptOutcome], *, is_held: str = ""
) -> CheckDecision:
    """An error of the lint fails a commit, whatever was measured; else the worst prompt counts.

    `is_held` says why nothing was evaluated although it should be: then nobody knows, and the
    verdict is INCONCLUSIVE at best.
    """
    errors = [finding for finding in findings if finding.severity == "error"]
    verdicts = [one.verdict for one in outcomes if one.verdict is not None]
    if is_held:
        verdicts.append("INCONCLUSIVE")
    worst = max(verdicts, key=_SEVERITY.index, default="PASS")
    verdict = "FAIL" if errors else worst
    return CheckDecision(verdict, (*_lint(errors), *filter(None, [is_held]), *_told(outcomes)))


def _lint(errors: Sequence[Finding]) -> Iterator[str]:
    if errors:
        first = errors[0]
        where = f"{first.path}:{first.line}" if first.line else first.path
        yield f"lint finds {plural(len(errors), 'error')}; the first is in {where}: {first.message}"
    else:
        yield "lint finds no error"


def _told(outcomes: Sequence[PromptOutcome]) -> Iterator[str]:
    if not any(one.verdict for one in outcomes):
        yield "nothing was evaluated"
    for one in outcomes:
        why = f": {one.reasons[0]}" if one.reasons else ""
        if one.verdict is not None:
            yield f"{one.subject}: {one.verdict}{why}"
        elif why:
            yield f"{one.subject}{why}"
