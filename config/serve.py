"""`assay serve`: run everything until told to stop."""

from __future__ import annotations

import signal
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from types import FrameType
from typing import Annotated

import typer

from config.embedded import application
from config.embedded.service import ServiceFailedError
from config.embedded.tree import Tree, TreeOptions, running
from core.errors import AssayError, UnavailableError

__all__ = ["Tree", "TreeOptions", "running", "serve", "serve_until_stopped"]

_EXIT_USAGE = 2
_EXIT_UNAVAILABLE = 4


class _StopRequested(BaseException):
    """SIGTERM or SIGINT arrived. Not an Exception: nothing on the way up may swallow it."""


def serve(
    port: Annotated[int, typer.Option(help="TCP port of the web server.")] = 8000,
    data: Annotated[Path, typer.Option(envvar="ASSAY_DATA", help="Data folder.")] = Path(".assay"),
    host: Annotated[str, typer.Option(help="Address to listen on.")] = "127.0.0.1",
    model: Annotated[
        bool, typer.Option("--model/--no-model", help="Start the demo model server.")
    ] = True,
    workers: Annotated[int, typer.Option(min=1, max=64, help="Web server processes.")] = 1,
) -> None:
    """Start Assay with everything it needs, print `ready URL`, and run until Ctrl-C or SIGTERM.

    DATABASE_URL, BROKER_URL and ASSAY_MODEL_DEMO_URL replace the embedded servers. Exit codes: 0
    stopped, 2 usage (port in use, data folder in use or unusable), 4 a part did not start.
    """
    options = TreeOptions(data=data, port=port, host=host, model=model, workers=workers)
    try:
        serve_until_stopped(options, on_ready=_print_ready)
    except AssayError as error:
        _say(f"error: {error.message}" + (f"\nhint: {error.hint}" if error.hint else ""))
        is_unavailable = isinstance(error, UnavailableError)
        raise typer.Exit(_EXIT_UNAVAILABLE if is_unavailable else _EXIT_USAGE) from error


def serve_until_stopped(
    options: TreeOptions, *, on_ready: Callable[[Tree], None] | None = None
) -> None:
    """Run the tree until SIGTERM or SIGINT; `on_ready` is called once when everything answers.

    Progress goes to stderr. Call it from the main thread. Raises what `running` raises.
    """
    with _signals_ask_to_stop() as wait, running(options, report=_say) as tree:
        if on_ready:
            on_ready(tree)
        wait()


@contextmanager
def _signals_ask_to_stop() -> Iterator[Callable[[], None]]:
    """Hands out the function that waits for SIGTERM or SIGINT; either ends the block quietly."""
    watched = (signal.SIGTERM, signal.SIGINT)

    def request(_number: int, _frame: FrameType | None) -> None:
        for number in watched:  # one is enough: stopping takes seconds and must not be cut short
            signal.signal(number, signal.SIG_IGN)
        raise _StopRequested

    before = {number: signal.signal(number, request) for number in watched}
    try:
        yield _wait_forever
    except _StopRequested:
        pass
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def _wait_forever() -> None:
    while True:
        signal.pause()


def _print_ready(tree: Tree) -> None:
    print(f"ready {tree.base_url}", flush=True)
    link = first_admin_link(tree)
    if link:
        _say(f"no user yet; open this link once to become the administrator:\n{link}")


def first_admin_link(tree: Tree) -> str | None:
    """The one-time link that makes its first reader the administrator; None once a user exists."""
    module = ["config.embedded.first_link", tree.base_url]
    try:
        return (
            application.run_once(tree.data, "first-link", module, tree.environment).strip() or None
        )
    except ServiceFailedError as error:
        _say(f"warning: {error.message}")
        return None


def _say(line: str) -> None:
    print(line, file=sys.stderr, flush=True)
