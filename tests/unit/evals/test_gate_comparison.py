"""The candidate is set beside the live version case by case, and nothing passes on too little."""

from __future__ import annotations

import random
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from evals.domain.gate import PairedCase, compare
from evals.domain.statistics import StatisticsInputError, mcnemar_one_sided
from registry.domain.policy import GatePolicy
from tests.unit.evals.arms import pair, pairs

POLICY = GatePolicy("release", margin=0.05)

flips = st.tuples(st.integers(0, 40), st.integers(0, 40), st.integers(0, 300)).filter(any)


def measured(worse, better, cases, policy=POLICY):
    return compare(pairs(worse, better, cases), policy)


def test_identical_results_on_twelve_cases_decide_nothing_and_say_how_many_would():
    found = measured(0, 0, 12)
    assert found.verdict == "INCONCLUSIVE"
    assert found.cases_to_decide == 70
    assert found.detectable_margin == pytest.approx(0.246, abs=1e-3)
    assert "underpowered: 0 flips cannot show any regression, it takes 5 one way" in found.sentences
    assert "about 70 cases would decide at these rates (58 more)" in found.sentences
    assert found.sentences[-1] == (
        "with these cases and flips an equally good candidate passes a margin of 24.6 points or "
        "more with 80 % probability"
    )


def test_seventy_identical_cases_pass_five_points_and_sixty_nine_do_not():
    assert measured(0, 0, 70).verdict == "PASS"
    assert measured(0, 0, 69).verdict == "INCONCLUSIVE"


def test_a_drop_beyond_the_margin_fails_and_the_sentences_have_every_figure():
    found = measured(40, 2, 200)
    assert found.verdict == "FAIL"
    assert found.sentences[0].startswith(
        "candidate 80.0 %, live version 99.0 % on the same 200 cases: difference -19.0 points, "
        "95 % interval -25.5 to -13.4 points"
    )
    assert found.sentences[1].startswith(
        "40 cases went worse and 2 better than with the live version (McNemar p = 2.1e-10 that"
    )
    assert found.sentences[2] == (
        "with 95 % confidence the difference is below -14.2 points, beyond the margin of "
        "-5.0 points: fails"
    )
    assert (found.regressions, found.improvements) == (40, 2)
    assert found.p_value == mcnemar_one_sided(40, 2)
    assert (found.method, found.cases_to_decide) == ("tango", None)


def test_a_bound_on_the_right_side_by_a_hair_does_not_look_equal_to_the_margin():
    (line,) = [line for line in measured(0, 0, 70).sentences if "passes" in line[-8:]]
    assert "above -4.998 points, within the margin of -5.0 points" in line


def test_an_open_comparison_says_how_many_cases_decide_it():
    found = measured(31, 11, 200)
    assert found.verdict == "INCONCLUSIVE"
    assert found.cases_to_decide == 234
    assert measured(62, 22, 400).verdict == "FAIL"


def test_a_difference_on_the_margin_is_never_decided():
    found = measured(10, 0, 200)
    assert found.verdict == "INCONCLUSIVE"
    assert found.cases_to_decide is None
    assert "no number of cases decides at these rates" in found.sentences[-2]


def test_without_a_margin_the_difference_is_shown_and_decides_nothing():
    found = measured(40, 2, 200, GatePolicy("trial"))
    assert (found.verdict, found.margin) == (None, None)
    assert len(found.sentences) == 2


def test_a_case_with_repeats_counts_once_by_its_mean():
    rng = random.Random(1)
    arms = [pair(f"c{i}", rng.randint(0, 4) / 4, rng.randint(0, 4) / 4, 4) for i in range(80)]
    found = compare(arms, POLICY)
    assert (found.method, found.cases, found.clusters) == ("clustered", 80, 80)
    assert found.regressions + found.improvements <= 80
    assert found.p_value == mcnemar_one_sided(found.regressions, found.improvements)


def test_when_the_answers_vary_more_than_the_cases_repeats_are_the_cure():
    rng = random.Random(3)
    arms = [pair(f"c{i}", _mean_of_two(rng, 0.7), _mean_of_two(rng, 0.7), 2) for i in range(120)]
    found = compare(arms, POLICY)
    assert found.verdict == "INCONCLUSIVE"
    assert found.repeats_to_decide == 4
    assert (
        "the answers vary more than the cases: about 4 repeats of every case would decide at "
        "these rates"
    ) in found.sentences


def _mean_of_two(rng, share):
    return sum(rng.random() < share for _ in range(2)) / 2


def test_when_the_cases_differ_repeats_are_no_cure():
    arms = [pair(f"c{i}", float(i % 7 > 0), float(i % 5 > 0), 4) for i in range(40)]
    arms[0] = replace(arms[0], candidate=0.75)
    found = compare(arms, POLICY)
    assert found.verdict == "INCONCLUSIVE"
    assert found.repeats_to_decide is None


def test_clusters_count_once_in_the_test_of_flips_and_widen_the_bounds():
    alone = pairs(20, 0, 200)
    together = [replace(one, cluster=f"k{i // 10}") for i, one in enumerate(alone)]
    single, grouped = compare(alone, POLICY), compare(together, POLICY)
    assert (grouped.method, grouped.clusters, grouped.regressions) == ("clustered", 20, 20)
    assert grouped.p_value == mcnemar_one_sided(2, 0)
    assert single.verdict == "FAIL" or single.lower_bound > grouped.lower_bound
    assert grouped.verdict == "INCONCLUSIVE"
    assert "on the same 200 cases in 20 clusters" in grouped.sentences[0]


def test_one_cluster_alone_proves_nothing():
    arms = [replace(one, cluster="all") for one in pairs(0, 0, 500)]
    found = compare(arms, POLICY)
    assert (found.verdict, found.lower_bound, found.upper_bound) == ("INCONCLUSIVE", -1.0, 1.0)


def test_a_cluster_left_empty_is_the_case_itself():
    arms = [replace(one, cluster="") for one in pairs(1, 1, 100)]
    assert compare(arms, POLICY) == measured(1, 1, 100)


@pytest.mark.parametrize(
    "arms",
    [
        [],
        [pair("a", 1.0, 1.0), pair("a", 1.0, 0.0)],
        [pair("a", 1.5, 1.0)],
        [pair("a", 1.0, -0.1)],
    ],
    ids=["none", "twice", "above", "below"],
)
def test_pairs_that_cannot_be_are_refused(arms):
    with pytest.raises(StatisticsInputError):
        compare(arms, POLICY)


@given(flips)
def test_the_bounds_lie_around_the_difference_and_exchange_with_the_arms(table):
    worse, better, same = table
    found = measured(worse, better, worse + better + same)
    turned = measured(better, worse, worse + better + same)
    assert found.interval.low <= found.lower_bound <= found.difference
    assert found.difference <= found.upper_bound <= found.interval.high
    assert turned.difference == -found.difference
    assert turned.interval.low == pytest.approx(-found.interval.high, abs=1e-9)
    assert turned.detectable_margin == found.detectable_margin
    assert (turned.regressions, turned.improvements) == (found.improvements, found.regressions)


@given(flips)
def test_a_verdict_is_what_the_bounds_say(table):
    worse, better, same = table
    found = measured(worse, better, worse + better + same)
    assert (found.verdict == "PASS") == (found.lower_bound > -0.05)
    assert (found.verdict == "FAIL") == (found.upper_bound < -0.05)
    assert found.sentences


@given(flips)
def test_one_more_regression_never_improves_the_verdict(table):
    worse, better, same = table
    rank = {"FAIL": 0, "INCONCLUSIVE": 1, "PASS": 2}
    before = measured(worse, better, worse + better + same + 1)
    after = measured(worse + 1, better, worse + better + same + 1)
    assert rank[after.verdict] <= rank[before.verdict]


@given(flips)
def test_as_many_cases_as_announced_decide_and_one_less_does_not(table):
    worse, better, same = table
    cases = worse + better + same
    found = measured(worse, better, cases)
    if found.cases_to_decide is not None:
        needed = found.cases_to_decide
        assert needed > cases
        assert _is_decided(worse, better, cases, needed)
        assert not _is_decided(worse, better, cases, needed - 1)


def _is_decided(worse, better, cases, grown):
    from evals.domain.statistics import BinaryDifference

    seen = BinaryDifference(worse * grown / cases, better * grown / cases, grown)
    return seen.lower(0.95) > -0.05 or seen.upper(0.95) < -0.05


@given(
    st.lists(
        st.tuples(st.integers(0, 3), st.integers(0, 3), st.sampled_from("abc")),
        min_size=1,
        max_size=12,
    )
)
def test_no_pairs_whatever_their_repeats_and_clusters_break_the_comparison(rows):
    arms = [
        PairedCase(f"c{i}", cluster, candidate / 3, baseline / 3, 3)
        for i, (candidate, baseline, cluster) in enumerate(rows)
    ]
    found = compare(arms, POLICY)
    assert found.verdict in {"FAIL", "INCONCLUSIVE"}
    assert -1 <= found.lower_bound <= found.upper_bound <= 1
