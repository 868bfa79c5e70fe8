"""What a prefix cache saves an evaluation: one suite on a real vLLM, in four ways.

The suite has PREFIXES prompts that each begin with some 400 static tokens, and CASES short
questions for each. It is asked sorted by prefix, and shuffled; with the prefix cache, and without.
The cache holds few prefixes at once (CACHE_MIB), as with long prompts on a busy GPU: that is what
makes order matter. "floor" asks the questions without their prefixes: no cache can be better.
Every way has a fresh server, one at a time, and asks CONCURRENCY questions at once.

Prefill time saved: what the cached tokens would have cost at the rate at which the server computed
those it did not have, by vLLM's own clock (`request_prefill_time_seconds`; requests that share a
batch share its time). Not what a user waits less: TTFT has that.

    make test-vllm-short                # once, makes the environment
    python benchmarks/prefix_cache.py
"""

from __future__ import annotations

import asyncio
import random
import re
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

PREFIXES, CASES, CONCURRENCY, CACHE_MIB = 6, 6, 4, 48
_HEAD = "way wall_s prompt_tokens cached_tokens hit_rate ttft_p50_ms prefill_s saved_s".split()


@dataclass(frozen=True)
class Told:
    """What one way took: wall seconds, the answers, the server's own seconds of prefill."""

    wall: float
    answers: Sequence[ChatResponse]
    prefill: float

    @property
    def prompt(self) -> int:
        return sum(answer.prompt_tokens for answer in self.answers)

    @property
    def cached(self) -> int:
        return sum(answer.cached_tokens or 0 for answer in self.answers)

    def row(self, way: str) -> tuple[object, ...]:
        ttft = percentile([answer.ttft_ms or 0.0 for answer in self.answers], 50)
        saved = self.prefill / (self.prompt - self.cached) * self.cached
        share = f"{self.cached / self.prompt:.0%}"
        figures = (f"{self.wall:.1f}", self.prompt, self.cached, share)
        return (way, *figures, f"{ttft:.0f}", f"{self.prefill:.1f}", f"{saved:.1f}")


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
        before, started = await prefill_seconds(client), time.perf_counter()
        chats = [ChatRequest((Message("user", text),), parameters) for text in questions]
        answers = await asyncio.gather(*(client.chat(chat) for chat in chats))
        wall = time.perf_counter() - started
        return Told(wall, answers, await prefill_seconds(client) - before)


async def prefill_seconds(client: ModelClient) -> float:
    """What the server has spent on prompts since it started."""
    page = (await client.page("/metrics")).decode()
    found = re.search(r"(?m)^vllm:request_prefill_time_seconds_sum\{.*\} (\S+)$", page)
    assert found
    return float(found[1])


def main() -> None:
    """One server for each way."""
    environment = install.ENVIRONMENT
    if not install.is_ready(environment):
        raise SystemExit("vLLM is not installed: run `make test-vllm-short` first")
    folder = models.converted(environment, model.weights())
    ordered = suite(prefixed=True)
    shuffled = random.Random(1).sample(ordered, len(ordered))
    ways = {
        "ordered, cache on": (ordered, True),
        "shuffled, cache on": (shuffled, True),
        "ordered, cache off": (ordered, False),
        "shuffled, cache off": (shuffled, False),
        "floor: no prefixes": (suite(prefixed=False), False),
    }
    rows = []
    with tempfile.TemporaryDirectory() as logs:
        for number, (way, (questions, caching)) in enumerate(ways.items()):
            launch = Launch(
                model=str(folder),
                served_name="smollm2",
                revision=models.revision(folder),
                engine_version=install.version(environment),
                dtype="float32",
                max_context=1024,
                max_sequences=CONCURRENCY,
                kv_cache_bytes=CACHE_MIB * 2**20,
                prefix_caching=caching,
                host=ports.LOOPBACK,
                port=ports.free_port(),
            )
            recipe = Recipe(launch, environment, Path(logs) / f"{number}.log")
            with serving(recipe) as server:
                rows.append(asyncio.run(ask(server.url, questions)).row(way))
    show(f"{len(ordered)} questions, {CONCURRENCY} at once, {CACHE_MIB} MiB of cache", _HEAD, rows)


if __name__ == "__main__":
    main()
