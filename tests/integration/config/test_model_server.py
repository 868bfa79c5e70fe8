"""The demo model server: a real model behind a real HTTP server, which stops when told to."""

from __future__ import annotations

import http.client
import json
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager

import pytest

from config.embedded import folder, model, ports, postgres


@pytest.fixture
def server(free_port):
    """The server as a plain child process, answering on `free_port`."""
    program = [sys.executable, "-m", "serving.llamacpp", "--model", str(model.weights())]
    program += ["--port", str(free_port), "--alias", "smollm2", "--slots", "2"]
    child = subprocess.Popen(program, stderr=subprocess.PIPE, text=True)
    end = time.monotonic() + 60
    while not ports.responds(ports.LOOPBACK, free_port, "/health"):
        assert child.poll() is None
        assert time.monotonic() < end
        time.sleep(0.05)
    yield child
    child.kill()
    child.communicate()


@contextmanager
def ask(port: int, **body: object) -> Iterator[http.client.HTTPResponse]:
    messages = [{"role": "user", "content": "Tell me about the sea."}]
    chat = json.dumps({"model": "smollm2", "messages": messages, "temperature": 0, **body})
    with closing(http.client.HTTPConnection(ports.LOOPBACK, port, timeout=60)) as connection:
        headers = {"Content-Type": "application/json"}
        connection.request("POST", "/v1/chat/completions", chat, headers)
        with connection.getresponse() as answer:
            yield answer


def test_it_serves_the_model_under_its_alias_with_usage_and_metrics(server, free_port):
    with ask(free_port, max_tokens=4) as answer:
        chat = json.load(answer)
    assert chat["model"] == "smollm2"
    assert chat["usage"]["completion_tokens"] == 4
    assert ports.responds(ports.LOOPBACK, free_port, "/metrics")
    assert not ports.responds(ports.LOOPBACK, free_port, "/slots")  # would show others' prompts


def test_sigterm_ends_it_cleanly_even_with_a_stream_open(server, free_port):
    with ask(free_port, stream=True, max_tokens=1500, ignore_eos=True) as stream:
        assert stream.readline().startswith(b"data:")
        server.send_signal(signal.SIGTERM)
        assert server.wait(20) == 0
    assert ports.listening_problem(ports.LOOPBACK, free_port) is None


def test_its_port_is_remembered_while_it_stays_free(tmp_path):
    data = folder.prepare(tmp_path / "data", postgres_major=postgres.major_version())
    port = model.remembered_port(data)
    assert model.remembered_port(data) == port
    with socket.socket() as other:
        other.bind((ports.LOOPBACK, port))
        other.listen()
        assert model.remembered_port(data) != port
