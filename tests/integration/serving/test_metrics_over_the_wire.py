"""/metrics of a model server: where it is looked for, and that its absence is no trouble."""

from __future__ import annotations

import asyncio

import pytest

from serving.client import Endpoint, ModelClient
from serving.metrics import PrefixCacheCounters, read_prefix_cache
from tests.integration.serving.scripted_server import Act, Reply, ScriptedServer, head, plain

TEXT = b"vllm:prefix_cache_queries_total 90\nvllm:prefix_cache_hits_total 30\n"
PROMETHEUS = "text/plain; version=0.0.4; charset=utf-8"


def metrics(body: bytes) -> Reply:
    return (head("200 OK", PROMETHEUS, Content_Length=str(len(body))) + body,)


async def asked(reply: Reply) -> tuple[PrefixCacheCounters | None, list[str]]:
    async with ScriptedServer(reply) as server:
        endpoint = Endpoint(f"{server.url}/v1", "tiny", api_key="sk-1", timeout_seconds=0.5)
        async with ModelClient(endpoint) as client:
            counters = await read_prefix_cache(client)
        assert all(r.headers["authorization"] == "Bearer sk-1" for r in server.received)
        return counters, [request.path for request in server.received]


def test_it_lies_beside_v1() -> None:
    counters, paths = asyncio.run(asked(metrics(TEXT)))
    assert counters == PrefixCacheCounters(90, 30)
    assert paths == ["/metrics"]


@pytest.mark.parametrize(
    "reply",
    [
        pytest.param(plain("404 Not Found", {"error": "no"}), id="switched off"),
        pytest.param(plain("401 Unauthorized", {"error": "no"}), id="guarded"),
        pytest.param(metrics(b"up 1\n"), id="of another server"),
        pytest.param(metrics(b"\xff\xfe"), id="no text"),
        pytest.param(metrics(TEXT + b"#" * 4 * 1024 * 1024), id="too long"),
        pytest.param((Act.WAIT,), id="silence"),
        pytest.param((Act.RESET,), id="reset"),
        pytest.param((b"SSH-2.0\r\n\r\n", Act.HANG_UP), id="not HTTP"),
        pytest.param(
            (head("302 Found", Location="http://127.0.0.1:1/", Content_Length="0"),), id="redirect"
        ),
    ],
)
def test_a_server_without_them_gives_none(reply: Reply) -> None:
    counters, paths = asyncio.run(asked(reply))
    assert counters is None
    assert set(paths) == {"/metrics"}  # once more after a reset


def test_a_server_that_is_not_there_gives_none() -> None:
    async def story() -> None:
        async with ScriptedServer(metrics(TEXT)) as server:
            url = server.url
        async with ModelClient(Endpoint(url, "tiny")) as client:
            assert await read_prefix_cache(client) is None

    asyncio.run(story())
