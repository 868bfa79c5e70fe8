"""A change as GitHub Markdown, fit for a comment or a job's summary.

Everything that comes from the repository is escaped: see `evals.domain.markdown`.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from core.findings import Finding
from evals.domain.markdown import MOST_CHARACTERS, cell, code, fence, folded, plain_html, text
from evals.domain.percent import percent, plural
from evals.domain.proposal.value import ChangeReport, PromptChange

_MOST_FINDINGS = 50
_MOST_ROWS = 100
_SMALLEST_SHIFT = 0.05


def fitting(blocks: Iterable[str], rest: str) -> str:
    """The blocks as one page. What does not fit is left out, the end first, and `rest` says so."""
    taken, room = [], MOST_CHARACTERS
    for block in blocks:
        if len(block) > room:
            taken.append(rest)
            break
        taken.append(block)
        room -= len(block) + 1
    return "\n".join(taken)


def blocks(report: ChangeReport, evaluation: Iterable[str]) -> Iterator[str]:
    """What changed, what is wrong with it, the `evaluation` (Markdown), and the differences."""
    yield _changes(report)
    yield from _findings(report)
    yield from evaluation
    for prompt in report.prompts:
        yield from _prompt(prompt)


def headline(report: ChangeReport) -> str:
    """What changed, in a sentence."""
    prompts = plural(len(report.prompts), "prompt")
    reached = len({name for name, _ in report.reached} - {p.name for p in report.prompts})
    more = f", {reached:,} more reached" if reached else ""
    errors = sum(1 for _ in report.errors())
    warnings = len(report.findings) - errors
    lint = f"{plural(errors, 'error')}, {plural(warnings, 'warning')}"
    return f"{prompts} changed{more}; lint: {lint}"


def _changes(report: ChangeReport) -> str:
    rows = [*map(_row, report.prompts)]
    own = {prompt.name for prompt in report.prompts}
    rows += [
        (name, "reached", "; ".join(reasons)) for name, reasons in report.reached if name not in own
    ]
    rows += [(name, kind, "changed") for kind, name in report.elsewhere]
    if not rows:
        return "Nothing that Assay reads has changed.\n"
    shown = "".join(f"| {' | '.join(map(cell, row))} |\n" for row in rows[:_MOST_ROWS])
    rest = len(rows) - _MOST_ROWS
    return f"| what | kind | change |\n| --- | --- | --- |\n{shown}" + (
        f"\nand {rest:,} more\n" if rest > 0 else ""
    )


def _row(prompt: PromptChange) -> tuple[str, str, str]:
    return prompt.name, "prompt", ", ".join(traits(prompt))


def traits(prompt: PromptChange) -> Iterator[str]:
    """What is to be said of a changed prompt, in a few words each."""
    if prompt.new is None:
        yield "no new version"
        return
    yield f"v{prompt.new} is new" if prompt.old is None else f"v{prompt.old} → v{prompt.new}"
    if prompt.is_breaking:
        yield "breaks callers"
    before, now = prompt.shared_before, prompt.shared_now
    if before is not None and now is not None and abs(now - before) >= _SMALLEST_SHIFT:
        how = f" ({prompt.counted})" if prompt.counted else ""
        yield f"tokens before the first variable: {percent(before)} → {percent(now)}{how}"


def _findings(report: ChangeReport) -> Iterator[str]:
    if not report.findings:
        return
    listed = sorted(report.findings, key=lambda one: (one.severity != "error", one))
    lines = "".join(map(_finding, listed[:_MOST_FINDINGS]))
    rest = len(listed) - _MOST_FINDINGS
    yield "**Lint**\n\n" + lines + (f"- and {rest:,} more\n" if rest > 0 else "")


def _finding(finding: Finding) -> str:
    where = f"{finding.path}:{finding.line}" if finding.line else finding.path
    hint = f" ({text(finding.hint)})" if finding.hint else ""
    named = f"{finding.severity} {code(finding.code)} in {code(where)}"
    return f"- {named}: {text(finding.message)}{hint}\n"


def _prompt(prompt: PromptChange) -> Iterator[str]:
    lines = [
        f"- {'**breaking**' if change.breaking else 'compatible'}: {text(change.message)}\n"
        for change in prompt.contract
    ]
    told = ("".join(lines) + "\n" if lines else "") + (fence(prompt.diff) if prompt.diff else "")
    if told:
        name = plain_html(f"{prompt.name} v{prompt.old} → v{prompt.new}")
        yield folded(name, told)
