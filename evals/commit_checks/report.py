"""A check as GitHub Markdown: what was measured, and the whole comment of a pull request.

Everything that comes from a model or a repository is escaped: see `evals.domain.markdown`.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from evals.commit_checks.address import page_of
from evals.commit_checks.outcomes import outcome_of
from evals.domain.case_change import Change
from evals.domain.case_history import CaseClass
from evals.domain.harmless import cut_line
from evals.domain.markdown import SIGNS, bullets, cell, fence, folded, plain_html, text
from evals.domain.percent import percent, points
from evals.domain.proposal import ChangeReport, blocks, fitting, headline
from evals.history import CaseName, Window
from evals.models import CaseResult, CheckedPrompt, CommitCheck, EvalRun, JudgedAnswer
from evals.report.cases import answers_of, case_lines
from evals.report.sides import side_changes
from evals.report.values import CaseLine

_REST = "_The rest does not fit here; the check's page has it._\n"
_NEWS = (Change.REGRESSED, Change.FIXED, Change.FLAKY, Change.ERROR)
#: Of each change and prompt; the rest is counted.
_MOST_CASES = 10
_DETAIL_CHARACTERS = 300


def comment(check: CommitCheck) -> str:
    """The whole page: verdict, what changed, lint, what was measured, differences."""
    evaluation = [check.report_markdown] if check.report_markdown else []
    report = ChangeReport.from_json(check.change) if check.change else None
    told = headline(report) if report else "the commit was not read"
    page = [f"### {SIGNS[check.verdict]} {check.verdict}: {told}\n", bullets(check.sentences)]
    page += blocks(report, evaluation) if report else evaluation
    address = page_of(check)
    if address:
        page.insert(2, f"[The whole check]({address})\n")
    return fitting(page, _REST)


def evaluation(prompts: Sequence[CheckedPrompt]) -> str:
    """What was measured, prompt by prompt; empty when nothing was."""
    return fitting((block for one in prompts for block in _prompt(one)), _REST)


def _prompt(prompt: CheckedPrompt) -> Iterator[str]:
    outcome, run = outcome_of(prompt), prompt.run
    word = outcome.verdict or "not evaluated"
    beside = f" beside v{run.baseline.number}, which is live," if run and run.baseline else ""
    on = f"{beside} on {cell(run.model.name)}" if run else ""
    sign = f"{SIGNS[outcome.verdict]} " if outcome.verdict else ""
    yield f"#### {sign}{word}: {cell(outcome.subject)}{on}\n"
    if outcome.reasons:
        yield bullets(outcome.reasons)
    for note in _notes(prompt):
        yield f"{text(note)}\n"
    if run is not None and run.done:
        yield from _measured(run)


def _notes(prompt: CheckedPrompt) -> Iterator[str]:
    change = prompt.commit_check.change
    prompts = ChangeReport.from_json(change).prompts if change else ()
    return (note for one in prompts if one.name == prompt.prompt for note in one.notes)


def _measured(run: EvalRun) -> Iterator[str]:
    yield from _differences(run)
    yield from _sides(run)
    yield from _flips(run)


def _differences(run: EvalRun) -> Iterator[str]:
    """Each suite's rates, and their difference with its interval."""
    rows = [_difference(suite) for suite in run.summary.get("suites", ())]
    if rows:
        lines = "".join(f"| {' | '.join(map(cell, row))} |\n" for row in rows)
        yield f"| suite | cases | live | proposed | difference |\n|{' --- |' * 5}\n{lines}"


def _difference(suite: Mapping[str, Any]) -> tuple[str, ...]:
    rate = suite["pass_rate"]
    now = "-" if rate is None else percent(rate)
    beside = suite.get("comparison")
    if not beside:
        return suite["name"], str(suite["cases"]), "-", now, "-"
    bounds = beside["interval"]
    low, high = points(bounds["low"]).removesuffix(" points"), points(bounds["high"])
    told = f"{points(beside['difference'])} ({beside['confidence'] * 100:g} %: {low} to {high})"
    live = percent(beside["baseline_rate"])
    return suite["name"], str(suite["cases"]), live, percent(beside["candidate_rate"]), told


def _sides(run: EvalRun) -> Iterator[str]:
    rows = side_changes(run)
    if rows:
        lines = "".join(
            f"| {' | '.join(map(cell, (row.suite, row.name, row.live, row.candidate, row.change)))}"
            " |\n"
            for row in rows
        )
        yield f"| suite | what it takes | live | proposed | change |\n|{' --- |' * 5}\n{lines}"


def _flips(run: EvalRun) -> Iterator[str]:
    """Regressed, fixed and flaky cases with what was answered."""
    lines = case_lines(run, _NEWS)
    by_change: dict[Change, list[CaseLine]] = defaultdict(list)
    for line in lines:
        by_change[line.change].append(line)
    counts = ", ".join(f"{len(found):,} {change.value}" for change, found in by_change.items())
    yield f"Cases: {counts or 'no one came out differently'}.\n"
    shown = [line for found in by_change.values() for line in found[:_MOST_CASES]]
    answers: dict[tuple[str, str], list[CaseResult]] = defaultdict(list)
    for result in answers_of(run, shown) if shown else ():
        answers[result.item.suite.name, result.case].append(result)
    doubtful = _doubtful(run, shown)
    for line in shown:
        yield _case(line, answers[line.place.suite, line.place.case], is_doubtful=line in doubtful)
    if len(lines) > len(shown):
        yield f"and {len(lines) - len(shown):,} more\n"


def _doubtful(run: EvalRun, lines: Sequence[CaseLine]) -> list[CaseLine]:
    """Flips that need not mean anything: the same case differs where nothing does."""
    names = [CaseName(line.place.suite, line.place.case) for line in lines]
    found = Window(prompt=run.prompt_name, model=run.model.name).histories(names) if names else []
    kinds = {history.name: history.standing.kind for history in found}
    return [
        line
        for line, name in zip(lines, names, strict=True)
        if line.change in (Change.REGRESSED, Change.FIXED) and kinds.get(name) == CaseClass.FLAKY
    ]


def _case(line: CaseLine, results: Sequence[CaseResult], *, is_doubtful: bool) -> str:
    place = plain_html(f"{line.place.suite} / {line.place.case}")
    result = next((one for one in results if _tells(one, line.change)), results[0])
    parts = [_arm(f"Proposed, repeat {result.repeat}", result)]
    if (live := _live(result)) is not None:
        parts.append(_arm("Live version", live))
    doubt = ", flaky in the newest runs" if is_doubtful else ""
    return folded(f"{line.change.value}: <code>{place}</code>{doubt}", "\n".join(parts))


def _live(result: CaseResult) -> JudgedAnswer | None:
    return getattr(result, "baseline", None)


def _tells(result: CaseResult, change: Change) -> bool:
    """Whether this repeat shows what became of the case."""
    live = _live(result)
    wanted = {Change.REGRESSED: "fail", Change.FIXED: "pass"}.get(change)
    if wanted is None:
        return result.outcome != "pass"
    return result.outcome == wanted and (live is None or live.outcome != wanted)


def _arm(title: str, answer: JudgedAnswer) -> str:
    told = [cut_line(answer.error, _DETAIL_CHARACTERS)] if answer.error else []
    told += [
        cut_line(f"{check['name']} failed: {check['detail']}", _DETAIL_CHARACTERS)
        for check in answer.checks
        if not check["passed"]
    ]
    why = f"{bullets(told)}\n" if told else ""
    return f"{title}: {text(answer.outcome)}\n\n{why}{fence(answer.text)}\n"
