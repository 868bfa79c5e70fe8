"""What a prefix cache saves an evaluation, and what order and waiting have to do with it: one suite
on a real vLLM, in several ways.

The suite has DOCUMENTS documents with QUESTIONS questions about each, all behind the same rules:
two prefixes in one another, of some 250 and 500 tokens. It is asked as a run asks it (sorted by
what the prompts say, the first about each document before the others, through `Conversation`);
sorted, but all at once; and in an order that knows nothing of documents. The cache holds about half
of the documents (CACHE_MIB), as with long prompts on a busy GPU: that is what makes order matter.
"floor" asks the questions alone: no cache can be better. CONCURRENCY questions are asked at once,
for two tokens each: it is prefill that is timed. Each way begins with words of its own, so no way
finds what another left behind.

"saved" is wall time, measured: without the cache, less this one. "estimate" is what a run's report
makes of the answers' times to the first token (`evals.domain.prefill`).

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
from evals.conversation import Conversation, Patience
from evals.domain.prefill import Timed, prefill_saved
from serving.client import ChatRequest, ChatResponse, Endpoint, Message, ModelClient
from serving.launch import Launch
from tests.vllm import install, models
from tests.vllm.server import Recipe, serving

DOCUMENTS, QUESTIONS, CONCURRENCY, CACHE_MIB = 12, 4, 4, 192
_PARAMETERS = {"temperature": 0, "max_tokens": 2}
_HEAD = "way wall_s prompt_tokens cached_tokens hit_rate ttft_p50_ms saved_s estimate_s".split()


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
        told = (way, f"{self.wall:.1f}", self.prompt, self.cached, share, f"{ttft:.0f}", saved)
        return (*told, "" if uncached is None else self.estimate)

    @property
    def estimate(self) -> str:
        """The prefill saved, as a report has it. In a run each question is a case."""
        timed = [
            Timed(
                str(number), answer.ttft_ms or 0.0, answer.prompt_tokens, answer.cached_tokens or 0
            )
            for number, answer in enumerate(self.answers)
        ]
        found = prefill_saved(timed)
        if isinstance(found, str):
            return "not known"
        return f"{found.seconds:.1f} ({found.interval[0]:.1f}-{found.interval[1]:.1f})"


def suite(way: str, *, prefixed: bool = True) -> list[str]:
    """The questions, sorted."""
    rules = "".join(f"{way}, rule {n}: be brief and kind to customer {n}.\n" for n in range(14))
    found = []
    for document in range(DOCUMENTS):
        lines = (f"Order {document}{n}: {n} lamps and {document} tables, sent." for n in range(22))
        head = rules + "\n".join(lines) + "\n" if prefixed else ""
        found += [f"{head}What is {document} plus {n}?" for n in range(QUESTIONS)]
    return found


def shuffled(questions: Sequence[str]) -> list[str]:
    """In an order that is always the same."""
    return random.Random(1).sample(questions, len(questions))


async def at_once(endpoint: Endpoint, questions: Sequence[str]) -> Sequence[ChatResponse]:
    """All of them, in this order, whoever has a seat."""
    async with ModelClient(endpoint) as client:
        return await asyncio.gather(*(client.chat(chat(text)) for text in questions))


def as_a_run(endpoint: Endpoint, questions: Sequence[str]) -> Sequence[ChatResponse]:
    """All of them, as the worker of a run puts them."""
    answers: dict[int, ChatResponse] = {}
    with Conversation(endpoint, Patience()) as talk:
        for number, text in enumerate(questions):
            talk.ask(number, chat(text))
        while len(answers) < len(questions):
            asked = talk.next(600)
            if asked is None or asked.response is None:
                raise SystemExit(f"no answer: {asked}")
            answers[asked.ticket] = asked.response
    return list(answers.values())


def chat(text: str) -> ChatRequest:
    """One question."""
    return ChatRequest((Message("user", text),), _PARAMETERS)


def told(url: str, questions: Sequence[str], *, waits: bool = False) -> Told:
    """Ask them, after one that warms up the kernels."""
    endpoint = Endpoint(url, "smollm2", concurrency=CONCURRENCY, timeout_seconds=300)
    asyncio.run(at_once(endpoint, ["Hello"]))
    started = time.perf_counter()
    ask = as_a_run if waits else lambda *given: asyncio.run(at_once(*given))
    answers = ask(endpoint, questions)
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
    rows, found = [], {}
    with tempfile.TemporaryDirectory() as logs:
        recipe = launched(0, caching=False, folder=folder, logs=Path(logs))
        with serving(recipe) as server:
            found["off, sorted"] = told(server.url, suite("off"))
            found["off, floor: questions alone"] = told(server.url, suite("", prefixed=False))
        recipe = launched(1, caching=True, folder=folder, logs=Path(logs))
        with serving(recipe) as server:
            for go in "12":
                found[f"on, any order ({go})"] = told(server.url, shuffled(suite(f"any{go}")))
                found[f"on, sorted, all at once ({go})"] = told(server.url, suite(f"once{go}"))
                found[f"on, as a run asks ({go})"] = told(server.url, suite(f"run{go}"), waits=True)
    off = found["off, sorted"]
    rows = [one.row(way, off if way.startswith("on") else None) for way, one in found.items()]
    title = f"{DOCUMENTS} documents, {QUESTIONS} questions each, {CONCURRENCY} at once"
    show(f"{title}, {CACHE_MIB} MiB of cache", _HEAD, rows)


if __name__ == "__main__":
    main()
