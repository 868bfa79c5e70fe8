"""Percentiles are bounded by order statistics, alone and between two arms."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from evals.domain.statistics import (
    PairedSample,
    StatisticsInputError,
    fewest_pairs,
    least_for_upper,
    mean_difference,
    mean_ratio,
    mean_ratio_p,
    percentile,
    percentile_bounds,
    percentile_difference,
    percentile_lower,
    percentile_ratio,
    percentile_ratio_p,
    percentile_upper,
)

times = st.lists(st.floats(1, 1e6), min_size=1, max_size=120)
TRUE_P95 = math.exp(1.6448536269514722)


@given(times, st.floats(0.01, 0.99))
def test_a_percentile_is_the_one_numpy_gives(values, q):
    assert percentile(values, q) == pytest.approx(np.percentile(values, q * 100))


@given(times, st.floats(0.05, 0.95))
def test_the_bounds_are_values_of_the_sample_around_the_percentile(values, q):
    bounds = percentile_bounds(values, q)
    assert bounds.low is None or (bounds.low in values and bounds.low <= percentile(values, q))
    assert bounds.high is None or (bounds.high in values and bounds.high >= percentile(values, q))


def test_an_upper_bound_of_p95_takes_fifty_nine_values():
    assert least_for_upper(0.95) == 59
    assert percentile_upper(range(58), 0.95) is None
    assert percentile_upper(range(59), 0.95) == 58
    assert percentile_lower(range(59), 0.05) == 0


@pytest.mark.parametrize(("n", "published"), [(50, 0.98), (100, 0.98), (200, 0.97), (500, 0.96)])
def test_order_statistics_cover_p95_as_published(n, published):
    draws = np.random.default_rng(n).lognormal(size=(1_500, n))
    found = [percentile_bounds(row.tolist(), 0.95) for row in draws]
    hits = [
        (b.low is None or b.low <= TRUE_P95) and (b.high is None or b.high >= TRUE_P95)
        for b in found
    ]
    assert np.mean(hits) == pytest.approx(published, abs=0.015)


def test_the_bootstrap_of_p95_would_not():
    rng = np.random.default_rng(7)
    draws = rng.lognormal(size=(400, 100))
    picks = rng.integers(0, 100, size=(300, 100))
    p95 = np.percentile(draws[:, picks], 95, axis=2)
    low, high = np.percentile(p95, [2.5, 97.5], axis=1)
    assert np.mean((low <= TRUE_P95) & (high >= TRUE_P95)) == pytest.approx(0.885, abs=0.04)


@pytest.mark.parametrize(
    "call", [lambda: percentile([], 0.5), lambda: least_for_upper(1.0)], ids=range(2)
)
def test_percentiles_of_nothing_are_refused(call):
    with pytest.raises(StatisticsInputError):
        call()


def ends(change):
    """Both bounds of a change that has them."""
    assert change.bounds.low is not None
    assert change.bounds.high is not None
    return change.bounds.low, change.bounds.high


def arms(rng, n, factor=1.0, common=0.7):
    """Interleaved times of one server: the same case takes both arms about as long."""
    shared = rng.normal(size=n) * math.sqrt(common)
    one, other = (
        np.exp(0.5 * (shared + rng.normal(size=n) * math.sqrt(1 - common))) for _ in range(2)
    )
    return PairedSample((one * factor).tolist(), other.tolist())


@pytest.mark.parametrize(("n", "q"), [(60, 0.95), (200, 0.95), (100, 0.5)])
def test_the_ratio_of_percentiles_covers_and_seldom_raises_a_false_alarm(n, q):
    rng, hits, alarms = np.random.default_rng(8), 0, 0
    for _ in range(200):
        sample = arms(rng, n, factor=1.3)
        low, high = ends(percentile_ratio(sample, q))
        hits += low <= 1.3 <= high
        alarms += percentile_ratio_p(sample, q, 1.3) <= 0.05
    assert hits / 200 >= 0.94
    assert alarms / 200 <= 0.05


def test_a_slow_tail_is_found_and_clusters_make_it_less_sure():
    sample = arms(np.random.default_rng(9), 400, factor=1.6)
    grouped = PairedSample(sample.candidate, sample.baseline, [str(i // 8) for i in range(400)])
    alone, together = (percentile_ratio_p(s, 0.95, 1.2) for s in (sample, grouped))
    assert alone < together <= 0.05
    assert ends(percentile_ratio(sample, 0.95))[0] > 1.2


@given(st.integers(0, 1_000), st.sampled_from([0.5, 0.95]))
def test_changes_exchange_with_the_arms(seed, q):
    sample = arms(np.random.default_rng(seed), 80, factor=1.1)
    turned = PairedSample(sample.baseline, sample.candidate)
    one, other = percentile_ratio(sample, q), percentile_ratio(turned, q)
    assert one.value == pytest.approx(1 / other.value)
    assert ends(one)[0] == pytest.approx(1 / ends(other)[1])
    one, other = percentile_difference(sample, q), percentile_difference(turned, q)
    assert ends(one)[1] == pytest.approx(-ends(other)[0])
    one, other = mean_ratio(sample), mean_ratio(turned)
    assert ends(one)[0] == pytest.approx(1 / ends(other)[1])
    assert ends(one)[0] <= one.value <= ends(one)[1]


def test_too_few_pairs_leave_a_percentile_without_bounds():
    assert fewest_pairs(0.95) == 60
    rng = np.random.default_rng(10)
    assert percentile_ratio(arms(rng, 59), 0.95).bounds.high is None
    assert percentile_ratio(arms(rng, 60), 0.95).bounds.high is not None


def test_the_ratio_of_means_covers_and_agrees_with_its_test():
    rng, hits = np.random.default_rng(11), 0
    for _ in range(400):
        sample = arms(rng, 60, factor=1.2)
        low, high = ends(mean_ratio(sample))
        hits += low <= 1.2 <= high
        assert (mean_ratio_p(sample, 1.0) <= 0.025) == (low >= 1.0)
    assert 0.92 <= hits / 400 <= 0.98


def test_the_difference_of_means_is_the_paired_t_interval():
    from scipy.stats import ttest_rel

    sample = arms(np.random.default_rng(12), 50, factor=1.2)
    expected = ttest_rel(sample.candidate, sample.baseline).confidence_interval()
    bounds = mean_difference(sample).bounds
    assert (bounds.low, bounds.high) == pytest.approx((expected.low, expected.high))


def test_constant_costs_need_no_bootstrap():
    double = PairedSample([2.0] * 5, [1.0] * 5)
    assert (mean_ratio(double).value, mean_ratio_p(double, 1.5)) == (2.0, 0.0)
    assert mean_ratio_p(double, 2.0) == 1.0
    assert mean_ratio(PairedSample([1.0], [1.0])).bounds.low is None
    assert mean_difference(PairedSample([1.0], [1.0])).bounds.low is None
    assert mean_ratio_p(PairedSample([1.0], [1.0]), 1.0) == 1.0


@pytest.mark.parametrize(
    "call",
    [
        lambda: PairedSample([1.0], []),
        lambda: PairedSample([1.0], [1.0], ["a", "b"]),
        lambda: mean_ratio(PairedSample([1.0, 2.0], [0.0, 0.0])),
        lambda: percentile_ratio(PairedSample([0.0, 2.0], [1.0, 1.0]), 0.5),
    ],
    ids=range(4),
)
def test_samples_that_are_no_pairs_are_refused(call):
    with pytest.raises(StatisticsInputError):
        call()
