"""The figures of the gate are the published ones, and keep the promises of an interval."""

from __future__ import annotations

import math

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from evals.domain.statistics import (
    StatisticsInputError,
    at_least,
    cases_to_decide,
    most_failing_passes,
    needed_passes,
    rate_for_power,
    two_sided_z,
    wilson,
)

counts = st.integers(1, 5_000).flatmap(lambda n: st.tuples(st.integers(0, n), st.just(n)))
confidences = st.sampled_from([0.8, 0.9, 0.95, 0.99, 0.999])
floors = st.floats(0.05, 0.99)


@pytest.mark.parametrize(
    ("successes", "n", "low", "high"),
    [(17, 20, 64.0, 94.8), (5, 5, 56.6, 100.0), (90, 100, 82.6, 94.5), (450, 500, 87.1, 92.3)],
)
def test_wilson_gives_the_published_intervals(successes, n, low, high):
    interval = wilson(successes, n, 0.95)
    assert round(interval.low * 100, 1) == low
    assert round(interval.high * 100, 1) == high


@given(counts, confidences)
def test_the_bounds_lie_around_the_rate_and_inside_zero_to_one(count, confidence):
    successes, n = count
    interval = wilson(successes, n, confidence)
    assert 0 <= interval.low <= successes / n <= interval.high <= 1


@given(counts, confidences)
def test_the_bounds_solve_the_defining_quadratic(count, confidence):
    successes, n = count
    p, z = successes / n, two_sided_z(confidence)
    interval = wilson(successes, n, confidence)
    for q in (interval.low, interval.high):
        assert (p - q) ** 2 == pytest.approx(z * z * q * (1 - q) / n, abs=1e-9)


@given(counts, st.integers(2, 10), confidences)
def test_more_cases_at_the_same_rate_narrow_the_interval(count, factor, confidence):
    successes, n = count
    few, many = wilson(successes, n, confidence), wilson(successes * factor, n * factor, confidence)
    assert many.high - many.low < few.high - few.low


@given(counts)
def test_more_confidence_widens_the_interval(count):
    loose, sure = wilson(count[0], count[1], 0.9), wilson(count[0], count[1], 0.99)
    assert sure.low <= loose.low
    assert loose.high <= sure.high


def test_nothing_measured_proves_nothing():
    assert (wilson(0, 0).low, wilson(0, 0).high) == (0.0, 1.0)


@pytest.mark.parametrize(
    ("successes", "n", "confidence"),
    [(3, 2, 0.95), (-1, 2, 0.95), (0, -1, 0.95), (math.nan, 2, 0.95), (1, 2, 1.0), (1, 2, 0.0)],
)
def test_figures_that_are_no_proportion_are_refused(successes, n, confidence):
    with pytest.raises(StatisticsInputError):
        wilson(successes, n, confidence)


@given(st.integers(1, 400), floors, confidences)
def test_needed_passes_is_the_least_number_whose_lower_bound_reaches_the_floor(n, floor, level):
    by_search = next((k for k in range(n + 1) if wilson(k, n, level).low >= floor), None)
    assert needed_passes(n, floor, level) == by_search


@given(st.integers(1, 400), floors, confidences)
def test_failing_passes_is_the_greatest_number_whose_upper_bound_misses_the_floor(n, floor, level):
    by_search = next((k for k in range(n, -1, -1) if wilson(k, n, level).high < floor), None)
    assert most_failing_passes(n, floor, level) == by_search


@given(st.integers(1, 20), st.integers(1, 20), floors)
def test_as_many_cases_as_announced_do_decide_and_half_of_them_do_not(right, wrong, floor):
    rate = right / (right + wrong)
    assume(abs(rate - floor) > 0.02)
    n = cases_to_decide(rate, floor, 0.95)
    assert n is not None
    enough, half = wilson(rate * n, n), wilson(rate * (n // 2), n // 2)
    assert enough.low >= floor - 1e-9 or enough.high <= floor + 1e-9
    assert n < 4 or half.low < floor < half.high


def test_no_number_of_cases_decides_a_rate_on_the_floor_or_a_floor_of_one():
    assert cases_to_decide(0.8, 0.8, 0.95) is None
    assert cases_to_decide(1.0, 1.0, 0.95) is None
    assert needed_passes(20_000, 1.0, 0.95) is None


@given(counts.filter(lambda c: c[1] <= 200), st.floats(0, 1))
def test_the_binomial_tail_is_the_sum_of_its_terms(count, rate):
    k, n = count
    exact = math.fsum(math.comb(n, i) * rate**i * (1 - rate) ** (n - i) for i in range(k, n + 1))
    assert at_least(k, n, rate) == pytest.approx(exact, abs=1e-9)


def test_the_binomial_tail_survives_terms_too_small_for_a_float():
    assert at_least(10_000, 20_000, 0.9) == pytest.approx(1.0)
    assert at_least(19_900, 20_000, 0.5) == pytest.approx(0.0)


def test_the_rate_for_power_gives_that_power():
    assert at_least(54, 60, rate_for_power(54, 60, 0.8)) == pytest.approx(0.8, abs=1e-6)
