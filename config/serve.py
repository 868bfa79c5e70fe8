"""`assay serve`: run everything until told to stop."""

from __future__ import annotations

import signal
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from types import FrameType

from config.embedded import application
from config.embedded.service import ServiceFailedError
from config.embedded.tree import Tree, TreeOptions, running

__all__ = ["Tree", "TreeOptions", "running", "serve"]


class _StopRequested(BaseException):
    """SIGTERM or SIGINT arrived. Not an Exception: nothing on the way up may swallow it."""


def serve(
    data: Path,
    *,
    port: int = 8000,
    host: str = "127.0.0.1",
    model: bool = True,
    workers: int = 1,
    stream_port: int = 0,
    on_ready: Callable[[Tree], None] | None = None,
) -> None:
    """Start Assay with everything it needs, print `ready URL`, and run until SIGTERM or SIGINT.

    The stream listener is on `stream_port`; 0: the port after `port`. Stdout gets that one line
    when everything answers; progress goes to stderr, and on a first start the one-time admin link.
    Then `on_ready` is called; when it returns, the tree stays up. Call it from the main thread.
    DATABASE_URL, BROKER_URL and ASSAY_MODEL_DEMO_URL in the environment replace the embedded
    servers. Raises what `running` raises.
    """
    options = TreeOptions(
        data=data, port=port, host=host, model=model, workers=workers, stream_port=stream_port
    )
    with _signals_ask_to_stop() as wait, running(options, report=_say) as tree:
        print(f"ready {tree.base_url}", flush=True)
        if link := first_admin_link(tree):
            _say(f"no user yet; open this link once to become the administrator:\n{link}")
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
