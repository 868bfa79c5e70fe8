"""What servers say about themselves: each sort is asked the same, and none is taken for another."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler

from serving.client import Endpoint, ModelClient
from serving.served import Served, ask
from tests.loopback import Quiet, on_loopback

VLLM = {
    "/health": (200, b""),
    "/version": (200, b'{"version":"0.32.0"}'),
    "/metrics": (200, b"# TYPE vllm:num_requests_running gauge\n"),
    "/tokenize": (200, b'{"count":1,"max_model_len":8192,"tokens":[64]}'),
    "/v1/models": (
        200,
        json.dumps(
            {
                "object": "list",
                "data": [
                    {"id": "tiny", "owned_by": "vllm", "root": "x/tiny", "max_model_len": 8192},
                    {"id": "lora", "owned_by": "vllm", "max_model_len": 4096},
                ],
            }
        ).encode(),
    ),
}


@contextmanager
def serving(pages: Mapping[str, tuple[int, bytes]]) -> Iterator[str]:
    """A server of these pages, to GET and POST alike; everything else is 404."""

    class Handler(Quiet, BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_GET(self) -> None:
            self.rfile.read(int(self.headers.get("Content-Length", 0)))
            status, body = pages.get(self.path, (404, b"{}"))
            self.send_response(status)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def do_POST(self) -> None:
            self.do_GET()

    with on_loopback(Handler) as host:
        yield f"http://{host}"


def said_by(url: str, served_id: str = "tiny") -> Served:
    async def story() -> Served:
        async with ModelClient(Endpoint(url, served_id)) as client:
            return await ask(client)

    return asyncio.run(story())


def test_a_vllm_is_known_by_what_it_says() -> None:
    with serving(VLLM) as url:
        said = said_by(url)
    assert said == Served(
        is_reachable=True,
        is_healthy=True,
        ids=("tiny", "lora"),
        engine="vllm",
        version="0.32.0",
        max_context=8192,
        extras=("/health", "/metrics", "/tokenize", "/version"),
    )
    assert Served.from_json(json.loads(json.dumps(said.to_json()))) == said


def test_llama_cpp_has_its_own_extras(llama_server: str) -> None:
    said = said_by(llama_server, "smollm2")
    assert (said.engine, said.max_context, said.quantization) == ("llama.cpp", 2048, "Q4_1")
    assert (said.is_healthy, said.slots, said.ids) == (True, 4, ("smollm2",))
    assert "/props" in said.extras
    assert "/version" not in said.extras
    assert "/tokenize" not in said.extras  # it answers there, but not as vLLM does


def test_a_plain_api_has_no_extras_and_that_is_no_trouble() -> None:
    models = b'{"data":[{"id":"tiny","owned_by":"somebody"}]}'
    with serving({"/v1/models": (200, models)}) as url:
        said = said_by(url)
    assert (said.is_reachable, said.is_healthy, said.error) == (True, True, "")
    assert (said.ids, said.engine, said.version, said.max_context) == (("tiny",), "", "", 0)
    assert said.extras == ("/health",)


def test_an_id_that_is_not_served_says_nothing_of_context_or_engine() -> None:
    with serving(VLLM) as url:
        said = said_by(url, "gone")
    assert (said.ids, said.max_context, said.engine) == (("tiny", "lora"), 0, "")


def test_a_server_that_refuses_everything_is_reached_and_not_ready() -> None:
    with serving(dict.fromkeys(VLLM, (401, b'{"error":"Unauthorized"}'))) as url:
        said = said_by(url)
    assert (said.is_reachable, said.is_healthy, said.ids) == (True, False, ())
    assert "401" in said.error


def test_nobody_there_is_no_error_of_ours() -> None:
    said = said_by("http://127.0.0.1:9")
    assert (said.is_reachable, said.is_healthy) == (False, False)
    assert said.error


def test_nonsense_is_not_believed() -> None:
    models = json.dumps(
        {"data": [{"id": "tiny", "max_model_len": "many"}, 7, {"id": "\x00é" + "x" * 999}]}
    ).encode()
    nonsense = {"/v1/models": (200, models), "/version": (200, b"[1"), "/props": (200, b"7")}
    with serving(nonsense) as url:
        said = said_by(url)
    assert (said.max_context, said.version, said.slots) == (0, "", 0)
    assert said.ids[:2] == ("tiny", "")
    assert said.ids[2].startswith("éx")
    assert len(said.ids[2]) < 300
