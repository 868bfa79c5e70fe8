"""One timed request, and the share of requests that keep every objective."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from evals.domain.latency import Slo, Timing, gaps, goodput


def timing(ttft_ms: float = 100.0, e2e_ms: float = 400.0, tokens: int = 4) -> Timing:
    return Timing(0, 0, ttft_ms, e2e_ms, prompt_tokens=10, output_tokens=tokens)


def test_time_per_output_token_leaves_the_first_token_out() -> None:
    assert timing(100, 400, tokens=4).tpot_ms == 100.0


@pytest.mark.parametrize("tokens", [0, 1])
def test_one_token_has_no_time_per_token(tokens: int) -> None:
    assert timing(tokens=tokens).tpot_ms is None


def test_tokens_per_second_are_over_the_whole_request() -> None:
    assert timing(100, 400, tokens=4).tokens_per_s == 10.0
    assert timing(0, 0).tokens_per_s == 0.0


@given(st.lists(st.floats(0, 1e6), max_size=20).map(sorted))
def test_gaps_are_one_fewer_than_arrivals_and_add_up(arrivals: list[float]) -> None:
    found = gaps(arrivals)
    assert len(found) == max(0, len(arrivals) - 1)
    assert all(gap >= 0 for gap in found)
    assert sum(found) == pytest.approx(arrivals[-1] - arrivals[0] if arrivals else 0)


@pytest.mark.parametrize(
    ("slo", "good"),
    [
        (Slo(ttft_ms=100), 2),
        (Slo(ttft_ms=99.9), 1),
        (Slo(tpot_ms=100), 3),
        (Slo(tpot_ms=50), 1),
        (Slo(e2e_ms=400), 2),
        (Slo(ttft_ms=100, tpot_ms=100, e2e_ms=400), 1),
    ],
)
def test_a_good_request_keeps_every_limit(slo: Slo, good: int) -> None:
    timings = (timing(100, 400), timing(20, 500, tokens=1), timing(101, 400))
    kept = goodput(timings, 0, slo, 0.95)
    assert kept is not None
    assert kept.good == good


def test_a_failed_request_is_not_good_and_the_share_has_its_wilson_interval() -> None:
    kept = goodput([timing()] * 17, 3, Slo(ttft_ms=100), 0.95)
    assert kept is not None
    assert (kept.good, kept.requests, kept.share) == (17, 20, 0.85)
    assert (kept.interval.low, kept.interval.high) == pytest.approx((0.640, 0.948), abs=0.001)


def test_without_objectives_there_is_no_goodput() -> None:
    assert goodput([timing()], 0, Slo(), 0.95) is None


def test_nothing_measured_proves_nothing() -> None:
    kept = goodput([], 0, Slo(e2e_ms=1), 0.95)
    assert kept is not None
    assert (kept.share, kept.interval.low, kept.interval.high) == (0.0, 0.0, 1.0)
