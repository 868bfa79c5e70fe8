"""What a streamed chat costs its caller: CPU milliseconds per request, by client.

A raw asyncio server in its own process answers every chat with 10 chunks, 1 ms apart. Each client
sends REQUESTS chats, CONCURRENCY at a time, over loopback; rounds are interleaved, medians are
printed, and no round starts after LATEST_START seconds. "floor" is aiohttp and json.loads with
nothing checked: no client on aiohttp can be cheaper.

    python benchmarks/model_client.py
"""

from __future__ import annotations

import asyncio
import json
import multiprocessing
import statistics
import time
from multiprocessing.connection import Connection

import aiohttp
import openai

from serving.client import ChatRequest, Endpoint, Message, ModelClient

REQUESTS, CONCURRENCY, ROUNDS, WORDS = 500, 32, 3, 10
LATEST_START = 25
HEAD = b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nTransfer-Encoding: chunked\r\n\r\n"
PROMPT = "A prompt of some length, as a real one has. " * 20


def event(choices, **more):
    chunk = {"id": "chatcmpl-1", "object": "chat.completion.chunk", "created": 1, "model": "tiny"}
    data = f"data: {json.dumps(chunk | {'choices': choices} | more)}\n\n".encode()
    return f"{len(data):x}\r\n".encode() + data + b"\r\n"


def choice(text, finish=None):
    return [{"index": 0, "delta": {"content": text}, "finish_reason": finish}]


USAGE = {"prompt_tokens": 200, "completion_tokens": WORDS, "total_tokens": 200 + WORDS}
CHUNKS = [event(choice("word ")) for _ in range(WORDS)]
END = event(choice(None, "stop")) + event([], usage=USAGE) + b"e\r\ndata: [DONE]\n\n\r\n0\r\n\r\n"


async def answer(reader, writer):
    try:
        while True:
            head = (await reader.readuntil(b"\r\n\r\n")).lower()
            length = head.split(b"content-length:")[1].split(b"\r\n")[0]
            await reader.readexactly(int(length))
            writer.write(HEAD)
            for chunk in CHUNKS:
                writer.write(chunk)
                await asyncio.sleep(0.001)
            writer.write(END)
    except (asyncio.IncompleteReadError, ConnectionError):
        writer.close()


def serve(ready: Connection):
    async def forever():
        server = await asyncio.start_server(answer, "127.0.0.1", 0, backlog=256)
        ready.send(server.sockets[0].getsockname()[1])
        await server.serve_forever()

    asyncio.run(forever())


async def run_all(one):
    """CPU seconds, wall seconds and the sorted seconds of each request."""
    seats, took = asyncio.Semaphore(CONCURRENCY), []

    async def seated():
        async with seats:
            started = time.perf_counter()
            text = await one()
            took.append(time.perf_counter() - started)
            assert text == "word " * WORDS

    cpu, wall = time.process_time(), time.perf_counter()
    await asyncio.gather(*(seated() for _ in range(REQUESTS)))
    return time.process_time() - cpu, time.perf_counter() - wall, sorted(took)


async def with_floor(url):
    body = {"model": "tiny", "messages": [{"role": "user", "content": PROMPT}], "stream": True}

    async def one():
        text = ""
        async with session.post(f"{url}/v1/chat/completions", json=body) as response:
            async for line in response.content:
                if line.startswith(b"data: {"):
                    for part in json.loads(line[6:])["choices"]:
                        text += part["delta"]["content"] or ""
        return text

    async with aiohttp.ClientSession(connector=aiohttp.TCPConnector(limit=0)) as session:
        return await run_all(one)


async def with_model_client(url):
    request = ChatRequest((Message("user", PROMPT),), {"temperature": 0})

    async def one():
        return (await client.chat(request)).text

    async with ModelClient(Endpoint(url, "tiny", concurrency=CONCURRENCY)) as client:
        return await run_all(one)


async def with_openai(url):
    async def one():
        text = ""
        stream = await client.chat.completions.create(
            model="tiny",
            messages=[{"role": "user", "content": PROMPT}],
            stream=True,
            stream_options={"include_usage": True},
            temperature=0,
        )
        async for chunk in stream:
            for part in chunk.choices:
                text += part.delta.content or ""
        return text

    async with openai.AsyncOpenAI(base_url=f"{url}/v1", api_key="none", max_retries=0) as client:
        return await run_all(one)


CLIENTS = {"floor (aiohttp)": with_floor, "ModelClient": with_model_client, "openai": with_openai}


def table(results):
    rounds = len(results["floor (aiohttp)"])
    print(f"{REQUESTS} chats of {WORDS} chunks, {CONCURRENCY} at once, median of {rounds} rounds")
    print(f"{'client':<18}{'CPU ms/request':>16}{'wall s':>9}{'p50 ms':>9}{'p99 ms':>9}{'x':>7}")
    floor = statistics.median(cpu for cpu, _, _ in results["floor (aiohttp)"])
    for name, rounds in results.items():
        cpu, wall = (statistics.median(column) for column in list(zip(*rounds, strict=True))[:2])
        p50 = statistics.median(took[REQUESTS // 2] for _, _, took in rounds) * 1000
        p99 = statistics.median(took[REQUESTS * 99 // 100] for _, _, took in rounds) * 1000
        per_request = cpu / REQUESTS * 1000
        print(
            f"{name:<18}{per_request:>16.2f}{wall:>9.2f}{p50:>9.1f}{p99:>9.1f}{cpu / floor:>7.1f}"
        )


def main():
    context = multiprocessing.get_context("spawn")
    ready, theirs = context.Pipe()
    server = context.Process(target=serve, args=(theirs,), daemon=True)
    server.start()
    try:
        url = f"http://127.0.0.1:{ready.recv()}"
        results = {name: [] for name in CLIENTS}
        begun = time.monotonic()
        for _ in range(ROUNDS):
            if time.monotonic() - begun > LATEST_START:
                break
            for name, client in CLIENTS.items():
                results[name].append(asyncio.run(client(url)))
        table(results)
    finally:
        server.terminate()
        server.join()


if __name__ == "__main__":
    main()
