"""A report as one HTML file: nothing is loaded from elsewhere, nothing is run."""

from __future__ import annotations

from collections.abc import Iterator
from html import escape

from assay.answers.reports import CHANGES, NEWS, Change, RunCase
from assay.answers.results import ArmAnswer
from assay.report.explaining import doubt, reasons
from assay.report.grids import Grid, facts, grids
from assay.report.headline import standing, subject, verdict_word
from assay.report.texts import rate_text
from assay.report.value import Report
from evals.domain.harmless import clean

#: Changed cases that are shown; the rest is counted.
MOST_CASES = 500
_VERDICTS = frozenset({"PASS", "FAIL", "INCONCLUSIVE", "ERROR"})
#: Whatever got in here: a browser must neither run nor load it.
_POLICY = "default-src 'none'; style-src 'unsafe-inline'"
_STYLE = """\
:root { color-scheme: light dark; --line: #d6d3cb; --soft: #f3f1ec; --dim: #66625a;
  --good: #1a7f37; --bad: #b3261e; --open: #8a6100; --page: #fdfcfa; --ink: #1f1e1b; }
@media (prefers-color-scheme: dark) { :root { --line: #3d3b36; --soft: #262522; --dim: #a5a097;
  --good: #5bc873; --bad: #ff8a80; --open: #e5b454; --page: #191816; --ink: #ece9e2; } }
* { box-sizing: border-box; }
body { margin: 0 auto; max-width: 76rem; padding: 1.5rem; background: var(--page);
  color: var(--ink); font: 15px/1.5 system-ui, sans-serif; }
h1 { font-size: 1.4rem; line-height: 1.3; overflow-wrap: anywhere; }
h2 { font-size: 1.05rem; margin: 2rem 0 .5rem; }
.PASS, .passing, .fixed { color: var(--good); }
.FAIL, .ERROR, .regressed, .failing, .error { color: var(--bad); }
.INCONCLUSIVE, .flaky { color: var(--open); }
.scroll { overflow-x: auto; }
table { border-collapse: collapse; min-width: 100%; font-variant-numeric: tabular-nums; }
th, td { border-bottom: 1px solid var(--line); padding: .35rem .75rem .35rem 0; text-align: left;
  vertical-align: top; white-space: nowrap; }
th { color: var(--dim); font-weight: 500; }
td:first-child { white-space: normal; overflow-wrap: anywhere; min-width: 8rem; }
dl { display: grid; grid-template-columns: max-content 1fr; gap: .15rem 1rem; }
dt { color: var(--dim); } dd { margin: 0; overflow-wrap: anywhere; }
details { border-bottom: 1px solid var(--line); padding: .4rem 0; }
summary { cursor: pointer; overflow-wrap: anywhere; }
.arms { display: grid; gap: 1rem;
  grid-template-columns: repeat(auto-fit, minmax(min(20rem, 100%), 1fr)); }
.arms > div { min-width: 0; }
h3 { font-size: .9rem; font-weight: 500; color: var(--dim); margin: .75rem 0 .25rem; }
pre { background: var(--soft); margin: .25rem 0; padding: .6rem; white-space: pre-wrap;
  overflow-wrap: anywhere; max-height: 24rem; overflow-y: auto; }
li { overflow-wrap: anywhere; }
"""


def html(report: Report) -> str:
    """The whole document."""
    return "\n".join((*_head(report), *_body(report), "</main></body>", "</html>", ""))


def _text(value: object) -> str:
    """Text in which nothing is active, in an element or in a quoted attribute."""
    return escape(clean(value), quote=True)


def _head(report: Report) -> Iterator[str]:
    yield "<!doctype html>"
    yield '<html lang="en"><head><meta charset="utf-8">'
    yield f'<meta http-equiv="Content-Security-Policy" content="{_POLICY}">'
    yield '<meta name="viewport" content="width=device-width, initial-scale=1">'
    yield f"<title>{_text(verdict_word(report.run))}: {_text(subject(report.run))}</title>"
    yield f"<style>\n{_STYLE}</style></head><body><main>"


def _body(report: Report) -> Iterator[str]:
    run = report.run
    word = verdict_word(run)
    kind = word if word in _VERDICTS else "open"
    yield f'<h1><span class="{kind}">{_text(word)}</span> {_text(subject(run))}</h1>'
    yield f"<p>{_text(standing(run))}</p>"
    yield from _list(run.reasons)
    items = (f"<dt>{_text(name)}</dt><dd>{_text(value)}</dd>" for name, value in facts(report))
    yield f"<dl>{''.join(items)}</dl>"
    for grid in grids(report):
        yield from _table(grid)
    yield from _list(report.remarks)
    yield from _cases(report)


def _list(lines: tuple[str, ...]) -> Iterator[str]:
    if lines:
        yield "<ul>" + "".join(f"<li>{_text(line)}</li>" for line in lines) + "</ul>"


def _table(grid: Grid) -> Iterator[str]:
    yield f"<h2>{_text(grid.title)}</h2>"
    head = "".join(f'<th scope="col">{_text(name)}</th>' for name in grid.columns)
    yield f'<div class="scroll"><table><thead><tr>{head}</tr></thead><tbody>'
    for row in grid.rows:
        yield f"<tr>{''.join(map(_cell, row))}</tr>"
    yield "</tbody></table></div>"


def _cell(value: str) -> str:
    kind = f' class="{value}"' if value in _VERDICTS else ""
    return f"<td{kind}>{_text(value)}</td>"


def _cases(report: Report) -> Iterator[str]:
    if not report.counts:
        return
    yield "<h2>Cases</h2>"
    yield f"<p>{', '.join(f'{n:,} {_change(change)}' for change, n in report.counts.items())}</p>"
    shown = report.of(*NEWS, "failing")
    for row in shown[:MOST_CASES]:
        yield from _case(row)
    left = report.count(*NEWS, "failing") - len(shown[:MOST_CASES])
    if left > 0:
        command = f"assay runs results {report.run.run} --failed"
        yield f"<p>and {left:,} more: <code>{_text(command)}</code></p>"


def _change(change: Change) -> str:
    return f'<span class="{change}">{change}</span>' if change in CHANGES else ""


def _case(row: RunCase) -> Iterator[str]:
    live = "" if row.baseline_rate is None else f", live {rate_text(row.baseline_rate)}"
    rates = f"{rate_text(row.pass_rate)}{live}{doubt(row)}"
    name = f"{_text(row.suite)} / {_text(row.case)}"
    yield f"<details><summary>{_change(row.change)} {name} ({rates})</summary>"
    for answer in row.answers:
        yield '<div class="arms">'
        yield from _arm(f"Candidate, repeat {answer.repeat}", answer)
        if answer.baseline is not None:
            yield from _arm("Live version", answer.baseline)
        yield "</div>"
    yield "</details>"


def _arm(title: str, answer: ArmAnswer) -> Iterator[str]:
    cached = ", from an earlier run" if answer.from_cache else ""
    yield f"<div><h3>{title}: {_text(answer.outcome)}{cached}</h3>"
    yield from _list(tuple(reasons(answer)))
    # A line feed straight after <pre> is not shown: one of ours keeps one of the text's.
    yield f"<pre>\n{_text(answer.text)}</pre></div>"
