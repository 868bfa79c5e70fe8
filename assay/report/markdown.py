"""A report as GitHub Markdown, fit for a comment under a change.

Everything that comes from a model or a repository is escaped: see `evals.domain.markdown`.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from assay.answers.reports import NEWS, RunCase
from assay.answers.results import ArmAnswer
from assay.report.explaining import doubt, reasons
from assay.report.grids import Grid, facts, grids
from assay.report.headline import subject, verdict_word
from assay.report.texts import rate_text
from assay.report.value import Report
from evals.domain.harmless import one_line
from evals.domain.markdown import (
    MOST_CHARACTERS,
    SIGNS,
    bullets,
    cell,
    code,
    fence,
    folded,
    plain_html,
    text,
)

_MOST_ROWS = 40
#: Changed cases that are shown; the rest is counted.
MOST_CASES = 100


def markdown(report: Report) -> str:
    """The comment: verdict and reasons open, tables and answers folded, as much as fits."""
    blocks = [*_top(report)]
    blocks += [folded(plain_html(grid.title), _grid(grid)) for grid in grids(report)]
    if report.remarks:
        blocks.append(bullets(report.remarks))
    news = report.of(*NEWS, "failing")
    blocks += [_case(row) for row in news[:MOST_CASES]]
    fitting = list(_fitting(blocks))
    left_out = len(blocks) - len(fitting) + report.count(*NEWS, "failing") - len(news[:MOST_CASES])
    if left_out > 0:
        fitting.append(f"{left_out:,} more: `assay runs show {one_line(report.run.run)}`\n")
    return "\n".join(fitting)


def _fitting(blocks: Iterable[str]) -> Iterator[str]:
    room = MOST_CHARACTERS
    for block in blocks:
        if len(block) + 1 <= room:
            room -= len(block) + 1
            yield block


def _top(report: Report) -> Iterator[str]:
    run = report.run
    word = verdict_word(run)
    yield f"### {SIGNS.get(word, '')} {text(word)}: {code(subject(run))}\n".replace("###  ", "### ")
    if run.reasons:
        yield bullets(run.reasons)
    if report.counts:
        counts = ", ".join(f"{count:,} {change}" for change, count in report.counts.items())
        yield f"Cases: {counts}.\n"
    told = " · ".join(f"{name}: {code(value)}" for name, value in facts(report))
    yield f"{told}\n"


def _grid(grid: Grid) -> str:
    head = f"| {' | '.join(grid.columns)} |\n|{' --- |' * len(grid.columns)}\n"
    rows = "".join(f"| {' | '.join(map(cell, row))} |\n" for row in grid.rows[:_MOST_ROWS])
    left_out = len(grid.rows) - _MOST_ROWS
    return head + rows + (f"\nand {left_out:,} more\n" if left_out > 0 else "")


def _case(row: RunCase) -> str:
    name = f"{row.change}: <code>{plain_html(f'{row.suite} / {row.case}')}</code>"
    rates = "" if row.baseline_rate is None else f", live {rate_text(row.baseline_rate)}"
    rates += doubt(row)
    answer = row.telling
    parts = [_arm(f"Candidate, repeat {answer.repeat}", answer)]
    if answer.baseline is not None:
        parts.append(_arm("Live version", answer.baseline))
    return folded(f"{name} ({rate_text(row.pass_rate)}{rates})", "\n".join(parts))


def _arm(title: str, answer: ArmAnswer) -> str:
    why = bullets(reasons(answer))
    told = f"{why}\n" if why else ""
    return f"{title}: {text(answer.outcome)}\n\n{told}{fence(answer.text)}\n"
