"""The latency phase against a streaming server: what is sent, in which order, what is kept."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Mapping, Sequence
from typing import Any

import pytest

from evals.domain.latency import (
    BASELINE,
    CANDIDATE,
    LatencyErrorsError,
    LatencyReport,
    LatencySpec,
    Slo,
)
from evals.latency_phase import LatencyInputError, endpoint_for, run_phase
from serving.client import ChatRequest, Endpoint, Message, ModelClient
from tests.integration.evals.latency_server import LatencyServer
from tests.integration.serving.llama_server import llama

QUICK = LatencySpec(concurrency=(1,), requests=6, warmup=2, max_tokens=3, max_seconds=60)


def questions(arm: str, count: int = 20, **parameters: Any) -> tuple[ChatRequest, ...]:
    return tuple(
        ChatRequest((Message("user", f"{arm}{number}"),), parameters) for number in range(count)
    )


def both(count: int = 20) -> dict[str, tuple[ChatRequest, ...]]:
    return {CANDIDATE: questions("c", count), BASELINE: questions("b", count)}


async def phase(
    url: str,
    spec: LatencySpec = QUICK,
    arms: Mapping[str, Sequence[ChatRequest]] | None = None,
    **more: Any,
) -> LatencyReport:
    endpoint = endpoint_for(Endpoint(url, "tiny", timeout_seconds=20), spec)
    async with ModelClient(endpoint) as client:
        return await run_phase(client, spec, arms or both(), **more)


def measured(
    server: LatencyServer, spec: LatencySpec = QUICK, *args: Any, **more: Any
) -> LatencyReport:
    with server:
        return asyncio.run(phase(server.url, spec, *args, **more))


def test_the_arms_are_interleaved_and_each_of_them_is_first_every_other_time() -> None:
    server = LatencyServer()
    measured(server)
    warm_up, measured_part = "c0 b0 b1 c1", "c2 b2 b3 c3 c4 b4 b5 c5 c6 b6 b7 c7"
    assert server.questions == f"{warm_up} {measured_part}".split()


def test_the_warm_up_is_discarded_and_everything_else_kept() -> None:
    report = measured(LatencyServer())
    (level,) = report.levels
    assert report.is_complete
    for name in (CANDIDATE, BASELINE):
        arm = level.arm(name)
        assert arm is not None
        assert [timing.pair for timing in arm.timings] == [0, 1, 2, 3, 4, 5]
        assert {(t.prompt_tokens, t.output_tokens, t.cached_tokens) for t in arm.timings} == {
            (10, 3, 8)
        }
        assert all(0 < t.ttft_ms <= t.e2e_ms for t in arm.timings)
        assert arm.itl.count == 6 * 2  # three pieces have two gaps
        assert (arm.failed, arm.cached_share, arm.has_one_length) == (0, 0.8, True)
    paired = level.paired("e2e_ms")
    assert paired is not None
    assert (len(paired.candidate), paired.clusters) == (6, ())  # each question once


def test_a_report_survives_json() -> None:
    report = measured(LatencyServer())
    assert LatencyReport.from_json(json.loads(json.dumps(report.to_json()))) == report


def test_every_level_is_measured_at_its_own_concurrency() -> None:
    server = LatencyServer()
    report = measured(server, LatencySpec(concurrency=(1, 4), requests=10, warmup=1, max_tokens=3))
    assert [level.concurrency for level in report.levels] == [1, 4]
    first, second = server.asked[:22], server.asked[22:]
    assert max(asked.running for asked in first) == 1
    assert 2 <= max(asked.running for asked in second) <= 4
    assert sorted(server.questions[24:]) == sorted(
        f"{a}{n}" for a in "cb" for n in [*range(12, 20), 0, 1]
    )


def test_without_a_live_version_the_candidate_is_measured_alone() -> None:
    server = LatencyServer()
    report = measured(server, arms={CANDIDATE: questions("c")})
    assert server.questions == [f"c{number}" for number in range(8)]
    assert report.levels[0].arm(BASELINE) is None
    assert report.changes == ()


def test_few_questions_are_asked_round_and_round() -> None:
    server = LatencyServer()
    report = measured(server, arms=both(3))
    assert sorted(server.questions[4:]) == sorted(f"{arm}{n % 3}" for arm in "cb" for n in range(6))
    paired = report.levels[0].paired("ttft_ms")
    assert paired is not None
    assert paired.clusters == ("2", "0", "1", "2", "0", "1")


@pytest.mark.parametrize(
    ("engine", "wanted", "parameters", "enforced"),
    [
        ("vllm", True, {}, True),
        ("vLLM", True, {"stop": ["."]}, True),
        ("llama.cpp", True, {}, True),
        ("", True, {}, False),
        ("openai", True, {"stop": ["."]}, False),
        ("vllm", False, {}, False),
        ("vllm", True, {"response_format": {"type": "json_object"}}, False),
    ],
)
def test_the_length_is_fixed_where_the_engine_can(
    engine: str, wanted: bool, parameters: dict[str, Any], enforced: bool
) -> None:
    server = LatencyServer()
    arms = {CANDIDATE: questions("c", temperature=0, max_tokens=500, **parameters)}
    spec = LatencySpec((1,), 1, 0, max_tokens=7, ignore_eos=wanted)
    report = measured(server, spec, arms, engine=engine)
    assert report.is_length_enforced is enforced
    (asked,) = server.asked
    assert asked.body["max_tokens"] == 7
    assert asked.body.get("ignore_eos", False) is enforced
    assert ("stop" in asked.body) is ("stop" in parameters and not enforced)
    assert ("response_format" in asked.body) is ("response_format" in parameters)


def test_the_servers_prefix_cache_is_read_around_what_is_measured() -> None:
    server = LatencyServer()
    report = measured(server)
    cache = report.levels[0].prefix_cache
    assert cache is not None
    assert (cache.queries, cache.hits) == (120, 96)  # of 12 chats; 4 more warmed up
    assert cache.hit_rate == 0.8


def test_a_server_without_metrics_is_measured_all_the_same() -> None:
    report = measured(LatencyServer(has_metrics=False))
    assert report.is_complete
    assert report.levels[0].prefix_cache is None


def test_a_failed_request_is_counted_and_its_pair_is_not_compared() -> None:
    server = LatencyServer(lambda question, _: 500 if question == "b4" else ("one ", "two"))
    report = measured(server, LatencySpec((1,), 6, 2, slo=Slo(e2e_ms=60_000)))
    (level,) = report.levels
    baseline = level.arm(BASELINE)
    assert baseline is not None
    assert [(e.code, e.count) for e in baseline.errors] == [("model_unavailable", 1)]
    assert [timing.pair for timing in baseline.timings] == [0, 1, 3, 4, 5]
    paired = level.paired("ttft_ms")
    assert paired is not None
    assert len(paired.candidate) == len(paired.baseline) == 5
    good = baseline.goodput(report.spec.slo, 0.95)
    assert good is not None
    assert (good.good, good.requests) == (5, 6)  # a failed request keeps no objective


def test_an_answer_without_text_is_an_error() -> None:
    server = LatencyServer(lambda question, _: () if question == "c3" else ("one",))
    report = measured(server)
    candidate = report.levels[0].arm(CANDIDATE)
    assert candidate is not None
    assert [error.code for error in candidate.errors] == ["latency_no_text"]


def test_too_many_errors_end_the_phase() -> None:
    server = LatencyServer(lambda question, nth: 400 if nth > 5 else ("one",))
    with pytest.raises(LatencyErrorsError, match="scripted") as caught:
        measured(server)
    assert caught.value.fields == {"arm": "baseline", "concurrency": 1, "failed": 2}
    assert len(server.asked) < 16  # nothing is asked in vain after that


def test_a_server_that_answers_nobody_is_found_out_in_the_warm_up() -> None:
    server = LatencyServer(lambda *_: 400)
    with pytest.raises(LatencyErrorsError):
        measured(server)
    assert len(server.asked) <= 4


def test_a_time_limit_reports_what_was_measured_and_breaks_the_rest_off() -> None:
    server = LatencyServer(lambda _, nth: None if nth > 9 else ("one",))
    spec = LatencySpec((1, 4), 6, 2, max_seconds=3)
    with server:
        report = asyncio.run(phase(server.url, spec))
        assert server.broken_off.wait(60)
    assert report.ended == "time_limit"
    assert not report.is_complete
    (level,) = report.levels
    assert [len(arm.timings) for arm in level.arms] == [3, 2]
    assert level.prefix_cache is None


def test_cancelling_breaks_every_request_off() -> None:
    server = LatencyServer(lambda *_: None)
    spec = LatencySpec((3,), 6, 2, max_seconds=60)

    async def story() -> None:
        before = asyncio.all_tasks()
        task = asyncio.create_task(phase(server.url, spec))
        await server.until_running(3)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        await server.until_running(0)
        assert asyncio.all_tasks() == before

    with server:
        asyncio.run(asyncio.wait_for(story(), 30))
    assert len(server.asked) == 3


def test_progress_is_told_request_by_request() -> None:
    told: list[tuple[int, int]] = []
    measured(LatencyServer(), on_progress=lambda done, total: told.append((done, total)))
    assert told == [(done, 16) for done in range(1, 17)]


@pytest.mark.parametrize(
    ("arms", "says"),
    [
        ({BASELINE: questions("b")}, "the arms are"),
        ({CANDIDATE: questions("c"), "third": questions("t")}, "the arms are"),
        ({CANDIDATE: ()}, "at least one"),
        ({CANDIDATE: questions("c", 3), BASELINE: questions("b", 2)}, "the same questions"),
    ],
)
def test_arms_that_cannot_be_compared_are_refused(arms: dict[str, Any], says: str) -> None:
    server = LatencyServer()
    with pytest.raises(LatencyInputError, match=says):
        measured(server, QUICK, arms)
    assert not server.asked


def test_a_client_with_too_few_seats_is_refused() -> None:
    async def story() -> None:
        async with ModelClient(Endpoint("http://127.0.0.1:1", "tiny", concurrency=2)) as client:
            with pytest.raises(LatencyInputError, match="2 seats for 4"):
                await run_phase(client, LatencySpec(), both())

    asyncio.run(story())


@pytest.mark.slow
def test_a_real_model_is_timed_with_one_length_for_every_answer() -> None:
    words = "the refund for order nine is late please answer soon".split()
    arms = {
        arm: tuple(
            ChatRequest((Message("system", rule), Message("user", word)), {"temperature": 0})
            for word in words
        )
        for arm, rule in ((CANDIDATE, "You answer briefly."), (BASELINE, "You are a clerk."))
    }
    spec = LatencySpec((1, 2), 5, 1, max_tokens=6, slo=Slo(ttft_ms=60_000))
    with llama(slots=2) as url:
        report = asyncio.run(phase(url, spec, arms, engine="llama.cpp"))
    assert report.is_complete
    assert report.is_length_enforced
    for level in report.levels:
        for arm in level.arms:
            assert {timing.output_tokens for timing in arm.timings} == {6}
            assert all(timing.cached_tokens is not None for timing in arm.timings)
            assert arm.itl.count > 0
            assert [row.count for row in arm.summaries(0.95)[:4]] == [5, 5, 5, 5]
        assert len(level.changes(0.95)) == 6
    assert LatencyReport.from_json(json.loads(json.dumps(report.to_json()))) == report
