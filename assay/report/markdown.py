"""A report as GitHub Markdown, fit for a comment under a change.

Texts of models and repositories stand in code spans and fences that they cannot end, or with every
character escaped that Markdown would act on: they can set no link, name no person, add no HTML.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from html import escape

from assay.answers.reports import NEWS, RunCase
from assay.answers.results import ArmAnswer
from assay.output import one_line
from assay.report.explaining import doubt, reasons
from assay.report.grids import Grid, facts, grids
from assay.report.headline import subject, verdict_word
from assay.report.texts import clean, cut, cut_line, rate_text
from assay.report.value import Report

#: GitHub refuses comments of more than 65,536 characters.
_MOST_CHARACTERS = 60_000
_ANSWER_CHARACTERS = 1_000
_CELL_CHARACTERS = 120
_LINE_CHARACTERS = 500
_MOST_LINES = 20
_MOST_ROWS = 40
#: Changed cases that are shown; the rest is counted.
MOST_CASES = 100
_SIGNS = {"PASS": "✅", "FAIL": "❌", "INCONCLUSIVE": "❔", "ERROR": "💥"}
_ACTIVE = re.compile(r"([\\`*_{}\[\]<>#!|~&$^])")
#: A person, an issue, a link: an invisible character behind the sign makes it text.
_MENTION = re.compile(r"@|(?<=\bGH)-(?=\d)|#(?=\d)|:(?=//)|www(?=\.)", re.IGNORECASE)
_GAP = "\N{ZERO WIDTH SPACE}"


def markdown(report: Report) -> str:
    """The comment: verdict and reasons open, tables and answers folded, as much as fits."""
    blocks = [*_top(report)]
    blocks += [_folded(plain_html(grid.title), _grid(grid)) for grid in grids(report)]
    if report.remarks:
        blocks.append(_list(report.remarks))
    news = report.of(*NEWS, "failing")
    blocks += [_case(row) for row in news[:MOST_CASES]]
    fitting = list(_fitting(blocks))
    left_out = len(blocks) - len(fitting) + report.count(*NEWS, "failing") - len(news[:MOST_CASES])
    if left_out > 0:
        fitting.append(f"{left_out:,} more: `assay runs show {one_line(report.run.run)}`\n")
    return "\n".join(fitting)


def _fitting(blocks: Iterable[str]) -> Iterator[str]:
    room = _MOST_CHARACTERS
    for block in blocks:
        if len(block) + 1 <= room:
            room -= len(block) + 1
            yield block


def text(value: object) -> str:
    """Text on one line in which nothing is active."""
    gapped = _MENTION.sub(lambda found: found[0] + _GAP, one_line(value))
    escaped = _ACTIVE.sub(r"\\\1", gapped)
    # At the start of a line these would begin a list, a heading or a quote.
    return re.sub(r"^([-+=]|\d+[.)])", _with_backslash, escaped)


def code(value: object) -> str:
    """A code span on one line, as long as a table can bear; a dash for nothing."""
    line = cut_line(value, _CELL_CHARACTERS)
    if not line:
        return "-"
    ticks = "`" * (_longest_run(line) + 1)
    pad = " " if line[0] == "`" or line[-1] == "`" else ""
    return f"{ticks}{pad}{line}{pad}{ticks}"


def cell(value: object) -> str:
    """A code span in a table: there a bar would end the cell."""
    return code(value).replace("|", "\\|")


def fence(value: object) -> str:
    """A block of code that its text cannot end."""
    lines = cut(clean(value), _ANSWER_CHARACTERS)
    ticks = "`" * max(3, _longest_run(lines) + 1)
    return f"{ticks}text\n{lines}\n{ticks}"


def plain_html(value: object) -> str:
    """Text inside an HTML element, in which nothing is active."""
    return escape(cut_line(value, _CELL_CHARACTERS))


def _with_backslash(found: re.Match[str]) -> str:
    return found[0][:-1] + "\\" + found[0][-1]


def _longest_run(value: str) -> int:
    return max((len(run) for run in re.findall("`+", value)), default=0)


def _top(report: Report) -> Iterator[str]:
    run = report.run
    word = verdict_word(run)
    yield f"### {_SIGNS.get(word, '')} {text(word)}: {code(subject(run))}\n".replace(
        "###  ", "### "
    )
    if run.reasons:
        yield _list(run.reasons)
    if report.counts:
        counts = ", ".join(f"{count:,} {change}" for change, count in report.counts.items())
        yield f"Cases: {counts}.\n"
    told = " · ".join(f"{name}: {code(value)}" for name, value in facts(report))
    yield f"{told}\n"


def _list(lines: Iterable[str]) -> str:
    told = list(lines)
    rest = [f"and {len(told) - _MOST_LINES:,} more"] if len(told) > _MOST_LINES else []
    return "".join(
        f"- {text(cut_line(line, _LINE_CHARACTERS))}\n" for line in (*told[:_MOST_LINES], *rest)
    )


def _grid(grid: Grid) -> str:
    head = f"| {' | '.join(grid.columns)} |\n|{' --- |' * len(grid.columns)}\n"
    rows = "".join(f"| {' | '.join(map(cell, row))} |\n" for row in grid.rows[:_MOST_ROWS])
    left_out = len(grid.rows) - _MOST_ROWS
    return head + rows + (f"\nand {left_out:,} more\n" if left_out > 0 else "")


def _folded(summary: str, body: str) -> str:
    """`summary` is HTML, `body` Markdown: the empty lines keep them apart."""
    return f"<details><summary>{summary}</summary>\n\n{body}\n</details>\n"


def _case(row: RunCase) -> str:
    name = f"{row.change}: <code>{plain_html(f'{row.suite} / {row.case}')}</code>"
    rates = "" if row.baseline_rate is None else f", live {rate_text(row.baseline_rate)}"
    rates += doubt(row)
    answer = row.telling
    parts = [_arm(f"Candidate, repeat {answer.repeat}", answer)]
    if answer.baseline is not None:
        parts.append(_arm("Live version", answer.baseline))
    return _folded(f"{name} ({rate_text(row.pass_rate)}{rates})", "\n".join(parts))


def _arm(title: str, answer: ArmAnswer) -> str:
    why = _list(reasons(answer))
    told = f"{why}\n" if why else ""
    return f"{title}: {text(answer.outcome)}\n\n{told}{fence(answer.text)}\n"
