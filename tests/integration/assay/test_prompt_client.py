"""`Client` and `AsyncClient` against a small real registry over real sockets."""

from __future__ import annotations

import asyncio
import logging
import os
import subprocess
import sys
import threading
import time
from collections.abc import Awaitable, Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest

from assay import AssayApiError, AsyncClient, Client, Prompt
from assay.prompts.cache import RegistryBehindError
from assay.prompts.shell import QuestionInvalidError
from core.errors import AssayError
from registry.domain.template.errors import RenderError
from registry.lookup import Item
from tests.integration.assay.small_registry import RegistryServer, SmallRegistry, eventually

TOKEN = "assay_very_secret"


@pytest.fixture
def registry() -> Iterator[RegistryServer]:
    with RegistryServer().running() as server:
        server.registry.point("greeting", 1)
        yield server


def make(server: RegistryServer | str, cache: Path | bool = False, **more: Any) -> Client:
    url = server if isinstance(server, str) else server.url
    return Client(url, TOKEN, cache=cache, **{"timeout_seconds": 2, "poll_seconds": 0.05, **more})


@pytest.fixture
def client(registry: RegistryServer) -> Iterator[Client]:
    with make(registry) as made:
        yield made


def is_followed(client: Client) -> bool:
    """Whether the stream is open, and what is held is what is live."""
    cache = client._core.cache
    return cache._live_at is not None and not cache.dirty()


def source(prompt: Prompt) -> str:
    return prompt.provenance.source


def test_the_first_call_of_the_readme(client: Client, registry: RegistryServer) -> None:
    prompt = client.get("greeting", tag="stable", key="user-42")
    assert prompt.render(name="Ada").text == "Hello Ada, v1"
    assert (prompt.name, prompt.version, prompt.tag, prompt.arm) == (
        ("greeting", 1, "stable", "stable")
    )
    assert (source(prompt), prompt.provenance.registry_revision) == ("network", 1)
    again = client.get("greeting")
    assert source(again) == "memory"
    assert again.parameters == {"temperature": 0}
    assert again.model is not None
    assert registry.tokens == {f"Bearer {TOKEN}"}
    assert len(registry.batches) <= 2  # the first call's, and one when the stream opened


def test_the_stream_brings_a_rollback_without_anybody_asking(
    client: Client, registry: RegistryServer
) -> None:
    client.get("greeting")
    eventually(lambda: registry.listeners == 1)
    for version in (2, 1, 3):
        registry.move("greeting", version)
        eventually(lambda: client.get("greeting").version == version)  # noqa: B023 - now
    assert client.get("greeting").provenance.age_seconds is not None
    registry.registry.point("greeting", 4)
    registry.send("event: reset\ndata: {}\n\n")
    eventually(lambda: client.get("greeting").version == 4)


def test_moves_of_others_are_not_asked_about(client: Client, registry: RegistryServer) -> None:
    client.get("greeting")
    eventually(lambda: is_followed(client))
    before = len(registry.batches)
    for version in range(1, 6):
        registry.move("another", version)
    registry.move("greeting", 2)
    eventually(lambda: client.get("greeting").version == 2)
    assert len(registry.batches) == before + 1


def test_a_registry_process_that_lags_behind_the_stream_is_asked_again(
    client: Client, registry: RegistryServer
) -> None:
    client.get("greeting")
    eventually(lambda: is_followed(client))
    registry.lag = 1
    registry.move("greeting", 2)
    before = len(registry.batches)
    eventually(lambda: len(registry.batches) >= before + 2)
    assert client.get("greeting").version == 1
    registry.lag = 0
    eventually(lambda: client.get("greeting").version == 2)


def test_a_broken_stream_is_resumed_where_it_was(client: Client, registry: RegistryServer) -> None:
    client.get("greeting")
    eventually(lambda: registry.listeners == 1)
    revision = registry.move("greeting", 2)
    eventually(lambda: client._core.cache.heard == registry.registry.id_of(revision))
    registry.drop()
    registry.registry.point("greeting", 3)
    eventually(lambda: client.get("greeting").version == 3)
    eventually(lambda: len(registry.opened) > 1)
    assert registry.opened[0] is None
    assert int((registry.opened[1] or "").partition("-")[0]) >= revision


@pytest.mark.parametrize("was_away", [False, True])
def test_a_registry_that_was_rebuilt_is_followed_with_a_warning(
    registry: RegistryServer, tmp_path: Path, caplog: pytest.LogCaptureFixture, was_away: bool
) -> None:
    """Its revisions begin anew, below what was seen."""
    client = make(registry, tmp_path)
    client.get("greeting")
    eventually(lambda: is_followed(client))
    for version in (2, 3, 4):
        registry.move("greeting", version)
    eventually(lambda: client.get("greeting").version == 4)
    if was_away:
        client.close()
    registry.registry = registry.registry.rebuilt()
    registry.registry.point("greeting", 1)
    registry.drop()
    with make(registry, tmp_path) if was_away else client as again:
        eventually(lambda: again.get("greeting").version == 1)
        told = again.get("greeting").provenance
        assert (told.registry_revision, told.incarnation) == (1, registry.registry.incarnation)
    assert caplog.text.count("rebuilt or restored") == 1
    with make(registry, tmp_path) as later:
        assert later.get("greeting").version == 1
    assert caplog.text.count("rebuilt or restored") == 1


def test_without_a_stream_it_polls_and_sends_nothing_twice(registry: RegistryServer) -> None:
    registry.has_stream = False
    with make(registry) as client:
        client.get("greeting")
        registry.registry.point("greeting", 2)
        eventually(lambda: client.get("greeting").version == 2)
        eventually(lambda: len(registry.batches) > 5)
    assert all("if_none_match" in item for item in registry.batches[-1]["items"])
    assert registry.opened == [None]


def test_a_stream_of_another_address(registry: RegistryServer, free_port: int) -> None:
    with RegistryServer(registry.registry).running() as streaming:
        registry.has_stream = False
        with make(registry, stream_url=streaming.url, poll_seconds=60) as client:
            client.get("greeting")
            eventually(lambda: streaming.listeners == 1)
            streaming.move("greeting", 5)
            eventually(lambda: client.get("greeting").version == 5)
    assert registry.opened == []


@pytest.mark.parametrize("is_same_host", [True, False])
def test_a_web_listener_says_where_the_stream_is(
    registry: RegistryServer, is_same_host: bool
) -> None:
    """The token goes to no other host."""
    with RegistryServer(registry.registry).running() as streaming:
        registry.has_stream = False
        host = "127.0.0.1" if is_same_host else "localhost"
        registry.stream_told = f"http://{host}:{streaming.port}/api/v1/stream?x=1"
        with make(registry) as client:
            client.get("greeting")
            eventually(lambda: len(registry.batches) > 2 or streaming.listeners == 1)
            assert streaming.listeners == is_same_host
            streaming.move("greeting", 5)
            eventually(lambda: client.get("greeting").version == 5)
    assert streaming.tokens == ({f"Bearer {TOKEN}"} if is_same_host else set())


def test_arms_are_those_of_the_registry_for_every_key(
    client: Client, registry: RegistryServer
) -> None:
    keys = [f"user-{number}" for number in range(3000)]
    for weight, canary in [(10, 2), (35, 2), (35, 3), (100, 3), (0, 3)]:
        revision = registry.registry.point("greeting", canary, "canary", weight)
        client._core.cache.moved("greeting", revision)
        registry.send(f'id: {revision}\ndata: {{"prompt": "greeting"}}\n\n')
        eventually(
            lambda: client.get("greeting").provenance.registry_revision == revision  # noqa: B023
        )
        assert client.get("greeting", tag="canary").version == canary
        arms = [client.get("greeting", key=key) for key in keys]
        told = [registry.registry.body(Item("greeting", "stable", key)) for key in keys[:1000]]
        for prompt, said in zip(arms, told, strict=False):
            assert (prompt.version, prompt.arm) == (said["version"], said["arm"])
        share = sum(prompt.arm == "canary" for prompt in arms) / len(arms)
        assert abs(share - weight / 100) < 0.05
    assert client.get("greeting").arm == "stable"
    assert client.get("greeting", key="").arm == "stable"
    assert len(registry.batches) < 30


def test_versions_and_other_tags(client: Client, registry: RegistryServer) -> None:
    assert client.get("greeting", version=7).version == 7
    assert client.get("greeting", version=7).tag is None
    assert client.get("greeting", tag="canary").served.fallback
    with pytest.raises(AssayApiError, match="no tag 'beta'"):
        client.get("greeting", tag="beta")
    registry.registry.point("greeting", 3, "beta")
    assert client.get("greeting", tag="beta", key="ada").version == 3


def test_a_prompt_that_was_seen_is_never_an_error(
    client: Client, registry: RegistryServer, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.WARNING)
    registry.has_stream = False
    registry.drop()
    registry.registry.point("greeting", 3, "beta")
    assert client.get("greeting", tag="beta").version == 3
    client.get("greeting")
    registry.registry.clear("greeting", "beta")
    eventually(lambda: bool(client.get("greeting", tag="beta").warnings[1:]))
    assert (
        "refuses it by now: greeting has no tag 'beta'"
        in (client.get("greeting", tag="beta").warnings[-1])
    )
    for trouble in [(401, b"{}"), (500, b"oops"), (200, b"<html>"), (200, b'{"items":[]}')]:
        registry.trouble = trouble
        before = len(registry.batches)
        client._core.pace.failures = 0
        eventually(lambda: len(registry.batches) > before + 1)  # noqa: B023
        assert client.get("greeting").version == 1
    with pytest.raises((AssayApiError, AssayError)):
        client.get("another")
    registry.stop()
    assert client.get("greeting", key="ada").version == 1
    assert client.get("greeting").provenance.age_seconds is not None


def test_a_fallback_is_for_when_there_is_nothing_else(
    client: Client, registry: RegistryServer, free_port: int
) -> None:
    assert source(client.get("greeting", fallback="Hi {{ name }}")) == "network"
    missing = client.get("missing", fallback="Hi {{ name }}")
    assert (source(missing), missing.version, missing.provenance.age_seconds) == (
        ("fallback", 0, None)
    )
    assert missing.render(name="Ada", unused=1).text == "Hi Ada"
    with pytest.raises(RenderError):
        missing.render()
    chat = '{% chat role="system" %}Be {{ tone }}.{% endchat %}{% placeholder "history" %}'
    with make(f"http://127.0.0.1:{free_port}") as lonely:
        prompt = lonely.get("greeting", fallback=chat)
        turns = [{"role": "user", "content": "x"}]
        rendered = prompt.render({"history": turns}, tone="kind")
        assert [(one.role, one.content) for one in rendered.messages] == (
            [("system", "Be kind."), ("user", "x")]
        )
        with pytest.raises(AssayApiError, match="no answer from"):
            lonely.get("greeting")


def test_variables_that_do_not_fit_are_named(client: Client) -> None:
    prompt = client.get("greeting")
    with pytest.raises(RenderError) as caught:
        prompt.render(name=3, placeholders="x", self="y")
    pointers = [error["pointer"] for error in caught.value.fields["errors"]]
    assert pointers == ["/name", "/placeholders", "/self"]


def test_keys_no_registry_takes(client: Client) -> None:
    for key in ("k" * 501, "\0", "\ud800"):
        with pytest.raises(QuestionInvalidError):
            client.get("greeting", key=key)


def test_a_cold_start_with_the_registry_down(registry: RegistryServer, tmp_path: Path) -> None:
    registry.registry.point("greeting", 2, "canary", 50)
    with make(registry, tmp_path) as client:
        before = [client.get("greeting", key=f"u{n}").arm for n in range(40)]
        assert client.get("greeting", version=3).version == 3
    registry.stop()
    with make(registry.url, tmp_path) as client:
        after = [client.get("greeting", key=f"u{n}") for n in range(40)]
        assert [prompt.arm for prompt in after] == before
        assert {source(prompt) for prompt in after} == {"disk"}
        assert after[0].provenance.registry_revision == 2
        assert (after[0].provenance.age_seconds or 0) >= 0
        assert client.get("greeting", version=3).version == 3
        with pytest.raises(AssayApiError):
            client.get("greeting", version=4)
    # It comes back, and is believed again.
    with RegistryServer(registry.registry, registry.port).running() as server:
        server.registry.point("greeting", 5)
        with make(server, tmp_path) as client:
            assert (source(client.get("greeting")), client.get("greeting").version) == (
                ("network", 5)
            )


def test_a_registry_that_went_back_is_believed_after_forget(
    registry: RegistryServer, tmp_path: Path
) -> None:
    for version in (2, 3, 4):
        registry.registry.point("greeting", version)
    with make(registry, tmp_path) as client:
        client.get("greeting")
    registry.registry = SmallRegistry()
    registry.registry.point("greeting", 1)
    registry.registry.point("other", 1)
    with make(registry, tmp_path) as client:
        assert client.get("greeting").version == 4
        with pytest.raises(RegistryBehindError, match="revision 2, and this client has seen 4"):
            client.get("other")
        client.forget()
        assert client.get("greeting").version == 1
    with make(registry, tmp_path) as client:
        assert source(client.get("greeting")) == "network"


def test_many_threads_and_one_registry(client: Client, registry: RegistryServer) -> None:
    registry.registry.point("other", 1)
    seen: list[list[int]] = []

    def work(number: int) -> None:
        mine = []
        for _ in range(150):
            prompt = client.get(("greeting", "other")[number % 2], key=str(number))
            mine.append(prompt.provenance.registry_revision or 0)
        seen.append(mine)

    with ThreadPoolExecutor(12) as pool:
        done = [pool.submit(work, number) for number in range(12)]
        for version in range(1, 9):
            registry.move("greeting", version)
            registry.move("other", version)
        for one in done:
            one.result()
    assert all(mine == sorted(mine) for mine in seen)
    eventually(lambda: client.get("greeting").version == 8)


def test_close_ends_the_thread_and_the_stream_and_keeps_what_is_held(
    registry: RegistryServer,
) -> None:
    client = make(registry)
    client.get("greeting")
    eventually(lambda: registry.listeners == 1)
    client.close()
    client.close()
    assert "prompts" not in {thread.name for thread in threading.enumerate()}
    eventually(lambda: registry.listeners == 0)
    assert client.get("greeting").version == 1
    with pytest.raises(AssayApiError, match="closed"):
        client.get("other")
    unused = make(registry)
    unused.close()


_FORK = """
import os, sys, time
from assay import Client
url, cache = sys.argv[1:]
client = Client(url, "t", cache=False, poll_seconds=0.05)
assert client.get("greeting").version == 1
while client._core.cache.heard is None:
    time.sleep(0.005)
parent = client._threads._io._stream.extensions["network_stream"].get_extra_info("socket").fileno()
print("ready", flush=True)
pid = os.fork()
if pid == 0:
    try:
        os.fstat(parent)
        print("the child has the parent's socket", flush=True)
    except OSError:
        pass
who = "child" if pid == 0 else "parent"
assert client.get("greeting").provenance.source == "memory"
sys.stdin.readline() if pid else None
while client.get("greeting").version != 2:
    time.sleep(0.005)
print(who, "has it", flush=True)
client.close()
if pid:
    os.waitpid(pid, 0)
else:
    os._exit(0)
"""


def test_a_forked_worker_has_a_stream_of_its_own(registry: RegistryServer) -> None:
    process = subprocess.Popen(
        [sys.executable, "-W", "error", "-c", _FORK, registry.url, ""],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    assert process.stdout
    assert process.stdin
    assert process.stdout.readline() == "ready\n"
    eventually(lambda: registry.listeners == 2)
    registry.move("greeting", 2)
    out, _ = process.communicate("go\n", timeout=60)
    assert sorted(out.splitlines()) == ["child has it", "parent has it"]
    assert process.returncode == 0


def test_settings_come_from_the_environment(
    registry: RegistryServer, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("ASSAY_URL", registry.url)
    monkeypatch.setenv("ASSAY_TOKEN", TOKEN)
    monkeypatch.setenv("ASSAY_CACHE", str(tmp_path / "cache"))
    with Client() as client:
        client.get("greeting")
    [folder] = (tmp_path / "cache").iterdir()
    assert TOKEN not in folder.name
    assert all(TOKEN.encode() not in path.read_bytes() for path in folder.iterdir())
    monkeypatch.setenv("ASSAY_CACHE", "off")
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    with Client() as client:
        client.get("greeting")
    assert not (tmp_path / "home").exists()


def in_a_loop(work: Callable[[], Awaitable[None]]) -> None:
    asyncio.run(work())  # type: ignore[arg-type] # every one here is a coroutine


async def until(is_so: Callable[[], Awaitable[bool]]) -> None:
    end = time.monotonic() + 20
    while not await is_so():
        assert time.monotonic() < end
        await asyncio.sleep(0.005)


def test_the_async_client_follows_falls_back_and_closes(
    registry: RegistryServer, tmp_path: Path
) -> None:
    registry.registry.point("greeting", 3, "canary", 30)

    async def work() -> None:
        async with AsyncClient(registry.url, TOKEN, cache=tmp_path, poll_seconds=0.05) as client:
            prompt = await client.get("greeting")
            assert (prompt.version, source(prompt)) == (1, "network")
            for number in range(500):
                key = f"user-{number}"
                said = registry.registry.body(Item("greeting", "stable", key))
                assert (await client.get("greeting", key=key)).arm == said["arm"]

            async def has(version: int) -> bool:
                return (await client.get("greeting")).version == version

            await until(lambda: asyncio.to_thread(lambda: registry.listeners == 1))
            registry.move("greeting", 2)
            await until(lambda: has(2))
            registry.drop()
            registry.registry.point("greeting", 4)
            await until(lambda: has(4))
            assert source(await client.get("x", fallback="y")) == "fallback"
            with pytest.raises(AssayApiError):
                await client.get("x")
        assert (await client.get("greeting")).version == 4
        await client.close()

    in_a_loop(work)
    eventually(lambda: registry.listeners == 0)
    registry.stop()

    async def cold() -> None:
        async with AsyncClient(registry.url, TOKEN, cache=tmp_path) as client:
            assert source(await client.get("greeting")) == "disk"

    in_a_loop(cold)


def test_the_async_client_goes_on_in_another_loop(registry: RegistryServer) -> None:
    client = AsyncClient(registry.url, TOKEN, cache=False, poll_seconds=0.05)

    async def work() -> None:
        assert (await client.get("greeting")).version == 1
        await client.close()

    in_a_loop(work)
    assert os.getpid()
