"""Two arms on the same cases: published bounds, exact tests, and sizes of trials."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.special import gammaln
from scipy.stats import binomtest

from evals.domain.statistics import (
    BinaryDifference,
    ClusteredDifference,
    StatisticsInputError,
    bounds,
    cases_for_drop,
    cases_for_margin,
    cases_for_mean_difference,
    cases_for_two_rates,
    cases_without_flips,
    detectable_drop,
    detectable_margin,
    difference_of,
    fewest_flips,
    margin_without_flips,
    mcnemar,
    mcnemar_one_sided,
    power_of_margin,
    tango,
    tango_lower,
    tango_upper,
)

tables = st.tuples(st.integers(0, 60), st.integers(0, 60), st.integers(0, 200)).filter(any)
levels = st.sampled_from([0.8, 0.95, 0.99])


@pytest.mark.parametrize(
    ("worse", "better", "n", "low", "high"),
    [
        # Fagerland, Lydersen and Laake 2014: airway hyper-responsiveness (Bentur et al. 2009).
        (7, 1, 21, -0.517, -0.026),
        # The same: complete response (Cavo et al. 2012).
        (16, 6, 161, -0.124, -0.0054),
    ],
)
def test_tango_gives_the_published_interval(worse, better, n, low, high):
    interval = tango(worse, better, n)
    assert interval.low == pytest.approx(low, abs=6e-4)
    assert interval.high == pytest.approx(high, abs=6e-4)


def test_without_flips_the_bound_has_a_closed_form():
    z2 = 1.6448536269514722**2
    assert tango_lower(0, 0, 50) == pytest.approx(-z2 / (50 + z2))


@given(tables, levels, st.sampled_from([0.0, 0.5]))
def test_bounds_are_ordered_inside_and_exchange_with_the_arms(table, level, correction):
    worse, better, same = table
    n = worse + better + same
    low = tango_lower(worse, better, n, level, correction)
    high = tango_upper(worse, better, n, level, correction)
    assert -1 <= low <= (better - worse) / n <= high <= 1
    assert tango_upper(better, worse, n, level, correction) == -low


@given(tables)
def test_one_more_regression_never_raises_a_bound(table):
    worse, better, same = table
    n = worse + better + same + 1
    before = BinaryDifference(worse, better, n)
    after = BinaryDifference(worse + 1, better, n)
    assert after.lower(0.95) <= before.lower(0.95) + 1e-9
    assert after.upper(0.95) <= before.upper(0.95) + 1e-9


@pytest.mark.parametrize(("n", "margin"), [(34, 0.1), (70, 0.05), (100, 0.1), (119, 0.03)])
def test_with_half_a_flip_held_back_the_error_is_below_what_is_promised(n, margin):
    tables = [(b, c) for b in range(n + 1) for c in range(n + 1 - b) if b - c < 2 * margin * n]
    passing = np.array([t for t in tables if BinaryDifference(*t, n).lower(0.95) > -margin])
    worst = max(_chance(passing, n, margin, flips) for flips in np.linspace(margin, 0.9, 15))
    assert 0.02 < worst <= 0.05


def _chance(tables, n, margin, flips):
    """Probability of these tables when the candidate is worse by exactly the margin."""
    b, c = tables[:, 0], tables[:, 1]
    ways = gammaln(n + 1) - gammaln(b + 1) - gammaln(c + 1) - gammaln(n - b - c + 1)
    logs = [math.log(max(p, 1e-300)) for p in ((flips + margin) / 2, (flips - margin) / 2)]
    return np.exp(ways + b * logs[0] + c * logs[1] + (n - b - c) * math.log1p(-flips)).sum()


@pytest.mark.parametrize("figures", [(1, 1, 1), (-1, 0, 5), (0, 0, 0)])
def test_flips_that_cannot_be_are_refused(figures):
    with pytest.raises(StatisticsInputError):
        tango_lower(*figures)


@given(st.integers(0, 80), st.integers(0, 80))
def test_mcnemar_is_the_binomial_test_of_the_flips(worse, better):
    if worse + better:
        two = binomtest(worse, worse + better).pvalue
        one = binomtest(worse, worse + better, alternative="greater").pvalue
        assert mcnemar(worse, better) == pytest.approx(two)
        assert mcnemar_one_sided(worse, better) == pytest.approx(one)
    assert mcnemar(worse, better) == mcnemar(better, worse)


def test_five_flips_one_way_are_the_fewest_that_show_anything():
    assert round(mcnemar(6, 0), 3) == round(mcnemar_one_sided(5, 0), 3) == 0.031
    assert mcnemar(5, 0) > 0.05
    assert mcnemar_one_sided(4, 0) > 0.05
    assert (fewest_flips(0.05), fewest_flips(0.025)) == (5, 6)
    assert mcnemar(0, 0) == 1.0


@pytest.mark.parametrize(
    ("drop", "flips", "cases"),
    [
        (0.10, 0.2, 155),
        (0.10, 0.3, 234),
        (0.05, 0.1, 312),
        (0.05, 0.2, 626),
        (0.05, 0.3, 940),
        (0.03, 0.05, 434),
        (0.03, 0.1, 870),
        (0.03, 0.2, 1742),
    ],
)
def test_cases_that_find_a_drop_are_the_published_ones(drop, flips, cases):
    assert cases_for_drop(drop, flips) == cases


@pytest.mark.parametrize(
    ("margin", "cases"),
    [
        (0.10, (31, 62, 124)),
        (0.05, (124, 248, 495)),
        (0.03, (344, 687, 1374)),
        (0.02, (773, 1546, 3092)),
    ],
)
def test_cases_that_prove_a_margin_are_the_published_ones(margin, cases):
    assert tuple(cases_for_margin(margin, flips) for flips in (0.05, 0.1, 0.2)) == cases


def test_cases_of_miller_and_of_unpaired_arms():
    assert cases_for_mean_difference(0.03, 1 / 9) == 969
    assert cases_for_mean_difference(0.03, 1 / 9, 1 / 6, repeats=1) == 3876
    assert cases_for_two_rates(0.85, 0.82) == pytest.approx(2400, abs=5)


def test_a_margin_takes_seventy_identical_cases_for_five_points():
    assert [cases_without_flips(m) for m in (0.1, 0.05, 0.03)] == [34, 70, 119]
    assert margin_without_flips(70) <= 0.05 < margin_without_flips(69)


@given(st.floats(0.01, 0.5), st.sampled_from([0.01, 0.05, 0.2]))
def test_as_many_identical_cases_as_announced_prove_the_margin_and_one_less_does_not(m, alpha):
    n = cases_without_flips(m, alpha=alpha)
    assert margin_without_flips(n, alpha=alpha) <= m + 1e-9
    assert tango_lower(0, 0, n, 1 - alpha, 0.5) >= -m - 1e-9
    assert n == 1 or margin_without_flips(n - 1, alpha=alpha) > m - 1e-9


def test_the_announced_powers_are_what_simulation_gives():
    rng, n, noise = np.random.default_rng(5), 300, 0.1
    margin = detectable_margin(n, (noise / n) ** 0.5)
    alike = rng.multinomial(n, [noise / 2, noise / 2, 1 - noise], 1_500)
    assert _share(alike, lambda d: d.lower(0.95) > -margin, n) == pytest.approx(0.8, abs=0.05)
    passed = _share(alike, lambda d: d.lower(0.95) > -0.05, n)
    assert passed == pytest.approx(power_of_margin(n, noise, 0.05), abs=0.05)
    drop = detectable_drop(n, noise, 0.05) or 1.0
    worse = rng.multinomial(n, [noise / 2 + drop, noise / 2, 1 - noise - drop], 1_500)
    assert _share(worse, lambda d: d.upper(0.95) < -0.05, n) == pytest.approx(0.8, abs=0.05)
    drop = detectable_drop(n, noise) or 1.0
    worse = rng.multinomial(n, [noise / 2 + drop, noise / 2, 1 - noise - drop], 1_500)
    shown = np.mean([mcnemar_one_sided(int(b), int(c)) <= 0.05 for b, c, _ in worse])
    assert shown == pytest.approx(0.8, abs=0.06)


def _share(tables, rule, n):
    known: dict[tuple[int, int], bool] = {}
    for b, c in {(int(b), int(c)) for b, c, _ in tables}:
        known[b, c] = rule(BinaryDifference(b, c, n))
    return np.mean([known[int(b), int(c)] for b, c, _ in tables])


def test_a_few_cases_find_no_drop_at_all():
    assert detectable_drop(3, 0.1) is None
    assert power_of_margin(69, 0.0, 0.05) == 0.0
    assert power_of_margin(70, 0.0, 0.05) == 1.0


@pytest.mark.parametrize(
    "call",
    [
        lambda: cases_for_drop(0.3, 0.2),
        lambda: cases_for_margin(0, 0.2),
        lambda: detectable_drop(0, 0.1),
        lambda: cases_for_two_rates(0.5, 0.5),
        lambda: fewest_flips(1.0),
        lambda: mcnemar(-1, 2),
    ],
    ids=range(6),
)
def test_questions_without_an_answer_are_refused(call):
    with pytest.raises(StatisticsInputError):
        call()


@given(
    st.lists(st.sampled_from([-1, -2 / 3, -1 / 3, 0, 1 / 3, 1]), min_size=1, max_size=40),
    st.integers(1, 5),
    levels,
)
def test_clustered_bounds_are_ordered_and_exchange_with_the_arms(gaps, size, level):
    names = [str(i // size) for i in range(len(gaps))]
    seen = difference_of(gaps, names)
    turned = difference_of([-gap for gap in gaps], names)
    assert -1 <= seen.lower(level) <= seen.value + 1e-9
    assert seen.value - 1e-9 <= seen.upper(level) <= 1
    assert turned.upper(level) == pytest.approx(-seen.lower(level), abs=1e-9)
    assert bounds(seen, level).low <= seen.lower(level) + 1e-9


def test_identical_repeats_prove_no_more_than_identical_cases():
    for n in (12, 69, 200):
        few = ClusteredDifference(0.0, 0.0, n, n).lower(0.95)
        assert few <= BinaryDifference(0, 0, n).lower(0.95)
    assert isinstance(difference_of([0.0] * 12, list("aabbccddeeff")), ClusteredDifference)
    assert difference_of([0.0, 0.0], ["a", "a"]).lower(0.95) == -1.0


def _repeated(rng):
    """Three repeats a case, cases of their own difficulty, ten points worse on average."""
    live = rng.beta(4, 1, 100)
    worse = live - 0.1 * live / live.mean()
    return rng.binomial(3, worse) / 3 - rng.binomial(3, live) / 3


def _whole(rng):
    """Clusters of five that flip as one."""
    return np.repeat(rng.choice([-1.0, 0.0, 1.0], 40, p=[0.15, 0.8, 0.05]), 5)


def _loose(rng):
    """Clusters of five in name only."""
    return rng.choice([-1.0, 0.0, 1.0], 200, p=[0.15, 0.8, 0.05])


@pytest.mark.parametrize(("draw", "size"), [(_repeated, 1), (_whole, 5), (_loose, 5)])
def test_with_repeats_and_clusters_a_drop_of_the_margin_seldom_passes(draw, size):
    rng, wrong = np.random.default_rng(6), 0
    for _ in range(1_000):
        gaps = draw(rng).tolist()
        names = [str(i // size) for i in range(len(gaps))]
        wrong += difference_of(gaps, names).lower(0.95) > -0.1
    assert wrong / 1_000 <= 0.055
