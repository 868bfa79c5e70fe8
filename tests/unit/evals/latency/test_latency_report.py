"""What a phase reports: tables with bounds, the comparison of the arms, and the stored form."""

from __future__ import annotations

import json
import random
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.errors import InvalidError
from evals.domain.gate import GuardrailSample, weigh_guardrails
from evals.domain.latency import (
    BASELINE,
    CANDIDATE,
    ArmReport,
    ErrorTally,
    LatencyErrorsError,
    LatencyReport,
    LatencySpec,
    LevelReport,
    LevelTally,
    PrefixCacheUse,
    Slo,
    Timing,
    relative_change,
    summarise,
)
from evals.domain.statistics import PairedSample
from registry.domain.policy import GatePolicy, Guardrail


def times(count: int, factor: float = 1.0, seed: int = 1) -> list[float]:
    """Lognormal, as latencies are; milliseconds."""
    source = random.Random(seed)
    return [factor * source.lognormvariate(5, 0.5) for _ in range(count)]


def arm(name: str, values: list[float], questions: int = 10_000, **more: Any) -> ArmReport:
    timings = [
        Timing(pair, pair % questions, value, 5 * value, 10, 64, 8)
        for pair, value in enumerate(values)
    ]
    return ArmReport.of(name, timings, more.get("errors", ()))


def level(factor: float, count: int = 200, concurrency: int = 4, **more: Any) -> LevelReport:
    candidate = arm(CANDIDATE, times(count, factor, seed=1), **more)
    return LevelReport(concurrency, (candidate, arm(BASELINE, times(count, seed=2), **more)), 10.0)


def report(*levels: LevelReport, **changes: Any) -> LatencyReport:
    fields: dict[str, Any] = {
        "spec": LatencySpec(slo=Slo(ttft_ms=200)),
        "levels": levels,
        "ended": "complete",
        "is_length_enforced": True,
        "seconds": 12.5,
    }
    return LatencyReport(**(fields | changes))


@pytest.mark.parametrize(("count", "bounded"), [(71, False), (72, True)])
def test_p95_has_an_upper_bound_from_72_requests_on(count: int, bounded: bool) -> None:
    found = summarise("ttft_ms", times(count), 0.95).at(0.95)
    assert found is not None
    assert (found.high is not None) is bounded
    assert found.low is not None
    assert found.low <= found.value


@pytest.mark.parametrize(("count", "bounded"), [(367, False), (368, True)])
def test_p99_takes_five_times_as_many(count: int, bounded: bool) -> None:
    found = summarise("ttft_ms", times(count), 0.95).at(0.99)
    assert found is not None
    assert (found.high is not None) is bounded


def test_gaps_have_percentiles_without_bounds() -> None:
    timings = [Timing(0, 0, 1.0, 9.0, 10, 3, None, (4.0, 2.0)), Timing(1, 1, 1.0, 2.0, 10, 1)]
    found = ArmReport.of(CANDIDATE, timings, ())
    assert (found.itl.count, found.itl.mean) == (2, 3.0)
    assert all(each.low is each.high is None for each in found.itl.percentiles)
    assert all(timing.itl_ms == () for timing in found.timings)  # summed up, not stored


def test_nothing_measured_has_no_percentiles() -> None:
    assert summarise("ttft_ms", [], 0.95).percentiles == ()
    assert summarise("ttft_ms", [], 0.95).at(0.5) is None


def test_the_candidate_that_takes_half_as_long_again_is_shown_to_be_slower() -> None:
    found = {(c.metric, c.quantile): c for c in report(level(1.5)).changes}
    assert set(found) == {(m, q) for m in ("ttft_ms", "tpot_ms", "e2e_ms") for q in (0.5, 0.95)}
    for change in found.values():
        assert (change.pairs, change.concurrency) == (200, 4)
        assert change.low is not None
        assert change.high is not None
        assert 0 < change.low < change.change < change.high
        assert change.change == pytest.approx(change.candidate / change.baseline - 1)


def test_an_equal_candidate_is_not() -> None:
    for change in report(level(1.0)).changes:
        assert change.low is not None
        assert change.high is not None
        assert change.low < 0 < change.high


def test_few_requests_bound_nothing() -> None:
    changes = report(level(3.0, count=5)).changes
    assert changes
    assert all(change.low is None and change.high is None for change in changes)


def test_times_of_zero_are_no_ground_for_a_share() -> None:
    sample = PairedSample((1.0, 2.0), (0.0, 2.0))
    assert relative_change("tpot_ms", sample, 0.5, confidence=0.95, concurrency=1) is None
    assert relative_change("tpot_ms", None, 0.5, confidence=0.95, concurrency=1) is None


def test_guardrails_weigh_the_busiest_level_of_a_complete_phase() -> None:
    busy, calm = level(1.2, count=30, concurrency=8), level(1.0, count=20, concurrency=1)
    sample = report(busy, calm).for_guardrails("e2e_ms")
    assert sample is not None
    assert len(sample.candidate) == 30
    assert report(busy, calm, ended="time_limit").for_guardrails("e2e_ms") is None


def verdict(factor: float, failing: int, *, failed_baseline: int = 0) -> str:
    """Of a p95 guardrail; the slowest requests of either arm got no answer."""
    whole = level(factor)
    arms = (
        without_slowest(one, failing if one.arm == CANDIDATE else failed_baseline)
        for one in whole.arms
    )
    sample = report(LevelReport(4, tuple(arms), 10.0)).for_guardrails("e2e_ms")
    assert sample is not None
    policy = GatePolicy("trial", guardrails=(Guardrail("latency_p95", 0.2),))
    weighed = GuardrailSample(
        "latency_p95", tuple(sample.candidate), tuple(sample.baseline), tuple(sample.clusters)
    )
    return weigh_guardrails((weighed,), policy)[0].verdict


def without_slowest(one: ArmReport, failing: int) -> ArmReport:
    kept = sorted(one.timings, key=lambda timing: timing.e2e_ms)[: len(one.timings) - failing]
    return ArmReport.of(one.arm, kept, [ErrorTally("timeout", "no answer", failing)])


def test_requests_that_the_candidate_failed_are_not_forgotten_by_guardrails() -> None:
    assert verdict(1.0, 0) == "PASS"
    assert verdict(1.0, 10) != "PASS"
    assert verdict(1.0, 10, failed_baseline=10) != "PASS"


def test_one_failed_request_leaves_a_percentile_measured() -> None:
    assert verdict(1.0, 1) == "PASS"


def test_requests_that_the_live_version_failed_are_left_out() -> None:
    whole = level(1.0)
    arms = tuple(without_slowest(one, 10 * (one.arm == BASELINE)) for one in whole.arms)
    sample = report(LevelReport(4, arms, 10.0)).for_guardrails("e2e_ms")
    assert sample is not None
    assert len(sample.candidate) == 190
    assert max(sample.candidate) < 600_000


def test_questions_asked_again_are_one_cluster() -> None:
    sample = level(1.0, count=6, questions=3).paired("ttft_ms")
    assert sample is not None
    assert sample.clusters == ("0", "1", "2", "0", "1", "2")


def test_lengths_that_differ_are_told() -> None:
    same, other = Timing(0, 0, 1, 2, 10, 64), Timing(1, 1, 1, 2, 10, 63)
    assert ArmReport.of(CANDIDATE, [same, same], ()).has_one_length
    assert not ArmReport.of(CANDIDATE, [same, other], ()).has_one_length


def test_the_cached_share_is_none_where_the_server_does_not_say() -> None:
    silent = Timing(0, 0, 1, 2, 10, 64, None)
    assert ArmReport.of(CANDIDATE, [silent], ()).cached_share is None
    assert PrefixCacheUse(0, 0).hit_rate is None


milliseconds = st.integers(0, 10**10).map(lambda microseconds: microseconds / 1000)
timings = st.builds(
    Timing,
    pair=st.integers(0, 5000),
    question=st.integers(0, 5000),
    ttft_ms=milliseconds,
    e2e_ms=milliseconds,
    prompt_tokens=st.integers(0, 10**6),
    output_tokens=st.integers(0, 4096),
    cached_tokens=st.none() | st.integers(0, 10**6),
    itl_ms=st.lists(milliseconds, max_size=4).map(tuple),
)
arms = st.builds(
    ArmReport.of,
    st.sampled_from([CANDIDATE, BASELINE]),
    st.lists(timings, max_size=8),
    st.lists(st.builds(ErrorTally, st.text(), st.text(), st.integers(1, 9)), max_size=2),
)
levels = st.builds(
    LevelReport,
    st.integers(1, 64),
    st.lists(arms, max_size=2, unique_by=lambda arm: arm.arm).map(tuple),
    milliseconds,
    st.none() | st.builds(PrefixCacheUse, st.integers(0, 10**9), st.integers(0, 10**9)),
)
reports = st.builds(
    report,
    ended=st.sampled_from(["complete", "time_limit"]),
    is_length_enforced=st.booleans(),
    confidence=st.sampled_from([0.9, 0.95, 0.99]),
    spec=st.sampled_from([LatencySpec(), LatencySpec((2,), slo=Slo(1, 2, 3))]),
)


@given(reports, st.lists(levels, max_size=2))
def test_whatever_was_measured_survives_json(
    whole: LatencyReport, parts: list[LevelReport]
) -> None:
    measured = report(
        *parts,
        spec=whole.spec,
        ended=whole.ended,
        is_length_enforced=whole.is_length_enforced,
        confidence=whole.confidence,
    )
    written = json.dumps(measured.to_json(), allow_nan=False)
    assert LatencyReport.from_json(json.loads(written)) == measured


def test_the_stored_form_says_what_a_page_shows_without_computing() -> None:
    stored = report(level(1.5)).to_json()
    shown = stored["levels"][0]["arms"][0]["summary"]
    assert [row["metric"] for row in shown["metrics"]] == [
        "ttft_ms",
        "tpot_ms",
        "e2e_ms",
        "tokens_per_s",
        "itl_ms",
    ]
    assert shown["goodput"].keys() == {"good", "requests", "share", "interval"}
    assert stored["levels"][0]["summary"]["output_tokens_per_s"] == 2 * 200 * 64 / 10
    assert len(stored["changes"]) == 6


class RefusedTestError(InvalidError):
    """Scripted."""

    code = "scripted"


def test_a_few_errors_are_counted_by_their_kind() -> None:
    tally = LevelTally(4, 40, (CANDIDATE,))
    assert tally.is_empty
    for word in ("first", "second"):
        tally.failed(CANDIDATE, RefusedTestError(word))
    measured = tally.report(1.0, None).arm(CANDIDATE)
    assert measured is not None
    assert measured.errors == (ErrorTally("scripted", "first", 2),)
    assert (measured.failed, measured.requests) == (2, 2)


def test_one_error_too_many_ends_it_for_its_arm_alone() -> None:
    tally = LevelTally(4, 40, (CANDIDATE, BASELINE))
    for name in (CANDIDATE, CANDIDATE, BASELINE, BASELINE):
        tally.failed(name, RefusedTestError("no", hint="look at the log"))
    with pytest.raises(LatencyErrorsError, match="3 requests of the baseline") as caught:
        tally.failed(BASELINE, RefusedTestError("no", hint="look at the log"))
    assert caught.value.hint == "look at the log"
    assert caught.value.fields == {"arm": "baseline", "concurrency": 4, "failed": 3}
