"""HTTP/1.1 as servers may speak it, and as they must not."""

from __future__ import annotations

import asyncio
import socket
import ssl
from collections.abc import Callable
from contextlib import closing
from datetime import UTC, datetime, timedelta
from ipaddress import ip_address
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID
from hypothesis import given
from hypothesis import strategies as st

from serving import pool, transport
from serving.client import (
    ChatRequest,
    ChatResponse,
    Endpoint,
    Message,
    ModelAnswerError,
    ModelClient,
    ModelUnavailableError,
)
from serving.served import Served
from serving.served import ask as served_ask
from tests.integration.serving.scripted_server import (
    CHUNKED_HEAD,
    HELLO,
    Act,
    Reply,
    ScriptedServer,
    answer,
    chunk,
    head,
    served,
    stream,
)

EVENTS = b"".join(answer("Hi", " there"))
WHOLE = stream(*answer("Hi", " there"))
EARLY_HINTS = b"HTTP/1.1 103 Early Hints\r\nLink: </style.css>\r\n\r\n"
CONTINUE = b"HTTP/1.1 100 Continue\r\n\r\n"


def ask(*replies: Reply) -> ChatResponse:
    async def story() -> ChatResponse:
        async with served(*replies) as (_, client):
            return await client.chat(HELLO)

    return asyncio.run(story())


FORMS = {
    "chunks": b"".join(WHOLE),  # type: ignore[arg-type]
    "one chunk": CHUNKED_HEAD + chunk(EVENTS) + b"0\r\n\r\n",
    "a length": head(Content_Length=str(len(EVENTS))) + EVENTS,
    "trailers": CHUNKED_HEAD + chunk(EVENTS) + b"0\r\nContent-Type: text/html\r\n\r\n",
    "interim answers": CONTINUE + EARLY_HINTS + CHUNKED_HEAD + chunk(EVENTS) + b"0\r\n\r\n",
    "extensions of chunks": CHUNKED_HEAD + b"%x;a=b\r\n" % len(EVENTS) + EVENTS + b"\r\n0\r\n\r\n",
}


@given(form=st.sampled_from(sorted(FORMS)), cuts=st.lists(st.integers(1, 600), max_size=6))
def test_every_form_of_an_answer_in_any_pieces_is_the_same_answer(
    form: str, cuts: list[int]
) -> None:
    data = FORMS[form]
    borders = [0, *sorted({cut for cut in cuts if cut < len(data)}), len(data)]
    pieces = [data[a:b] for a, b in pairwise(borders)]

    async def story() -> None:
        async with served(tuple(pieces), WHOLE) as (server, client):
            for _ in range(2):
                got = await client.chat(HELLO)
                assert (got.text, got.finish_reason) == ("Hi there", "stop")
            assert server.connections == 1

    asyncio.run(story())


@given(data=st.binary(max_size=300))
def test_whatever_a_server_sends_is_an_answer_or_an_error_with_a_name(data: bytes) -> None:
    for reply in ((data, Act.HANG_UP), (CHUNKED_HEAD, data, Act.HANG_UP)):
        with pytest.raises((ModelAnswerError, ModelUnavailableError)):
            ask(reply)


def test_a_body_that_ends_with_its_connection_is_read_to_its_end() -> None:
    models = b'{"data": [{"id": "one"}, {"id": "two"}]}'

    async def story() -> None:
        reply = (head(content_type="application/json"), models[:20], models[20:], Act.HANG_UP)
        async with served(reply) as (server, client):
            assert await client.served_ids() == ("one", "two")
            assert await client.served_ids() == ("one", "two")
            assert server.connections == 2

    asyncio.run(story())


@pytest.mark.parametrize(
    "reply",
    [
        pytest.param(
            (b"HTTP/1.1 200 OK\r\nX: " + b"x" * 70_000, Act.WAIT), id="a head without end"
        ),
        pytest.param((b"HTTP/1.1 OK\r\n\r\n", Act.WAIT), id="no status"),
        pytest.param((b"HTTP/1.1 000 No\r\n\r\n", Act.WAIT), id="status 0"),
        pytest.param((b"HTTP/1.1 101 Switching\r\nUpgrade: h2c\r\n\r\n", Act.WAIT), id="upgrade"),
        pytest.param((CHUNKED_HEAD, b"xyz\r\n", Act.WAIT), id="no length of a chunk"),
        pytest.param(
            (head(Content_Length="3", Transfer_Encoding="chunked"), Act.WAIT), id="two lengths"
        ),
    ],
)
def test_what_is_not_http_is_not_waited_for(reply: Reply) -> None:
    with pytest.raises(ModelAnswerError, match="not HTTP") as caught:
        ask(reply)
    assert not caught.value.transient


@pytest.mark.parametrize(
    "reply",
    [
        pytest.param((*WHOLE, b"HTTP/1.1 200 OK\r\nContent-"), id="more than was asked for"),
        pytest.param((head(Content_Length=str(len(EVENTS)), Connection="close") + EVENTS,), id="c"),
        pytest.param((b"".join([*WHOLE[:-1], b"0\r\n\r\nnonsense"]),), id="nonsense behind it"),  # type: ignore[list-item]
    ],
)
def test_a_connection_with_something_odd_about_it_is_not_used_again(reply: Reply) -> None:
    async def story() -> None:
        async with served(reply, WHOLE) as (server, client):
            for _ in range(2):
                assert (await client.chat(HELLO)).text == "Hi there"
                await asyncio.sleep(0.02)
            assert [request.connection for request in server.received] == [1, 2]

    asyncio.run(story())


def test_a_connection_that_was_idle_for_long_is_not_used_again(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(pool, "_IDLE_SECONDS", 0.05)

    async def story() -> None:
        async with served(WHOLE) as (server, client):
            for pause in (0.0, 0.2, 0.0):
                await client.chat(HELLO)
                await asyncio.sleep(pause)
            assert [request.connection for request in server.received] == [1, 1, 2]

    asyncio.run(story())


def test_a_refusal_is_heard_although_its_body_never_ends() -> None:
    long = b'{"error": {"message": "no such model"}, "more": "' + b"x" * 40_000

    async def story() -> None:
        async with served((head("404 Not Found", Content_Length="90000"), long, Act.WAIT)) as (
            server,
            client,
        ):
            with pytest.raises(ModelAnswerError, match="404"):
                await client.chat(HELLO)
            await asyncio.wait_for(server.client_hung_up.wait(), 5)

    asyncio.run(story())


def test_a_refusal_whose_reason_does_not_come_is_a_refusal(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(transport, "_REASON_SECONDS", 0.05)
    busy = (head("503 Busy", Content_Length="900", Retry_After="7"), b"{", Act.WAIT)
    with pytest.raises(ModelUnavailableError, match="503") as caught:
        ask(busy)
    assert (caught.value.status, caught.value.retry_after_seconds) == (503, 7.0)


def test_what_came_before_all_was_sent_is_read_and_the_connection_not_used_again() -> None:
    """The rest of a request in front of the next one would be nonsense to the server."""
    long = ChatRequest((Message("user", "x" * 20_000_000),))

    async def impatient(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(b"".join(step for step in WHOLE if isinstance(step, bytes)))
        seen.append(writer)

    seen: list[asyncio.StreamWriter] = []

    async def story() -> None:
        server = await asyncio.start_server(impatient, "127.0.0.1", 0)
        url = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"
        async with ModelClient(Endpoint(url, "tiny", timeout_seconds=5)) as client:
            assert (await client.chat(long)).text == "Hi there"
            assert (await client.chat(HELLO)).text == "Hi there"
        assert len(seen) == 2
        server.close()
        for writer in seen:
            writer.close()

    asyncio.run(story())


def test_a_body_that_we_broke_off_is_no_whole_one() -> None:
    async def story() -> None:
        reply = (head(content_type="application/json"), b'{"data": []}', Act.WAIT)
        async with ScriptedServer(reply) as server:
            async with ModelClient(Endpoint(server.url, "tiny")) as client:
                listing = asyncio.create_task(client.served_ids())
                await server.requests(1)
                await asyncio.sleep(0.05)
            with pytest.raises(ModelUnavailableError):
                await listing

    asyncio.run(story())


def test_a_name_in_other_letters_is_told_to_its_server_in_ascii(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    found = socket.getaddrinfo

    def resolved(host: str | bytes, *rest: Any, **more: Any) -> Any:
        is_ours = host in ("bücher.рф", b"xn--bcher-kva.xn--p1ai")
        return found("127.0.0.1" if is_ours else host, *rest, **more)

    monkeypatch.setattr(socket, "getaddrinfo", resolved)

    async def story() -> None:
        async with ScriptedServer(WHOLE) as server:
            port = server.url.rpartition(":")[2]
            async with ModelClient(Endpoint(f"http://bücher.рф:{port}", "tiny")) as client:
                await client.chat(HELLO)
            assert server.received[0].headers["host"] == f"xn--bcher-kva.xn--p1ai:{port}"

    asyncio.run(story())


def test_a_path_is_sent_as_urls_are_written() -> None:
    async def story() -> None:
        async with ScriptedServer(WHOLE) as server:
            async with ModelClient(Endpoint(f"{server.url}/zürich/a%20b/", "tiny")) as client:
                await client.chat(HELLO)
            [request] = server.received
            assert request.path == "/z%C3%BCrich/a%20b/v1/chat/completions"
            assert request.headers["host"] == server.url.removeprefix("http://")

    asyncio.run(story())


def test_an_address_may_be_of_ipv6() -> None:
    with closing(socket.socket(socket.AF_INET6)) as own:
        try:
            own.bind(("::1", 0))
        except OSError:
            pytest.skip("this machine has no IPv6 on loopback")

    async def story() -> None:
        async with ScriptedServer(WHOLE, host="::1") as server:
            async with ModelClient(Endpoint(server.url, "tiny")) as client:
                assert (await client.chat(HELLO)).text == "Hi there"
            assert server.received[0].headers["host"].startswith("[::1]:")

    asyncio.run(story())


@pytest.mark.parametrize("url", ["http://127.0.0.1:1", "http://nowhere.invalid"])
def test_nobody_there(url: str) -> None:
    async def story() -> None:
        async with ModelClient(Endpoint(url, "tiny")) as client:
            with pytest.raises(ModelUnavailableError, match="cannot connect to"):
                await client.chat(HELLO)
            assert not await client.healthy()

    asyncio.run(story())


@pytest.fixture
def certificate(tmp_path: Path) -> Callable[[str], Path]:
    """A file with a key and its own certificate for an address."""

    def make(address: str) -> Path:
        key = ec.generate_private_key(ec.SECP256R1())
        name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "a model server")])
        now = datetime.now(UTC)
        made = (
            x509.CertificateBuilder(name, name, key.public_key(), x509.random_serial_number())
            .not_valid_before(now - timedelta(hours=1))
            .not_valid_after(now + timedelta(hours=1))
            .add_extension(
                x509.SubjectAlternativeName([x509.IPAddress(ip_address(address))]), False
            )
            .add_extension(x509.BasicConstraints(ca=True, path_length=0), True)
            .sign(key, hashes.SHA256())
        )
        path = tmp_path / f"{address}.pem"
        path.write_bytes(
            key.private_bytes(
                serialization.Encoding.PEM,
                serialization.PrivateFormat.PKCS8,
                serialization.NoEncryption(),
            )
            + made.public_bytes(serialization.Encoding.PEM)
        )
        return path

    return make


def over_tls(certificate: Path) -> ChatResponse:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate)

    async def story() -> ChatResponse:
        async with ScriptedServer(WHOLE, tls=context) as server:
            async with ModelClient(Endpoint(server.url, "tiny")) as client:
                await client.chat(HELLO)
                got = await client.chat(HELLO)
            assert server.connections == 1
        return got

    return asyncio.run(story())


def test_tls_with_a_certificate_that_the_machine_trusts(
    certificate: Callable[[str], Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    path = certificate("127.0.0.1")
    monkeypatch.setenv("SSL_CERT_FILE", str(path))
    assert over_tls(path).text == "Hi there"


def test_tls_with_nobodys_certificate_is_refused_for_good(
    certificate: Callable[[str], Path],
) -> None:
    with pytest.raises(ModelAnswerError, match=r"TLS certificate of .* is not accepted") as caught:
        over_tls(certificate("127.0.0.1"))
    assert not caught.value.transient


def test_a_look_at_a_server_that_is_not_trusted_says_so(certificate: Callable[[str], Path]) -> None:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate("127.0.0.1"))

    async def story() -> Served:
        async with (
            ScriptedServer(WHOLE, tls=context) as server,
            ModelClient(Endpoint(server.url, "tiny")) as client,
        ):
            assert not await client.healthy()
            return await served_ask(client)

    found = asyncio.run(story())
    assert not found.is_reachable
    assert "certificate" in found.error


def test_tls_with_the_certificate_of_another_address_is_refused_for_good(
    certificate: Callable[[str], Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    path = certificate("127.0.0.2")
    monkeypatch.setenv("SSL_CERT_FILE", str(path))
    with pytest.raises(ModelAnswerError, match=r"TLS certificate of .* is not accepted"):
        over_tls(path)


def test_a_server_that_does_not_greet_in_time_is_no_server() -> None:
    async def story() -> None:
        async with ScriptedServer(WHOLE) as server:
            url = server.url.replace("http://", "https://")  # it waits for a request, we for TLS
            endpoint = Endpoint(url, "tiny", connect_timeout_seconds=0.2)
            async with ModelClient(endpoint) as client:
                with pytest.raises(
                    ModelUnavailableError, match=r"no connection to .* within 0.2 s"
                ):
                    await client.chat(HELLO)

    asyncio.run(story())
