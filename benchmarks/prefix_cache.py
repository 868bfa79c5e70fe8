"""What a prefix cache saves an evaluation: one suite on a real vLLM, in four ways.

The suite has PREFIXES prompts that each begin with some 300 static tokens, and CASES short
questions for each. It is asked sorted by prefix, and shuffled; with the prefix cache, and without.
The cache holds about half of the prefixes at once (CACHE_MIB), as with long prompts on a busy GPU:
that is what makes order matter. "floor" asks the questions without their prefixes: no cache can be
better. CONCURRENCY questions are asked at once, for two tokens each: it is prefill that is timed.
Every way with the cache has a fresh server; there is one server at a time.

"saved" is wall time, measured: the same order without the cache, less this one.

    make test-vllm-short                # once, makes the environment
    python benchmarks/prefix_cache.py
"""

from __future__ import annotations

import asyncio
import random
import sys
import tempfile
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from table import percentile, show

from config.embedded import model, ports
from serving.client import ChatRequest, ChatResponse, Endpoint, Message, ModelClient
from serving.launch import Launch
from tests.vllm import install, models
from tests.vllm.server import Recipe, serving

PREFIXES, CASES, CONCURRENCY, CACHE_MIB = 10, 4, 2, 64
_HEAD = "way wall_s prompt_tokens cached_tokens hit_rate ttft_p50_ms saved_s".split()


@dataclass(frozen=True)
class Told:
    """What one way took: wall seconds, and the answers."""

    wall: float
    answers: Sequence[ChatResponse]

    @property
    def prompt(self) -> int:
        return sum(answer.prompt_tokens for answer in self.answers)

    @property
    def cached(self) -> int:
        return sum(answer.cached_tokens or 0 for answer in self.answers)

    def row(self, way: str, uncached: Told | None) -> tuple[object, ...]:
        """A line of the table."""
        ttft = percentile([answer.ttft_ms or 0.0 for answer in self.answers], 50)
        share = f"{self.cached / self.prompt:.0%}"
        saved = "" if uncached is None else f"{uncached.wall - self.wall:.1f}"
        return (way, f"{self.wall:.1f}", self.prompt, self.cached, share, f"{ttft:.0f}", saved)


def suite(*, prefixed: bool) -> list[str]:
    """The questions, sorted by prefix."""
    found = []
    for prefix in range(PREFIXES):
        rules = [f"Rule {prefix}{n}: be brief and kind to customer {n}." for n in range(17)]
        head = "\n".join(rules) + "\n" if prefixed else ""
        found += [f"{head}What is {prefix} plus {case}?" for case in range(CASES)]
    return found


async def ask(url: str, questions: Sequence[str]) -> Told:
    """All of them, in this order, CONCURRENCY at a time."""
    endpoint = Endpoint(url, "smollm2", concurrency=CONCURRENCY, timeout_seconds=300)
    parameters = {"temperature": 0, "max_tokens": 2}
    async with ModelClient(endpoint) as client:
        await client.chat(ChatRequest((Message("user", "Hello"),), parameters))  # kernels warm up
        started = time.perf_counter()
        chats = [ChatRequest((Message("user", text),), parameters) for text in questions]
        answers = await asyncio.gather(*(client.chat(chat) for chat in chats))
        return Told(time.perf_counter() - started, answers)


def launched(number: int, *, caching: bool, folder: Path, logs: Path) -> Recipe:
    """A server for this benchmark."""
    launch = Launch(
        model=str(folder),
        served_name="smollm2",
        revision=models.revision(folder),
        engine_version=install.version(install.ENVIRONMENT),
        dtype="float32",
        max_context=1024,
        max_sequences=CONCURRENCY,
        kv_cache_bytes=CACHE_MIB * 2**20,
        prefix_caching=caching,
        host=ports.LOOPBACK,
        port=ports.free_port(),
    )
    return Recipe(launch, install.ENVIRONMENT, logs / f"{number}.log")


def main() -> None:
    """Servers one after the other, and the table."""
    if not install.is_ready(install.ENVIRONMENT):
        raise SystemExit("vLLM is not installed: run `make test-vllm-short` first")
    folder = models.converted(install.ENVIRONMENT, model.weights())
    ordered = suite(prefixed=True)
    shuffled = random.Random(1).sample(ordered, len(ordered))
    bare = suite(prefixed=False)
    servers = [
        (False, {"ordered, off": ordered, "shuffled, off": shuffled, "floor: no prefixes": bare}),
        (True, {"ordered, on": ordered}),
        (True, {"shuffled, on": shuffled}),
    ]
    told: dict[str, Told] = {}
    with tempfile.TemporaryDirectory() as logs:
        for number, (caching, ways) in enumerate(servers):
            recipe = launched(number, caching=caching, folder=folder, logs=Path(logs))
            with serving(recipe) as server:
                for way, questions in ways.items():
                    told[way] = asyncio.run(ask(server.url, questions))
    rows = [
        one.row(way, told.get(way.replace(", on", ", off")) if way.endswith(", on") else None)
        for way, one in told.items()
    ]
    show(f"{len(ordered)} questions, {CONCURRENCY} at once, {CACHE_MIB} MiB of cache", _HEAD, rows)


if __name__ == "__main__":
    main()
