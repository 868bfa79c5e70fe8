"""ci: what a change of a prompt repository does."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from assay import output, settings
from assay.commands.linting import beside
from assay.counting import Tokenizers, TokenizeWith, token_counter
from assay.errors import AssayApiError, FileUnusableError
from assay.fields import document
from assay.options import AsJson, Model
from core.errors import InvalidError, UnavailableError

if TYPE_CHECKING:
    from assay.changes import Change
    from assay.ci.value import CiReport

_File = Path | None


class EvaluationUnclearError(InvalidError):
    """Two places to evaluate were named."""

    code = "evaluation_unclear"
    hint = "--server has a server evaluate, --base-url does it here; leave one of them away"


def ci(
    path: Annotated[
        Path, typer.Argument(metavar="PATH", help="The prompt repository: a clone, or bare.")
    ] = Path(),
    base: Annotated[
        str, typer.Option("--base", metavar="REVISION", help="What the change is proposed for.")
    ] = "origin/main",
    head: Annotated[
        str, typer.Option("--head", metavar="REVISION", help="The commit that proposes it.")
    ] = "HEAD",
    server: Annotated[
        str, typer.Option("--server", metavar="URL", help="Have this server evaluate the commit.")
    ] = "",
    base_url: Annotated[
        str,
        typer.Option(
            "--base-url", metavar="URL", help="Evaluate here, asking the models at this address."
        ),
    ] = "",
    model: Model = None,
    tokenizers: Tokenizers = None,
    tokenize_with: TokenizeWith = "",
    show_all: Annotated[
        bool, typer.Option("--all", help="Report findings that were there before, too.")
    ] = False,
    report_file: Annotated[
        _File, typer.Option("--report", dir_okay=False, help="Write the report (Markdown).")
    ] = None,
    junit_file: Annotated[
        _File, typer.Option("--junit", dir_okay=False, help="Write JUnit XML.")
    ] = None,
    sarif_file: Annotated[
        _File, typer.Option("--sarif", dir_okay=False, help="Write the findings as SARIF.")
    ] = None,
    gitlab_file: Annotated[
        _File, typer.Option("--gitlab", dir_okay=False, help="Write GitLab's code quality report.")
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Tell what a change does: what it touches, lint, contracts, and the gate's verdict.

    Reads commits, not the files that lie there. With --server only the commit's id is sent, and
    ASSAY_TOKEN proves who asks; with --base-url a server is started for this check alone. Without
    either nothing is evaluated and the verdict is that of the lint.

    Exit codes: 0 PASS, 1 FAIL, 3 INCONCLUSIVE, 4 not evaluated. In a GitHub job, findings become
    annotations and the report goes to the job's summary.
    """
    from assay.changes import change_of
    from assay.ci.value import CiReport
    from assay.git import clone_at
    from evals.domain.proposal import report_of

    if server and base_url:
        raise EvaluationUnclearError("--server and --base-url disagree")
    change = change_of(clone_at(path), base, head)
    # Where models are asked for answers they can count, too.
    count_tokens = token_counter(tokenizers, tokenize_with or base_url)
    linted = change.lint(count_tokens, show_all=show_all)
    commits = (change.base, change.head or "")
    told = report_of(*commits, change.before, change.impact, linted, count_tokens)
    report = CiReport(told)
    _write_findings(report, path, sarif_file, gitlab_file)
    if (server or base_url) and change.impact.paths:
        report = _evaluated(report, change, server, base_url, model)
    _write_report(report, report_file, junit_file)
    _tell(report, path, as_json=as_json)
    raise typer.Exit(report.exit_code)


def _evaluated(
    report: CiReport, change: Change, server: str, base_url: str, model: str | None
) -> CiReport:
    """With a verdict. That there is none is part of the report, not its end."""
    from assay.ci.evaluating import checked
    from assay.ci.local import checked_locally

    commits = (change.base, report.change.head)
    try:
        if base_url:
            check = checked_locally(change.clone, *commits, models_url=base_url, model=model)
        else:
            check = checked(server, *reversed(commits), model=model)
        return report.evaluated(check)
    except (AssayApiError, UnavailableError) as error:
        hint = f" ({error.hint})" if error.hint else ""
        return report.evaluated(None, f"{error.message}{hint}")


def _write_findings(report: CiReport, path: Path, sarif: _File, gitlab: _File) -> None:
    from assay.findings.writing import FindingFormat, text_of

    findings = beside(report.change.findings, path)
    for file, form in ((sarif, FindingFormat.SARIF), (gitlab, FindingFormat.GITLAB)):
        _write(file, text_of(findings, form) + "\n" if file else "")


def _write_report(report: CiReport, report_file: _File, junit_file: _File) -> None:
    from assay.ci.junit import junit
    from assay.ci.markdown import markdown

    _write(report_file, markdown(report))
    _write(junit_file, junit(report))
    summary = settings.step_summary()
    if summary is not None:
        _write(summary, markdown(report) + "\n", mode="a")


def _write(file: _File, content: str, mode: str = "w") -> None:
    if file is None:
        return
    try:
        with file.open(mode, encoding="utf-8", newline="\n") as opened:
            opened.write(content)
    except OSError as error:
        raise FileUnusableError(f"{file} cannot be written: {error.strerror}") from error


def _tell(report: CiReport, path: Path, *, as_json: bool) -> None:
    from assay.ci.telling import lines, parts
    from assay.findings.writing import FindingFormat, text_of

    if as_json:
        output.emit(document("ci", parts(report)))
        return
    form = FindingFormat.GITHUB if settings.is_github_job() else FindingFormat.TABLE
    if report.change.findings:
        output.show(text_of(beside(report.change.findings, path), form))
    for line in lines(report):
        output.show(output.one_line(line))
