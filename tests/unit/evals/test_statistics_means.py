"""Means keep their promises when cases come in clusters, and the three variances stay apart."""

from __future__ import annotations

import random

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from evals.domain.statistics import (
    StatisticsInputError,
    clustered_mean,
    design_effect,
    standard_error,
    variances,
    wilson,
    wilson_clustered,
)


def error_of(values, clusters):
    error = clustered_mean(values, clusters).error
    assert error is not None
    return error


scores = st.lists(st.floats(0, 1), min_size=2, max_size=40)


@given(scores)
def test_a_mean_of_single_cases_has_the_error_of_the_central_limit_theorem(values):
    n = len(values)
    assert standard_error(values) == pytest.approx(np.std(values, ddof=1) / n**0.5, abs=1e-12)
    assert clustered_mean(values).error == pytest.approx(standard_error(values), abs=1e-12)


def test_the_clustered_error_is_the_published_form():
    # Inspect: C/(C - 1)·Σ_c (Σ(s - mean))²/n². Clusters {1, 1, 0}, {0, 0}, {1}: mean 1/2.
    mean = clustered_mean([1, 1, 0, 0, 0, 1], ["a", "a", "a", "b", "b", "c"])
    assert mean.error == pytest.approx((3 / 2 * (0.5**2 + 1.0**2 + 0.5**2) / 36) ** 0.5)
    assert (mean.value, mean.n, mean.clusters) == (0.5, 6, 3)
    assert mean.effective == pytest.approx(36 / (9 + 4 + 1))


@given(scores, st.integers(2, 5))
def test_copies_of_a_case_add_no_certainty(values, copies):
    names = [str(i) for i in range(len(values))]
    once = error_of(values, names)
    assert error_of(values * copies, names * copies) == pytest.approx(once, abs=1e-12)
    assert standard_error(values * copies) <= once + 1e-12


def test_clusters_widen_as_kish_says():
    assert design_effect(5, 0.3) == pytest.approx(2.2)
    rng = np.random.default_rng(1)
    shared = np.repeat(rng.normal(size=4_000) * 0.3**0.5, 5)
    values = shared + rng.normal(size=20_000) * 0.7**0.5
    names = [str(i // 5) for i in range(20_000)]
    widened = error_of(values.tolist(), names) / standard_error(values.tolist())
    assert widened**2 == pytest.approx(2.2, rel=0.05)


def test_one_cluster_has_no_interval():
    mean = clustered_mean([1, 0, 1], ["a", "a", "a"])
    assert mean.error is None
    with pytest.raises(StatisticsInputError):
        mean.estimate()
    assert wilson_clustered([1, 1, 1], ["a", "a", "a"]).low == 0.0


@pytest.mark.parametrize(
    "call", [lambda: standard_error([1]), lambda: clustered_mean([])], ids=range(2)
)
def test_what_has_no_spread_is_refused(call):
    with pytest.raises(StatisticsInputError):
        call()


def test_student_intervals_of_few_clusters_cover_what_they_promise():
    rng, hits = random.Random(2), 0
    for _ in range(1_000):
        values = [centre + rng.gauss(0, 1) for centre in _drawn(rng, 8) for _ in range(4)]
        interval = clustered_mean(values, [str(i // 4) for i in range(32)]).estimate().interval
        hits += interval.low <= 0 <= interval.high
    assert 0.93 <= hits / 1_000 <= 0.97


def _drawn(rng, count):
    return [rng.gauss(0, 1) for _ in range(count)]


def test_a_clustered_pass_rate_is_as_wide_as_its_clusters_are_alike():
    alike = [float(i // 5 % 5 > 0) for i in range(200)]
    mixed = [float(i % 5 > 0) for i in range(200)]
    names = [str(i // 5) for i in range(200)]
    whole, apart = wilson_clustered(alike, names), wilson_clustered(mixed, names)
    by_cluster = wilson(32, 40)
    assert whole.low == pytest.approx(by_cluster.low, abs=0.01)
    assert whole.high == pytest.approx(by_cluster.high, abs=0.01)
    assert apart.low > whole.low


def test_a_clustered_pass_rate_covers_what_it_promises():
    rng, hits = np.random.default_rng(3), 0
    for _ in range(600):
        rates = rng.beta(0.8 * 7 / 3, 0.2 * 7 / 3, 20)
        values = (rng.random((20, 5)) < rates[:, None]).ravel().astype(float)
        interval = wilson_clustered(values.tolist(), [str(i // 5) for i in range(100)])
        hits += interval.low <= 0.8 <= interval.high
    assert hits / 600 >= 0.92


@given(st.lists(st.booleans(), min_size=2, max_size=40))
def test_cases_of_their_own_have_the_plain_wilson_interval(passed):
    values = [float(one) for one in passed]
    own = wilson_clustered(values, [str(i) for i in range(len(values))])
    plain = wilson(sum(values), len(values))
    # SE² has n - 1 where the binomial variance has n: the clustered one is a little wider.
    assert own.low <= plain.low + 1e-9
    assert own.high >= plain.high - 1e-9
    assert own.high - own.low <= (plain.high - plain.low) * 1.5


def test_the_three_variances_are_told_apart():
    rng = np.random.default_rng(4)
    scores = [
        [
            [case + answer + judgement for judgement in rng.normal(0, 0.5, 3)]
            for answer in rng.normal(0, 1, 4)
        ]
        for case in rng.normal(0, 2, 600)
    ]
    parts = variances(scores)
    assert parts.case == pytest.approx(4.0, rel=0.15)
    assert parts.generation == pytest.approx(1.0, rel=0.1)
    assert parts.judge == pytest.approx(0.25, rel=0.1)
    assert parts.generation is not None
    assert parts.judge is not None
    # Var(mean) = case/n + generation/(nK) + judge/(nKJ).
    whole = parts.case + parts.generation / 4 + parts.judge / 12
    assert parts.case_share == pytest.approx(parts.case / whole, abs=0.01)
    assert parts.case_share + parts.generation_share + parts.judge_share == pytest.approx(1)


def test_a_variance_nobody_measured_is_not_invented():
    parts = variances([[[0.0]], [[1.0]], [[1.0]]])
    assert (parts.generation, parts.judge) == (None, None)
    assert parts.case == pytest.approx(1 / 3)
    assert variances([[[1.0, 1.0], [1.0]]] * 3).case_share == 0.0
    assert variances([]).case == 0.0


def test_more_repeats_shrink_only_the_part_within_cases():
    noisy = [[[float(i + k & 1)] for k in range(4)] for i in range(10)]
    parts = variances(noisy)
    assert parts.case == 0.0
    assert parts.generation == pytest.approx(1 / 3)
