"""A server that balks is asked less, and asked as much as before when it is well again."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest

from serving.client import Endpoint, ModelClient, ModelUnavailableError
from serving.seats import Pace, Seats
from tests.integration.serving.scripted_server import (
    HELLO,
    Act,
    ScriptedServer,
    answer,
    plain,
    served,
    stream,
)

FINE = stream(*answer("Hi"))
BUSY = plain("429 Busy", b"")


async def outcomes(client: ModelClient, count: int) -> list[str]:
    """How that many chats at once went."""
    done = await asyncio.gather(*(client.chat(HELLO) for _ in range(count)), return_exceptions=True)
    return [type(got).__name__ for got in done]


@pytest.mark.parametrize("status", ["429 Busy", "503 Overloaded"])
def test_a_round_that_is_turned_away_halves_the_number_once(status: str) -> None:
    async def story() -> None:
        async with served(plain(status, b""), concurrency=8) as (_, client):
            assert set(await outcomes(client, 8)) == {"ModelUnavailableError"}
            assert client.pace.limit == 4

    asyncio.run(story())


@pytest.mark.parametrize("reply", [plain("500 Broken", b""), plain("400 No", b""), (Act.HANG_UP,)])
def test_other_failures_say_nothing_about_the_number(reply: tuple[bytes | Act, ...]) -> None:
    async def story() -> None:
        async with served(reply, concurrency=8) as (_, client):
            await outcomes(client, 8)
            assert client.pace.limit == 8

    asyncio.run(story())


def test_it_climbs_back_to_what_is_declared_and_no_further() -> None:
    async def story() -> None:
        async with served(BUSY, FINE, concurrency=4) as (_, client):
            await outcomes(client, 1)
            assert client.pace.limit == 2
            await outcomes(client, 5)  # two bring the third seat, three the fourth
            assert client.pace.limit == 4
            await outcomes(client, 20)
            assert client.pace.limit == 4

    asyncio.run(story())


def test_nothing_is_sent_before_the_moment_the_server_asked_for() -> None:
    async def story() -> None:
        busy = plain("503 Loading", b"", Retry_After="1")
        async with served(busy, FINE, concurrency=2) as (server, client):
            clock = asyncio.get_running_loop().time
            await outcomes(client, 1)
            turned_away = clock()
            waiting = asyncio.create_task(client.chat(HELLO))
            given_up = asyncio.create_task(client.chat(HELLO))
            await asyncio.sleep(0.05)
            assert len(server.received) == 1
            given_up.cancel()
            assert (await waiting).text == "Hi"
            assert clock() - turned_away >= 0.99
            assert len(server.received) == 2

    asyncio.run(story())


def test_a_server_that_asks_for_an_hour_is_asked_again_after_the_longest_pause() -> None:
    async def story() -> None:
        busy = plain("429 Busy", b"", Retry_After="3600")
        async with ScriptedServer(busy, FINE) as server:
            endpoint = Endpoint(server.url, "tiny")
            async with ModelClient(endpoint, longest_pause_seconds=0.05) as client:
                with pytest.raises(ModelUnavailableError):
                    await client.chat(HELLO)
                assert (await client.chat(HELLO)).text == "Hi"

    asyncio.run(story())


def test_who_waits_is_told_in_the_turn_in_which_a_seat_is_free() -> None:
    async def story() -> None:
        seats, told = Seats(Pace(1)), asyncio.Event()

        async def wait() -> None:
            async with seats.seat(on_seated=told.set):
                assert seats.taken == 1

        async with seats.seat():
            waiting = asyncio.create_task(wait())
            await asyncio.sleep(0)
            assert not told.is_set()
        assert told.is_set()
        await waiting

    asyncio.run(story())


def test_a_complaint_is_about_the_number_at_which_the_question_was_sent() -> None:
    async def story() -> None:
        seats = Seats(Pace(4))

        async def turned_away() -> None:
            async with seats.seat():
                raise ModelUnavailableError("no", status=429)

        async with seats.seat(), seats.seat(), seats.seat():
            async with seats.seat():
                sent = asyncio.create_task(turned_away())
                await asyncio.sleep(0)
            seats.pace.balked(seats.pace.sent(), 0.0)  # another one, before this one's body begins
            await asyncio.gather(sent, return_exceptions=True)
            assert seats.pace.limit == 2

    asyncio.run(story())


@asynccontextmanager
async def sitting(seats: Seats, count: int) -> AsyncIterator[list[asyncio.Task[None]]]:
    """That many tasks that want a seat and keep it until they are cancelled."""

    async def sit() -> None:
        async with seats.seat():
            await asyncio.Event().wait()

    tasks = [asyncio.create_task(sit()) for _ in range(count)]
    await asyncio.sleep(0)
    yield tasks
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)


def test_cancelling_in_any_state_loses_no_seat() -> None:
    async def story() -> None:
        seats = Seats(Pace(2))
        async with sitting(seats, 5) as tasks:
            assert seats.taken == 2
            tasks[3].cancel()  # waits
            tasks[0].cancel()  # sits: the third is called, and cancelled before it hears that
            await asyncio.sleep(0)
            tasks[2].cancel()
            for _ in range(4):
                await asyncio.sleep(0)
            assert (seats.taken, tasks[4].done()) == (2, False)
        assert seats.taken == 0
        async with seats.seat(), seats.seat():
            assert seats.taken == 2

    asyncio.run(story())
