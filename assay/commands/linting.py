"""lint: check a prompt repository, or a change of one."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from assay import exit_codes, output
from assay.commands.reporting import FormatUnclearError
from assay.counting import Tokenizers, TokenizeWith, token_counter
from assay.fields import document
from assay.findings.writing import FindingFormat, text_of
from assay.options import AsJson
from core.findings import Finding

if TYPE_CHECKING:
    from evals.domain.lint import Linted
    from registry.domain.token_count import CountTokens

Base = Annotated[
    str | None,
    typer.Option("--base", metavar="REVISION", help="Report only what is new since this commit."),
]


def lint(
    path: Annotated[
        Path, typer.Argument(metavar="PATH", help="A prompt repository.", file_okay=False)
    ] = Path(),
    base: Base = None,
    show_all: Annotated[
        bool, typer.Option("--all", help="With --base: report what was there before, too.")
    ] = False,
    fix: Annotated[
        bool, typer.Option("--fix", help="Settle first what has a safe fix, in the files.")
    ] = False,
    form: Annotated[
        FindingFormat | None, typer.Option("--format", help="How to write the findings.")
    ] = None,
    tokenizers: Tokenizers = None,
    tokenize_with: TokenizeWith = "",
    as_json: AsJson = False,
) -> None:
    """Check a prompt repository, without a server.

    Finds what a sync would find, and more (docs/reference/lint.md). With --base, a change is
    checked: the files as they lie there against what they were when they left that commit's
    history. Exit code 1 when there are errors.
    """
    chosen = _chosen(form, as_json=as_json)
    count_tokens = token_counter(tokenizers, tokenize_with)
    linted = _lint(path, base, count_tokens, show_all=show_all)
    fixed = 0
    if fix:
        from assay.fixing import fix_all
        from assay.local import folder_of

        fixed = fix_all(folder_of(path), linted.findings)
        linted = _lint(path, base, count_tokens, show_all=show_all) if fixed else linted
    show(linted, chosen, path, fixed=fixed)
    errors = any(finding.severity == "error" for finding in linted.findings)
    raise typer.Exit(exit_codes.GATE_FAILED if errors else exit_codes.PASS)


def _chosen(form: FindingFormat | None, *, as_json: bool) -> FindingFormat:
    if as_json and form not in {None, FindingFormat.JSON}:
        raise FormatUnclearError(f"--json and --format {form} disagree")
    return FindingFormat.JSON if as_json else form or FindingFormat.TABLE


def _lint(path: Path, base: str | None, count_tokens: CountTokens, *, show_all: bool) -> Linted:
    from assay import local

    if base is None:
        from assay.cores import spread_over_cores
        from evals.domain.lint import lint_repository

        files = local.folder_of(path)
        with spread_over_cores(len(files)) as spread:
            return lint_repository(files, files.findings, spread=spread, count_tokens=count_tokens)
    from assay.changes import working_change

    local.check_folder(path)
    return working_change(path, base).lint(count_tokens, show_all=show_all)


def show(linted: Linted, form: FindingFormat, path: Path, *, fixed: int = 0) -> None:
    """Print the findings; for people and JSON with the counts."""
    counts = _counts(linted, fixed)
    if form == FindingFormat.JSON:
        listed = [document("findings[]", finding) for finding in linted.findings]
        output.emit(document("lint", {**counts, "findings": listed}))
        return
    text = text_of(beside(linted.findings, path), form)
    if text:
        output.show(text)
    if form == FindingFormat.TABLE:
        optional = {"ignored", "fixed"}
        said = {what: n for what, n in counts.items() if n or what not in optional}
        output.show(", ".join(f"{count} {what}" for what, count in said.items()))


def beside(findings: Sequence[Finding], folder: Path) -> list[Finding]:
    """The findings with their paths as seen from where the command runs."""
    return [replace(finding, path=(folder / finding.path).as_posix()) for finding in findings]


def _counts(linted: Linted, fixed: int) -> dict[str, int]:
    errors = sum(finding.severity == "error" for finding in linted.findings)
    prompts = linted.parsed.prompts.values()
    return {
        "prompts": len(prompts),
        "versions": sum(len(prompt.versions) for prompt in prompts),
        "errors": errors,
        "warnings": len(linted.findings) - errors,
        "ignored": linted.ignored,
        "fixed": fixed,
    }
