"""Does the fingerprint notice what changed, and nothing else? On the demo engine.

SmolLM2-135M behind llama.cpp's server is measured once. Then servers of changed copies of it are
compared with that, REPEATS times each; and servers of the unchanged model after restarts, with
other thread counts and slots, under load and after load, together ALARMS times. The answers are
those of `serving.fingerprint.confirm`, which is what runs and scheduled probes use; a server that
was found changed is looked at again for the other repeats, which takes a fifth of the time.

    python benchmarks/drift.py [REPEATS] [ALARMS]
"""

from __future__ import annotations

import asyncio
import math
import statistics
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import TypeVar

import other_weights as other
from table import show

from config.embedded import ports
from config.embedded.model import ALIAS, base_url, weights
from core.errors import AssayError
from serving.client import ChatRequest, Endpoint, Message, ModelClient
from serving.fingerprint import Comparison, Fingerprint, confirm, glance, measure

T = TypeVar("T")
#: A changed copy is served so often anew; the rest of its repeats ask a server that runs.
_STARTS = 4
_WORDS = "the refund for order nine is late please answer soon".split()
_ENUM = {"type": "string", "enum": ["positive", "negative", "neutral"]}
_GRAMMAR = {"type": "json_schema", "json_schema": {"name": "label", "schema": _ENUM}}


@dataclass
class Row:
    """What the comparisons of one line of the table said."""

    states: Counter[str] = field(default_factory=Counter)
    distances: list[float] = field(default_factory=list)

    def add(self, found: Comparison) -> None:
        """One more comparison."""
        self.states[found.state] += 1
        self.distances.append(found.distance)

    def glanced(self, away: float, known: Fingerprint) -> None:
        """One more look at a server that was compared."""
        self.states["changed" if away > known.tolerance else "same"] += 1
        self.distances.append(away)

    def cells(self) -> tuple[str, ...]:
        """Comparisons, those that said changed, same and cannot tell, and the distances."""
        finite = [each for each in self.distances if math.isfinite(each)]
        apart = f"{min(finite):.4f} to {max(finite):.4f}" if finite else "too little in common"
        states = (self.states[state] for state in ("changed", "same", "cannot tell"))
        return (str(len(self.distances)), *map(str, states), apart)


@contextmanager
def server(model: Path, *, slots: int = 4, threads: int = 1) -> Iterator[str]:
    """The demo engine with these weights: its address once it answers."""
    port = ports.free_port()
    argv = [sys.executable, "-m", "serving.llamacpp", "--model", str(model), "--port", str(port)]
    argv += ["--alias", ALIAS, "--slots", str(slots), "--threads", str(threads)]
    with subprocess.Popen(argv, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as process:
        try:
            while not ports.responds(ports.LOOPBACK, port, "/health"):
                if process.poll() is not None:
                    raise SystemExit(f"the server of {model} ended")
                time.sleep(0.05)
            yield base_url(port)
        finally:
            process.terminate()


def with_client(url: str, story: Callable[[ModelClient], Awaitable[T]]) -> T:
    """What the story makes of a client of that server."""

    async def told() -> T:
        async with ModelClient(Endpoint(url, ALIAS, concurrency=4)) as client:
            return await story(client)

    return asyncio.run(told())


def compared(url: str, known: Fingerprint) -> Comparison:
    """One confirmation."""
    return with_client(url, lambda client: confirm(client, known))


async def load(client: ModelClient, chats: int, seed: int) -> None:
    """Chats of many lengths, every fourth longer than any probe, every second one with a grammar,
    as many at once as seats.
    """

    async def one(turn: int) -> None:
        length = 90 + turn if turn % 4 == 3 else 1 + turn % 17
        text = " ".join(_WORDS[(seed + step * turn) % len(_WORDS)] for step in range(length))
        shape = {"response_format": _GRAMMAR} if turn % 2 else {}
        parameters = {"temperature": 0, "max_tokens": 2 + turn % 7} | shape
        await client.chat(ChatRequest((Message("user", text),), parameters))

    await asyncio.gather(*(one(turn) for turn in range(chats)))


async def confirm_under_load(client: ModelClient, known: Fingerprint) -> Comparison:
    """While other chats go on all the time."""

    async def busy() -> None:
        async with ModelClient(client.endpoint) as other_client:
            for seed in range(1000):
                await load(other_client, 16, seed)

    chatter = asyncio.create_task(busy())
    try:
        return await confirm(client, known)
    finally:
        chatter.cancel()
        await asyncio.gather(chatter, return_exceptions=True)


def changes(scratch: Path) -> dict[str, Callable[[int], Path]]:
    """Name -> the file of the n-th server; made when it is needed."""
    made: dict[str, Path] = {}

    def once(name: str, make: Callable[[Path], None]) -> Callable[[int], Path]:
        def file(_number: int) -> Path:
            if name not in made:
                made[name] = scratch / f"{name}.gguf"
                make(made[name])
            return made[name]

        return file

    def flipped(share: float) -> Callable[[int], Path]:
        def file(number: int) -> Path:
            other.with_flipped_bits(weights(), scratch / "flipped.gguf", share, number)
            return scratch / "flipped.gguf"

        return file

    return {
        "lowest bit of 0.03 % of the weights": flipped(0.0003),
        "lowest bit of 0.4 % of the weights": flipped(0.004),
        "Q8_0 in place of Q4_1": once("q8", lambda to: other.quantised(weights(), to, "Q8_0")),
        "Q4_0 in place of Q4_1": once("q4", lambda to: other.quantised(weights(), to, "Q4_0")),
        "one word of the default system prompt": once(
            "rude", lambda to: other.with_template(weights(), to, other.RUDE_TEMPLATE)
        ),
        "template without default system prompt": once(
            "bare", lambda to: other.with_template(weights(), to, other.BARE_TEMPLATE)
        ),
        "tokenizer with a tenth fewer merges": once(
            "merges", lambda to: other.with_fewer_merges(weights(), to, 0.9)
        ),
    }


def watch_changes(known: Fingerprint, repeats: int, scratch: Path) -> dict[str, Row]:
    """Every change so often, on several servers."""
    rows: dict[str, Row] = {}
    for name, file in changes(scratch).items():
        row = rows[name] = Row()
        for start in range(_STARTS):
            with server(file(start)) as url:
                row.add(compared(url, known))
                for _ in range(start + _STARTS, repeats, _STARTS):
                    row.glanced(with_client(url, lambda client: glance(client, known)), known)
        print(f"  {name}: {dict(row.states)}", flush=True)
    return rows


def watch_no_change(known: Fingerprint, count: int) -> dict[str, Row]:
    """The same model in so many moments, equally many of each kind."""
    rows = {
        name: Row() for name in ("restart", "2 threads", "1 or 8 slots", "after load", "under load")
    }
    for number in range(max(1, count // len(rows))):
        with server(weights()) as url:
            rows["restart"].add(compared(url, known))
            with_client(url, lambda client, seed=number: load(client, 16, seed))  # type: ignore[misc]
            rows["after load"].add(compared(url, known))
            under = with_client(url, lambda client: confirm_under_load(client, known))
            rows["under load"].add(under)
        with server(weights(), threads=2) as url:
            rows["2 threads"].add(compared(url, known))
        with server(weights(), slots=(1, 8)[number % 2]) as url:
            rows["1 or 8 slots"].add(compared(url, known))
    return rows


def main(repeats: int, alarms: int) -> None:
    """Both tables."""
    began = time.perf_counter()
    with server(weights()) as url:
        known = with_client(url, measure)
        met = time.perf_counter()
        looks = []
        for _ in range(5):
            started = time.perf_counter()
            compared(url, known)
            looks.append(time.perf_counter() - started)
    print(
        f"spread of repeats {known.spread:.4f} nats, tolerance {known.tolerance:.4f}; "
        f"met in {met - began:.1f} s with its start, confirmed in {statistics.median(looks):.2f} s"
    )
    with tempfile.TemporaryDirectory() as scratch:
        changed = watch_changes(known, repeats, Path(scratch))
    unchanged = watch_no_change(known, alarms)
    head = ("what", "comparisons", "changed", "same", "cannot tell", "distance, nats")
    show("changed", head, [(name, *row.cells()) for name, row in changed.items()])
    show("not changed", head, [(name, *row.cells()) for name, row in unchanged.items()])
    print(f"\n{time.perf_counter() - began:.0f} s in all")


if __name__ == "__main__":
    try:
        main(*(int(word) for word in [*sys.argv[1:], *["20", "100"][len(sys.argv) - 1 :]]))
    except AssayError as error:
        raise SystemExit(error.message) from error
