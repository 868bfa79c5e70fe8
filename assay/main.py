"""The `assay` command: which commands there are, and how errors end."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from itertools import pairwise
from typing import Annotated, Any

import typer
from typer.core import TyperGroup

from assay import exit_codes, output
from assay.commands import (
    cases,
    ci,
    evaluation,
    importing,
    judges,
    linting,
    models,
    moves,
    planning,
    platform,
    prompts,
    rendering,
    repository,
    runs,
    tokens,
)
from assay.errors import AssayApiError
from core.errors import AssayError


class OneLineErrors(TyperGroup):
    """Ends every error as one line on stderr and an exit code of `exit_codes`."""

    def main(
        self,
        args: Sequence[str] | None = None,
        prog_name: str | None = None,
        *_: Any,
        **extra: Any,
    ) -> Any:
        """Run a command line; without one, show the help. Always ends with SystemExit."""
        arguments = list(sys.argv[1:] if args is None else args) or ["--help"]
        extra["standalone_mode"] = False
        try:
            code = super().main(arguments, prog_name or "assay", **extra)
        except (AssayApiError, AssayError) as error:
            code = _told(error, as_json=_wants_json(arguments))
        except typer.TyperException as error:
            code = _told_usage(error)
        except typer.Abort:
            code = exit_codes.INTERRUPTED
        sys.exit(code if isinstance(code, int) else exit_codes.PASS)


app = typer.Typer(
    cls=OneLineErrors,
    name="assay",
    add_completion=False,
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
    help="Prompts as code: registered, evaluated, and moved only with evidence.",
    epilog="ASSAY_URL names the server, ASSAY_TOKEN (or ASSAY_TOKEN_FILE) proves who you are.",
)


def _print_version(wanted: bool) -> None:
    if wanted:
        from importlib.metadata import version

        output.show(f"assay {version('assay')}")
        raise typer.Exit


@app.callback()
def root(
    version: Annotated[
        bool,
        typer.Option("--version", callback=_print_version, is_eager=True, help="Show the version."),
    ] = False,
) -> None:
    """Prompts as code: registered, evaluated, and moved only with evidence."""


app.command()(repository.init)
app.command()(platform.serve)
app.command()(platform.demo)
app.command()(repository.sync)
app.command()(linting.lint)
app.command()(ci.ci)
app.command("import")(importing.import_suite)
app.command()(rendering.render)
app.command()(rendering.diff)
app.command("eval")(evaluation.evaluate)
app.add_typer(runs.app)
app.add_typer(cases.app)
app.add_typer(judges.app)
app.add_typer(models.app)
app.command()(prompts.show)
app.command()(prompts.tags)
app.command()(prompts.history)
app.command()(moves.promote)
app.command()(moves.rollback)
app.add_typer(moves.canary)
app.command()(moves.override)
app.command()(moves.release)
app.add_typer(tokens.app)
app.command()(planning.plan)
app.command()(platform.migrate)
app.command()(platform.rebuild)


def main() -> None:
    """The console script."""
    app()


def _wants_json(arguments: Sequence[str]) -> bool:
    return any(word in {"--json", "--format=json"} for word in arguments) or (
        ("--format", "json") in pairwise(arguments)
    )


def _told(error: AssayApiError | AssayError, *, as_json: bool) -> int:
    hint = f" ({output.one_line(error.hint)})" if error.hint else ""
    output.say(f"error: {output.one_line(error.message)}{hint}")
    if as_json:
        status = error.status if isinstance(error, AssayApiError) else None
        told = {"code": error.code, "message": error.message, "hint": error.hint}
        output.emit({"error": {**told, "status": status, "fields": error.fields}})
    return exit_codes.of_error(error)


def _told_usage(error: typer.TyperException) -> int:
    context = getattr(error, "ctx", None)
    command = context.command_path if context else "assay"
    message = output.one_line(error.format_message())
    output.say(f"error: {message} (see `{command} --help`)")
    return exit_codes.USAGE


if __name__ == "__main__":
    main()
