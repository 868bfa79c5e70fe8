"""A change as GitHub Markdown, fit for a comment or a job's summary.

Everything that comes from the repository is escaped as `assay.report.markdown` escapes it.
"""

from __future__ import annotations

from collections.abc import Iterator

from assay.ci.value import CiReport, PromptChange
from assay.report.markdown import cell, fence, plain_html, text
from assay.report.texts import rate_text
from core.findings import Finding

SIGNS = {"PASS": "✅", "FAIL": "❌", "INCONCLUSIVE": "❔", "ERROR": "💥"}
#: A comment holds 65,536 characters, and the server's part has to fit too.
_MOST_CHARACTERS = 60_000
_MOST_FINDINGS = 50
_MOST_ROWS = 100
_SMALLEST_SHIFT = 0.05


def markdown(report: CiReport) -> str:
    """The whole page. What does not fit is left out, the end first, and it says so."""
    fitting, room = [], _MOST_CHARACTERS
    blocks = list(_blocks(report))
    for block in blocks:
        if len(block) > room:
            fitting.append("_The rest does not fit here; the job's log has it._\n")
            break
        fitting.append(block)
        room -= len(block) + 1
    return "\n".join(fitting)


def _blocks(report: CiReport) -> Iterator[str]:
    yield f"### {SIGNS[report.verdict]} {report.verdict}: {headline(report)}\n"
    yield _changes(report)
    yield from _findings(report)
    if report.failure:
        yield f"**Not evaluated**: {text(report.failure)}\n"
    if report.check is not None and report.check.report_markdown:
        yield report.check.report_markdown.rstrip() + "\n"  # the server's own, escaped by it
    for prompt in report.prompts:
        yield from _prompt(prompt)


def headline(report: CiReport) -> str:
    """What changed, in a sentence."""
    prompts = _count(len(report.prompts), "prompt")
    reached = len({name for name, _ in report.reached} - {p.name for p in report.prompts})
    more = f", {reached:,} more reached" if reached else ""
    errors = sum(1 for _ in report.errors())
    warnings = len(report.findings) - errors
    lint = f"{_count(errors, 'error')}, {_count(warnings, 'warning')}"
    evaluated = "" if report.check or report.failure else "; nothing was evaluated"
    return f"{prompts} changed{more}; lint: {lint}{evaluated}"


def _count(number: int, noun: str) -> str:
    return f"{number:,} {noun}{'' if number == 1 else 's'}"


def _changes(report: CiReport) -> str:
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
        yield f"text before the first variable: {rate_text(before)} → {rate_text(now)}"


def _findings(report: CiReport) -> Iterator[str]:
    if not report.findings:
        return
    listed = sorted(report.findings, key=lambda one: (one.severity != "error", one))
    lines = "".join(map(_finding, listed[:_MOST_FINDINGS]))
    rest = len(listed) - _MOST_FINDINGS
    yield "**Lint**\n\n" + lines + (f"- and {rest:,} more\n" if rest > 0 else "")


def _finding(finding: Finding) -> str:
    where = f"{finding.path}:{finding.line}" if finding.line else finding.path
    hint = f" ({text(finding.hint)})" if finding.hint else ""
    named = f"{finding.severity} {cell(finding.code)} in {cell(where)}"
    return f"- {named}: {text(finding.message)}{hint}\n"


def _prompt(prompt: PromptChange) -> Iterator[str]:
    lines = [
        f"- {'**breaking**' if change.breaking else 'compatible'}: {text(change.message)}\n"
        for change in prompt.contract
    ]
    told = ("".join(lines) + "\n" if lines else "") + (fence(prompt.diff) if prompt.diff else "")
    if told:
        name = plain_html(f"{prompt.name} v{prompt.old} → v{prompt.new}")
        yield f"<details><summary>{name}</summary>\n\n{told}\n</details>\n"
