"""An OpenAI-compatible server on loopback that answers, and fails, as the test tells it."""

from __future__ import annotations

import hashlib
import json
import threading
import time
from collections import Counter
from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler
from types import TracebackType
from typing import Any, Self

from tests.loopback import Quiet, on_loopback


@dataclass(frozen=True)
class Say:
    """A whole answer, after a while. `rest` holds everything behind the first words back."""

    text: str
    prompt_tokens: int = 10
    completion_tokens: int = 2
    seconds: float = 0.0
    logprobs: tuple[float, ...] = ()
    finish_reason: str = "stop"
    rest: threading.Event | None = None
    cached_tokens: int | None = None


@dataclass(frozen=True)
class Fail:
    """An HTTP error."""

    status: int
    retry_after: str = ""


@dataclass(frozen=True)
class Garble:
    """A stream that is no stream of chat chunks."""


@dataclass(frozen=True)
class Truncate:
    """The beginning of an answer, then a closed connection."""


Reply = Say | Fail | Garble | Truncate


class ModelServer:
    """`reply(question, nth)` decides: the last message, and how often it was asked, from 1.

    `weights` decide every answer to a probe: change them and the fingerprint changes. `noise` is
    added to all log-probabilities, up or down, anew for every question and every time. Without
    `gives_logprobs` the server knows none.

    It embeds too (`embed`), and as vLLM does it tells tokens, which are bytes here, and how likely
    they are: `likely(prompt)` is the log-probability of every token of a prompt; None: it keeps it
    to itself, as other servers do.
    """

    def __init__(self, reply: Callable[[str, int], Reply]) -> None:
        self.reply = reply
        self.weights = "first"
        self.noise = 0.0
        self.gives_logprobs = True
        self.embed: Callable[[str], list[float]] = lambda text: [1.0, float(len(text))]
        self.likely: Callable[[str], float | None] = lambda prompt: -1.0
        #: JSON that GET finds, by path; everything else is 404.
        self.pages: dict[str, Any] = {}
        self.calls: Counter[str] = Counter()
        #: Of every kind, those that have nothing to do with chats among them.
        self.requests = 0
        self.running = 0
        self.most_at_once = 0
        self._lock = threading.Lock()

    def __enter__(self) -> Self:
        handler = type("Handler", (_Handler,), {"model": self})
        self._running = ExitStack()
        self.url = f"http://{self._running.enter_context(on_loopback(handler))}"
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self._running.close()

    @property
    def case_calls(self) -> Counter[str]:
        """Calls by question, without the probes."""
        return Counter({q: n for q, n in self.calls.items() if q.startswith("case ")})

    def called(self, question: str) -> int:
        with self._lock:
            self.calls[question] += 1
            self.running += 1
            self.most_at_once = max(self.most_at_once, self.running)
            return self.calls[question]

    def answered(self) -> None:
        with self._lock:
            self.running -= 1

    def decide(self, question: str, nth: int) -> Reply:
        reply = self.reply(question, nth)
        if question.startswith("case ") or not isinstance(reply, Say):
            return reply
        seed = hashlib.sha256(f"{self.weights}: {question}".encode()).digest()
        turn = hashlib.sha256(f"{question} {nth}".encode()).digest()[0]
        logprobs = tuple(
            -rank - seed[rank] / 255 + self.noise * (-1) ** (turn + rank) for rank in range(8)
        )
        return Say(f"{self.weights}: {question}", logprobs=logprobs if self.gives_logprobs else ())


class _Handler(Quiet, BaseHTTPRequestHandler):
    model: ModelServer
    protocol_version = "HTTP/1.1"
    timeout = 10

    def parse_request(self) -> bool:
        self.model.requests += 1
        return super().parse_request()

    def do_GET(self) -> None:
        page = self.model.pages.get(self.path)
        self._write(404 if page is None else 200, "application/json", json.dumps(page).encode())

    def do_POST(self) -> None:
        body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        if not self.path.endswith("/chat/completions"):
            whole = json.dumps(self._whole(body)).encode()
            self._write(200, "application/json", whole)
            return
        question = body["messages"][-1]["content"]
        nth = self.model.called(question)
        try:
            self._send(self.model.decide(question, nth))
        except (BrokenPipeError, ConnectionResetError):
            self.close_connection = True
        finally:
            self.model.answered()

    def _whole(self, body: dict[str, Any]) -> dict[str, Any]:
        """The answer to what is not streamed."""
        if self.path == "/v1/embeddings":
            vectors = enumerate(map(self.model.embed, body["input"]))
            return {"data": [{"index": index, "embedding": vector} for index, vector in vectors]}
        if self.path == "/tokenize":
            turns = [turn["content"] for turn in body.get("messages", [])]
            tokens = list("\n".join(turns or [body["prompt"]]).encode())
            return {"count": len(tokens), "max_model_len": 4096, "tokens": tokens}
        logprob = self.model.likely(bytes(body["prompt"]).decode())
        if logprob is None:
            return {"choices": [{"index": 0, "text": ""}]}
        told = [{str(token): {"logprob": logprob}} for token in body["prompt"][1:]]
        return {"choices": [{"index": 0, "text": "", "prompt_logprobs": [None, *told]}]}

    def _send(self, reply: Reply) -> None:
        if isinstance(reply, Fail):
            body = b'{"error": "scripted"}'
            self._write(reply.status, "application/json", body, retry_after=reply.retry_after)
        elif isinstance(reply, Garble):
            self._write(200, "text/event-stream", b"data: this is not JSON\n\n")
        elif isinstance(reply, Truncate):
            self._write(200, "text/event-stream", _events(Say("half"))[:-60], missing=60)
            self.close_connection = True
        else:
            time.sleep(reply.seconds)
            self._write(200, "text/event-stream", _events(reply), rest=reply.rest)

    def _write(
        self,
        status: int,
        kind: str,
        body: bytes,
        *,
        missing: int = 0,
        retry_after: str = "",
        rest: threading.Event | None = None,
    ) -> None:
        self.send_response(status)
        self.send_header("Content-Type", kind)
        self.send_header("Content-Length", str(len(body) + missing))
        if retry_after:
            self.send_header("Retry-After", retry_after)
        self.end_headers()
        if rest is not None:
            first, body = body.split(b"\n\n", 1)
            self.wfile.write(first + b"\n\n")
            rest.wait(10)
        self.wfile.write(body)


def _events(say: Say) -> bytes:
    usage: dict[str, Any] = {
        "prompt_tokens": say.prompt_tokens,
        "completion_tokens": say.completion_tokens,
    }
    if say.cached_tokens is not None:
        usage["prompt_tokens_details"] = {"cached_tokens": say.cached_tokens}
    likely = [
        {"token": f"t{rank}", "bytes": [116, 48 + rank], "logprob": logprob}
        for rank, logprob in enumerate(say.logprobs)
    ]
    said = {"logprobs": {"content": [{"top_logprobs": likely}]}} if likely else {}
    chunks: list[dict[str, Any]] = [
        {"choices": [{"index": 0, "delta": {"content": say.text}, "finish_reason": None} | said]},
        {"choices": [{"index": 0, "delta": {}, "finish_reason": say.finish_reason}]},
        {"choices": [], "usage": usage},
    ]
    lines = [f"data: {json.dumps(chunk)}\n\n" for chunk in chunks]
    return ("".join(lines) + "data: [DONE]\n\n").encode()
