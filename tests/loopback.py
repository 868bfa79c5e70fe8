"""HTTP servers of the tests' own, on a free port of this machine, gone with their test."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer


class Quiet:
    """A handler that says nothing of what it is asked: the test's output is for the test.

    Head and body are two writes, and the second would wait 40 ms for the first to be acknowledged.
    """

    disable_nagle_algorithm = True

    def log_message(self, *_: object) -> None:
        """Quiet."""


@contextmanager
def on_loopback(handler: Callable[..., BaseHTTPRequestHandler]) -> Iterator[str]:
    """`127.0.0.1:PORT`, where a fresh handler answers each connection on a thread of its own.

    Connections that are still open at the end are not waited for.
    """
    server = ThreadingHTTPServer(("127.0.0.1", 0), handler)
    server.daemon_threads = True
    thread = threading.Thread(target=server.serve_forever, args=(0.02,))
    thread.start()
    try:
        yield f"127.0.0.1:{server.server_port}"
    finally:
        server.shutdown()
        thread.join()
        server.server_close()
