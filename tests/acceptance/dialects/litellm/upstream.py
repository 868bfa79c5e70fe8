"""A model server that keeps what it was asked, to see what a proxy made of a call.

It answers by itself, or in front of a real one whatever that does.
"""

from __future__ import annotations

import json
import threading
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from tests.loopback import Quiet


class Upstream(ThreadingHTTPServer):
    """Answers every chat with one word, or as the server at `model_url` (`…/v1`) does.

    `asked` are the bodies, oldest first.
    """

    daemon_threads = True

    def __init__(self, model_url: str = "") -> None:
        super().__init__(("127.0.0.1", 0), _Answer)
        self.model_url = model_url
        self.asked: list[dict[str, Any]] = []

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_port}/v1"


class _Answer(Quiet, BaseHTTPRequestHandler):
    server: Upstream

    def do_POST(self) -> None:
        body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        self.server.asked.append(body)
        answer = self._passed_on(body) if self.server.model_url else self._own(body)
        self.send_response(200)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(answer)))
        self.end_headers()
        self.wfile.write(answer)

    def _own(self, body: dict[str, Any]) -> bytes:
        said = {"role": "assistant", "content": "yes"}
        choice = {"index": 0, "message": said, "finish_reason": "stop"}
        usage = {"prompt_tokens": 1, "completion_tokens": 1, "total_tokens": 2}
        return json.dumps(
            {
                "id": "chatcmpl-1",
                "object": "chat.completion",
                "created": 1,
                "model": body["model"],
                "choices": [choice],
                "usage": usage,
            }
        ).encode()

    def _passed_on(self, body: dict[str, Any]) -> bytes:
        request = urllib.request.Request(
            f"{self.server.model_url}/chat/completions",
            data=json.dumps(body).encode(),
            headers={"Content-Type": "application/json"},
        )
        with urllib.request.urlopen(request, timeout=60) as answer:
            content: bytes = answer.read()
            return content


@contextmanager
def serving(model_url: str = "") -> Iterator[Upstream]:
    """A running one."""
    with Upstream(model_url) as upstream:
        thread = threading.Thread(target=upstream.serve_forever, args=(0.02,), daemon=True)
        thread.start()
        try:
            yield upstream
        finally:
            upstream.shutdown()
            thread.join()
