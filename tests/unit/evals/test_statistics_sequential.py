"""Looking early and looking often do not raise more false alarms than promised."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.special import betaln

from evals.domain.statistics import StatisticsInputError, cases_for_drop, e_value, holm, is_decided

LOOKS = 1_000


def wealth(rng, runs, flips, share):
    """E_t after every flip: rows are runs; computed apart from the code under test."""
    worse = (rng.random((runs, flips)) < share).cumsum(axis=1)
    seen = np.arange(1, flips + 1)
    return seen * np.log(2) + betaln(1 + worse, 1 + seen - worse) - betaln(1, 1), worse


@given(st.integers(0, 200), st.integers(0, 200))
def test_the_wealth_is_the_formula_and_knows_no_direction(worse, better):
    log = (worse + better) * np.log(2) + betaln(1 + worse, 1 + better)
    assert np.log(e_value(worse, better)) == pytest.approx(log, abs=1e-9)
    assert e_value(worse, better) == e_value(better, worse)


@given(st.integers(0, 60), st.integers(0, 60))
def test_the_bet_is_fair(worse, better):
    later = (e_value(worse + 1, better) + e_value(worse, better + 1)) / 2
    assert later == pytest.approx(e_value(worse, better))


def test_looking_after_every_flip_errs_less_than_promised():
    found, _ = wealth(np.random.default_rng(13), 4_000, LOOKS, 0.5)
    share = (found >= np.log(20)).any(axis=1).mean()
    assert share == pytest.approx(0.035, abs=0.01)
    assert share <= 0.05


def test_looking_at_a_fixed_sample_test_errs_as_often_as_published():
    steps = np.random.default_rng(14).normal(size=(20_000, 20)).cumsum(axis=1)
    z = np.abs(steps / np.sqrt(np.arange(1, 21)))
    for looks, published in ((1, 0.049), (2, 0.080), (5, 0.139), (10, 0.191), (20, 0.245)):
        assert (z[:, :looks] > 1.96).any(axis=1).mean() == pytest.approx(published, abs=0.008)


def test_half_of_the_runs_stop_by_the_size_of_a_fixed_trial_and_most_by_twice_it():
    cases, flips = cases_for_drop(0.1, 0.2), 0.2
    found, _ = wealth(np.random.default_rng(15), 2_000, int(2 * cases * flips), 0.75)
    stopped = np.maximum.accumulate(found, axis=1) >= np.log(20)
    assert stopped[:, int(cases * flips) - 1].mean() == pytest.approx(0.5, abs=0.08)
    assert 0.8 <= stopped[:, -1].mean() <= 0.93


def test_eight_flips_one_way_decide_and_seven_do_not():
    assert not is_decided(7, 0, 0.05)
    assert is_decided(8, 0, 0.05)
    assert e_value(0, 0) == 1.0
    assert e_value(5_000, 0) == e_value(9_000, 0) < float("inf")


def test_flips_that_cannot_be_are_refused():
    with pytest.raises(StatisticsInputError):
        e_value(-1, 0)


def test_holm_gives_the_textbook_figures():
    assert holm([0.01, 0.04, 0.03, 0.005]) == pytest.approx((0.03, 0.06, 0.06, 0.02))
    assert holm([]) == ()


@given(st.lists(st.floats(0, 1), min_size=1, max_size=8))
def test_holm_lies_between_no_correction_and_bonferroni(p_values):
    adjusted = holm(p_values)
    assert all(plain <= raised <= 1 for plain, raised in zip(p_values, adjusted, strict=True))
    assert min(adjusted) == min(1.0, min(p_values) * len(p_values))
    order = sorted(range(len(p_values)), key=lambda i: p_values[i])
    assert [adjusted[i] for i in order] == sorted(adjusted)


def test_with_all_true_holm_raises_one_false_alarm_in_twenty():
    draws = np.random.default_rng(16).random((4_000, 4))
    wrong = [min(holm(row)) <= 0.05 for row in draws.tolist()]
    assert np.mean(wrong) == pytest.approx(0.05, abs=0.012)
