"""What the prefix cache saved: the same tokens in `usage`, in /metrics and in the run's report."""

from __future__ import annotations

import asyncio
import json
from itertools import count

import pytest
from django.utils import timezone

from evals.domain.latency import CANDIDATE, LatencySpec
from evals.latency_phase import endpoint_for, run_phase
from registry.domain.actor import Actor
from serving.client import ChatRequest, ChatResponse, Endpoint, Message, ModelClient
from serving.metrics import PrefixCacheCounters, read_prefix_cache
from tests.integration.evals.test_runs_as_reports import report
from tests.vllm.conftest import Running
from tests.vllm.questions import asking, evaluated, pin, results

#: Tokens of a block on a CPU: only whole ones are kept and found.
BLOCK = 128
_fresh = count(int(timezone.now().timestamp()))


def prefix() -> str:
    """Some 300 tokens, so two whole blocks, that no earlier question began with."""
    nth = next(_fresh)
    rules = (f"Rule {nth + 7 * line}: be brief and kind to customer {line}." for line in range(13))
    return "\n".join(rules)


def counters(url: str) -> PrefixCacheCounters:
    async def read() -> PrefixCacheCounters | None:
        async with ModelClient(Endpoint(url, "smollm2")) as client:
            return await read_prefix_cache(client)

    found = asyncio.run(read())
    assert found is not None
    return found


def asked(url: str, *questions: str) -> list[ChatResponse]:
    """One after the other."""

    async def ask() -> list[ChatResponse]:
        async with ModelClient(Endpoint(url, "smollm2", timeout_seconds=300)) as client:
            parameters = {"temperature": 0, "max_tokens": 2}
            chats = [ChatRequest((Message("user", text),), parameters) for text in questions]
            return [await client.chat(chat) for chat in chats]

    return asyncio.run(ask())


def test_a_warm_prefix_is_told_alike_by_usage_and_metrics(vllm: Running) -> None:
    shared, before = prefix(), counters(vllm.url)
    cold, warm = asked(vllm.url, f"{shared}\nWho are you?", f"{shared}\nWhat is a lamp?")
    assert cold.cached_tokens == 0
    assert warm.cached_tokens == warm.prompt_tokens // BLOCK * BLOCK == 2 * BLOCK
    counted = counters(vllm.url).since(before)
    assert counted == PrefixCacheCounters(cold.prompt_tokens + warm.prompt_tokens, 2 * BLOCK)


@pytest.mark.django_db
def test_a_run_warms_its_prefix_once_and_the_report_says_what_that_saved(
    vllm: Running, editor: Actor
) -> None:
    template = f"{prefix()}\nMessage: {{{{ question }}}}\nAnswer:"
    suite = {"checks": [{"type": "regex", "pattern": r"\S"}]}
    repository = asking(
        vllm.recipe.launch, vllm.url, template, {"temperature": 0, "max_tokens": 2}, suite=suite
    )
    repository.publish()
    before = counters(vllm.url)
    run = evaluated(editor)
    counted = counters(vllm.url).since(before)
    assert run.verdict == "PASS", run.reasons
    found = sorted(result.cached_tokens or 0 for result in results(run).values())
    # The first question, alone, warms the cache for all others, however many are asked at once.
    assert found == [0] + [2 * BLOCK] * (len(found) - 1)
    assert counted is not None
    assert counted.hits == sum(found)  # the fingerprint's questions are shorter than a block
    assert counted.queries > run.prompt_tokens
    usage = report(run.pk).usage
    assert usage.prompt_tokens == run.prompt_tokens
    assert usage.prefix_cache is not None
    assert usage.prefix_cache.cached_tokens == sum(found)
    assert usage.prefix_cache.rate == pytest.approx(sum(found) / run.prompt_tokens)


def documents() -> list[str]:
    """Texts of four blocks and more, fourteen of them: twice what the cache holds."""
    nth = next(_fresh)
    return [
        "\n".join(f"Order {nth}-{number}-{line}: lamps and tables, sent." for line in range(32))
        for number in range(14)
    ]


@pytest.mark.slow  # some 25,000 tokens are computed, twice over
@pytest.mark.django_db
def test_a_run_hits_what_the_stored_order_would_have_pushed_out(
    vllm: Running, editor: Actor
) -> None:
    """Two questions about each document: the file has all the first ones before the second ones."""
    questions = ("What is it?", "Who is it for?")
    parameters = {"temperature": 0, "max_tokens": 2}
    before, texts = documents(), documents()
    stored = asked(vllm.url, *(f"{text}\n{ask}" for ask in questions for text in before))
    rows = [
        {"id": f"{text}-{question}", "variables": {"document": texts[text], "question": ask}}
        for question, ask in enumerate(questions)
        for text in range(len(texts))
    ]
    head = {"variables": {"question": {"type": "string"}, "document": {"type": "string"}}}
    version = f"---\n{json.dumps(head | {'parameters': parameters})}\n---\n"
    suite = {"checks": [{"type": "regex", "pattern": r"\S"}]}
    repository = asking(vllm.recipe.launch, vllm.url, "{{ question }}", parameters, suite=suite)
    models = {"tiny": pin(vllm.recipe.launch, vllm.url, concurrency=4)}
    more = {
        **repository.more,
        "models.yaml": json.dumps({"models": models}).encode(),
        "prompts/oracle/v1.jinja2": f"{version}{{{{ document }}}}\n{{{{ question }}}}".encode(),
        "datasets/oracle.jsonl": "\n".join(map(json.dumps, rows)).encode(),
    }
    repository.with_(more=more).publish()
    run = evaluated(editor)
    assert run.verdict == "PASS", run.reasons
    found = [result.cached_tokens or 0 for result in results(run).values()]
    assert sum(found) > sum(answer.cached_tokens or 0 for answer in stored)
    # Of each document the second question finds every whole block of it.
    assert sum(tokens >= 4 * BLOCK for tokens in found) == len(texts)


def test_the_latency_phase_reports_the_server_s_own_count(vllm: Running) -> None:
    shared = prefix()
    spec = LatencySpec(concurrency=(2,), requests=4, warmup=1, max_tokens=2)
    chats = [
        ChatRequest((Message("user", f"{shared}\nQuestion {number}?"),), {"temperature": 0})
        for number in range(5)
    ]

    async def phase():
        endpoint = endpoint_for(Endpoint(vllm.url, "smollm2", timeout_seconds=300), spec)
        async with ModelClient(endpoint) as client:
            return await run_phase(client, spec, {CANDIDATE: chats}, engine="vllm")

    report = asyncio.run(phase())
    [level] = report.levels
    timings = level.arms[0].timings
    assert level.prefix_cache is not None
    assert level.prefix_cache.hits == sum(t.cached_tokens or 0 for t in timings) == 4 * 2 * BLOCK
    assert level.prefix_cache.queries == sum(t.prompt_tokens for t in timings)
    assert {t.output_tokens for t in timings} == {2}  # vLLM keeps to `ignore_eos`
