"""What an evaluation costs beyond its model: wall time over the ideal, CPU, memory.

A local server answers every streamed chat 50 ms after it was asked (`fast_model.py`). The ideal is
cases / concurrency x 50 ms. "engine" is the real one, from `evals.engine.work` to the verdict in a
real PostgreSQL: the look at the server, the fingerprint twice, leases, rendering in the jail,
checks, stored results, statistics. The line below the table says when its worker was free again: it
keeps the answers for later runs and starts the jail of its next one. "bare sockets" (the floor:
asyncio, json.loads, and nothing else of HTTP than the end of an answer), "aiohttp" and
"ModelClient" only ask the same questions. Every measurement has a process of its own, as ready as a
worker between two tasks; rounds are interleaved, medians are printed. The processor time of the
rendering jails is shown apart ("jails"): it is spent on another core.

    python benchmarks/eval_overhead.py [CASES] [CONCURRENCY]
"""

from __future__ import annotations

import asyncio
import json
import statistics
import sys
import tempfile
import time
from dataclasses import replace
from pathlib import Path
from typing import cast

from fast_model import TEXT, fast_model
from own_database import Spent, in_fresh_process, own_database, spent_on
from table import show

_SECONDS, _ROUNDS = 0.05, 5  # in the first one the model is met: three measurements
_SYSTEM = "You are kind and brief, and you answer in one sentence. " * 10


def main(cases: int, concurrency: int) -> None:
    """Every round with every way to ask."""
    ways = {"bare sockets": ask_bare, "aiohttp": ask_aiohttp, "ModelClient": ask}
    results: dict[str, list[Spent]] = {name: [] for name in (*ways, "engine")}
    planning: list[Spent] = []
    free: list[float] = []
    with (
        tempfile.TemporaryDirectory() as data,
        fast_model(_SECONDS) as url,
        own_database(Path(data)),
    ):
        in_fresh_process(publish, url, cases, concurrency)
        for number in range(_ROUNDS):
            for name, way in ways.items():
                results[name].append(in_fresh_process(way, url, cases, concurrency))
            run, planned = in_fresh_process(plan, f"prompt-{number}")
            planning.append(planned)
            spent, verdict_after = in_fresh_process(evaluate, run, cases)
            free.append(spent.wall)
            results["engine"].append(replace(spent, wall=verdict_after))
    report(results, cases, concurrency)
    ideal = cases / concurrency * _SECONDS
    free_after = statistics.median(free)
    print(f"the engine's worker is free again after {free_after:.2f} s, {free_after / ideal:.2f}")
    print(f"planning {cases} cases (start_run): {median(planning, 'wall'):.2f} s")


def report(results: dict[str, list[Spent]], cases: int, concurrency: int) -> None:
    """The table of medians."""
    ideal = cases / concurrency * _SECONDS
    rows = [
        (
            name,
            f"{median(rounds, 'wall'):.2f}",
            f"{median(rounds, 'wall') / ideal:.2f}",
            f"{median(rounds, 'own_cpu') / cases * 1000:.2f}",
            f"{median(rounds, 'children_cpu') / cases * 1000:.2f}",
            f"{median(rounds, 'peak_mb'):.0f}",
        )
        for name, rounds in results.items()
    ]
    show(
        f"{cases} cases, {concurrency} at once, ideal {ideal:.2f} s, median of {_ROUNDS} rounds",
        ("way", "wall s", "x ideal", "CPU ms/case", "jails ms/case", "peak MB"),
        rows,
    )


def median(rounds: list[Spent], figure: str) -> float:
    """Of one figure over the rounds."""
    return statistics.median(getattr(spent, figure) for spent in rounds)


def publish(url: str, cases: int, concurrency: int) -> None:
    """One prompt a round, each with cases of its own, so that no answer can come from a cache."""
    from django.core.management import call_command
    from django.db import transaction
    from django.utils import timezone

    from evals.follow import follow_repository
    from registry.domain.change import RepositoryChange
    from registry.domain.repository import parse_repository
    from registry.sync.applying import apply_change

    call_command("migrate", verbosity=0)
    files = repository(url, cases, concurrency)
    parsed = parse_repository(files)
    assert not parsed.findings, parsed.findings
    change = RepositoryChange("c" * 40, files, parsed, timezone.now())
    with transaction.atomic():
        apply_change(change)
        assert not follow_repository(change)


def repository(url: str, cases: int, concurrency: int) -> object:
    """The files of it."""
    from registry.domain.files import MemoryFiles

    pin = {"served_id": "fast", "revision": "r1", "base_url": url, "concurrency": concurrency}
    texts = {
        "models.yaml": json.dumps({"models": {"fast": pin}}),
        "gates.yaml": json.dumps({"policies": {"gate": {}}, "tags": {"stable": "gate"}}),
    }
    for number in range(_ROUNDS):
        name = f"prompt-{number}"
        head = "---\ntype: chat\nvariables:\n  question: {type: string}\n---\n"
        texts |= {
            f"prompts/{name}/prompt.yaml": json.dumps({"suites": [name], "model": "fast"}),
            f"prompts/{name}/v1.jinja2": head
            + f'{{% chat role="system" %}}{_SYSTEM}{{% endchat %}}'
            + '{% chat role="user" %}{{ question }}{% endchat %}',
            f"suites/{name}.yaml": json.dumps(
                {
                    "dataset": f"datasets/{name}.jsonl",
                    "checks": [{"type": "exact"}, {"type": "contains", "value": "happy"}],
                }
            ),
            f"datasets/{name}.jsonl": "\n".join(
                json.dumps({"id": f"c{i}", "variables": {"question": q}, "expected": TEXT})
                for i, q in enumerate(questions(cases, name))
            ),
        }
    return MemoryFiles({path: text.encode() for path, text in texts.items()})


def questions(cases: int, name: str) -> list[str]:
    """Of some length, and all different."""
    ticket = "The parcel came a day early and everything in it was whole. " * 4
    return [f"{name}: ticket {number}. {ticket}Is the customer happy?" for number in range(cases)]


def plan(prompt: str) -> tuple[object, Spent]:
    """A run's id, and what planning took. The run will measure the model's fingerprint before its
    first answer too: what was measured a moment ago would do.
    """
    from datetime import timedelta

    from django.db.models import F
    from django.utils import timezone

    from evals import runs
    from registry.domain.actor import Actor, Role
    from registry.models import ModelVersion

    ModelVersion.objects.update(fingerprint_at=F("fingerprint_at") - timedelta(minutes=1))

    started: list[object] = []

    def start() -> None:
        run = runs.start_run(
            prompt=prompt,
            version=1,
            model=None,
            tag="stable",
            actor=Actor("user:bench", Role.EDITOR.scopes),
            now=timezone.now(),
        )
        started.append(run.pk)

    spent = spent_on(start)
    return started[0], spent


def evaluate(run: object, cases: int) -> tuple[Spent, float]:
    """Work on the run as Celery's worker does: what it took, and the seconds until the verdict was
    there for everybody.
    """
    from django.db import transaction
    from django.db.models.signals import post_save

    from evals import engine, queries
    from evals.models import EvalRun

    there: list[float] = []

    def saved(instance: EvalRun, **_: object) -> None:
        if instance.status == EvalRun.Status.FINISHED:
            transaction.on_commit(lambda: there.append(time.perf_counter()))

    post_save.connect(saved, EvalRun)
    began = time.perf_counter()
    spent = spent_on(lambda: engine.work(run))
    done = queries.run(run)
    assert (done.verdict, done.done, done.errors) == ("PASS", cases, 0), done.reasons
    assert done.completion_tokens == 7 * cases
    [verdict] = there
    return spent, verdict - began


def ask(url: str, cases: int, concurrency: int) -> Spent:
    """With the client alone."""
    from serving.client import ChatRequest, Endpoint, Message, ModelClient

    async def every() -> None:
        async with ModelClient(Endpoint(url, "fast", concurrency=concurrency)) as client:

            async def one(question: str) -> None:
                chat = ChatRequest((Message("system", _SYSTEM), Message("user", question)))
                assert (await client.chat(chat)).text == TEXT

            await asyncio.gather(*map(one, questions(cases, "client")))

    return spent_on(lambda: asyncio.run(every()))


def ask_aiohttp(url: str, cases: int, concurrency: int) -> Spent:
    """With aiohttp and json.loads, and nothing checked: no client on aiohttp can be cheaper."""
    import aiohttp

    async def every() -> None:
        seats = asyncio.Semaphore(concurrency)

        async def one(question: str) -> None:
            text, body = "", chat_of(question)
            async with seats, session.post(f"{url}/v1/chat/completions", data=body) as response:
                async for line in response.content:
                    text += word_in(line)
            assert text == TEXT

        async with aiohttp.ClientSession(connector=aiohttp.TCPConnector(limit=0)) as session:
            await asyncio.gather(*map(one, questions(cases, "bare")))

    return spent_on(lambda: asyncio.run(every()))


class _Bare(asyncio.Protocol):
    """A connection on which an answer ends with its last chunk."""

    got = b""
    answer: asyncio.Future[bytes]

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = cast("asyncio.Transport", transport)

    def data_received(self, data: bytes) -> None:
        self.got += data
        if self.got.endswith(b"\r\n0\r\n\r\n"):
            got, self.got = self.got, b""
            self.answer.set_result(got)


def ask_bare(url: str, cases: int, concurrency: int) -> Spent:
    """With sockets, json.loads and nothing else: no client on asyncio can be cheaper."""

    async def every() -> None:
        loop = asyncio.get_running_loop()
        waiting = iter(questions(cases, "bare"))
        host, port = url.removeprefix("http://").split(":")

        async def seat() -> None:
            _, connection = await loop.create_connection(_Bare, host, int(port))
            for question in waiting:
                body = chat_of(question)
                head = f"POST /v1/chat/completions HTTP/1.1\r\nContent-Length: {len(body)}\r\n\r\n"
                connection.answer = loop.create_future()
                connection.transport.write(head.encode() + body)
                lines = (await connection.answer).splitlines()
                assert "".join(map(word_in, lines)) == TEXT
            connection.transport.close()

        await asyncio.gather(*(seat() for _ in range(concurrency)))

    return spent_on(lambda: asyncio.run(every()))


def chat_of(question: str) -> bytes:
    """The body of a request."""
    chat = [("system", _SYSTEM), ("user", question)]
    messages = [{"role": role, "content": content} for role, content in chat]
    return json.dumps({"model": "fast", "messages": messages, "stream": True}).encode()


def word_in(line: bytes) -> str:
    """What a line of a stream adds to the answer."""
    if not line.startswith(b"data: {"):
        return ""
    choices = json.loads(line[6:])["choices"]
    return "".join(part["delta"].get("content") or "" for part in choices)


if __name__ == "__main__":
    main(*[int(word) for word in sys.argv[1:3]] or (2000, 64))
