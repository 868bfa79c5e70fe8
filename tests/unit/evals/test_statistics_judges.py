"""A judge's mistakes are measured against people, and its mean is corrected by them."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from evals.domain.statistics import (
    Hits,
    StatisticsInputError,
    agreement,
    cohens_kappa,
    ppi_mean,
    ppi_paired_mean,
    rogan_gladen,
    wilson,
)

verdicts = st.lists(st.tuples(st.booleans(), st.booleans()), min_size=1, max_size=80)


def judged(rng, n, rate, sensitivity, false_pass):
    """What people say of n answers, and what a judge with these habits says of them."""
    people = rng.random(n) < rate
    machine = np.where(people, rng.random(n) < sensitivity, rng.random(n) < false_pass)
    return people.astype(float), machine.astype(float)


def test_six_hundred_labels_correct_a_generous_judge_as_published():
    # truescore: truth .714, judge alone .838 [.827, .849], corrected .715 [.684, .746].
    rng, found = np.random.default_rng(17), []
    for _ in range(120):
        people, machine = (side.tolist() for side in judged(rng, 4_000, 0.714, 0.969, 0.512))
        found.append(ppi_mean(people[:600], machine[:600], machine[600:]))
    covered = [r.corrected.interval.low <= 0.714 <= r.corrected.interval.high for r in found]
    assert np.mean(covered) >= 0.9
    assert np.mean([r.corrected.value for r in found]) == pytest.approx(0.715, abs=0.005)
    widths = [r.corrected.interval.high - r.corrected.interval.low for r in found]
    assert np.mean(widths) == pytest.approx(0.746 - 0.684, abs=0.004)
    assert np.mean([r.judge.value for r in found]) == pytest.approx(0.838, abs=0.003)
    assert all(r.judge.interval.low > 0.8 for r in found)
    assert all(r.corrected.error <= r.human.error * 1.02 for r in found)


def test_a_judge_that_knows_nothing_leaves_the_human_mean():
    rng = np.random.default_rng(18)
    people = (rng.random(200) < 0.6).astype(float).tolist()
    constant = ppi_mean(people, [1.0] * 200, [1.0] * 1_000)
    assert (constant.weight, constant.corrected) == (0.0, constant.human)


def test_a_perfect_judge_is_believed_about_everything():
    rng = np.random.default_rng(19)
    people, _ = judged(rng, 4_000, 0.7, 1, 0)
    found = ppi_mean(people[:100].tolist(), people[:100].tolist(), people[100:].tolist())
    assert found.weight > 0.9
    assert found.corrected.error < found.human.error / 3


def test_the_paired_mean_is_that_of_the_differences():
    labels, judges = [(1.0, 0.0), (1.0, 1.0), (0.0, 1.0)], [(1.0, 0.5), (1.0, 1.0), (0.5, 1.0)]
    others = [(1.0, 1.0), (0.0, 1.0), (1.0, 0.5), (0.0, 0.0)]
    paired = ppi_paired_mean(labels, judges, others)
    assert paired == ppi_mean([1, 0, -1], [0.5, 0, -0.5], [0, -1, 0.5, 0])


def test_rogan_gladen_takes_the_known_mistakes_out():
    found = rogan_gladen(Hits(838, 1_000), Hits(97, 100), Hits(49, 100))
    assert found.value == pytest.approx((0.838 + 0.49 - 1) / (0.97 + 0.49 - 1))
    assert found.interval.low < 0.714 < found.interval.high
    assert rogan_gladen(Hits(10, 100), Hits(90, 100), Hits(80, 100)).value == 0.0


@pytest.mark.parametrize("truth", [0.5, 0.7, 0.9])
def test_rogan_gladen_covers_what_it_promises(truth):
    rng, hits = np.random.default_rng(20), 0
    for _ in range(600):
        passed = int(rng.binomial(300, truth * 0.9 + (1 - truth) * 0.15))
        right, wrong = int(rng.binomial(60, 0.9)), int(rng.binomial(60, 0.85))
        interval = rogan_gladen(Hits(passed, 300), Hits(right, 60), Hits(wrong, 60)).interval
        hits += interval.low <= truth <= interval.high
    assert hits / 600 >= 0.93


def test_a_judge_no_better_than_a_coin_corrects_nothing():
    with pytest.raises(StatisticsInputError, match="coin"):
        rogan_gladen(Hits(5, 10), Hits(5, 10), Hits(5, 10))
    near = rogan_gladen(Hits(5, 10), Hits(2, 2), Hits(1, 40))
    assert (near.interval.low, near.interval.high) == (0.0, 1.0)


@given(st.integers(0, 50), st.integers(0, 30), st.integers(0, 30))
def test_rogan_gladen_stays_between_nothing_and_everything(passed, right, wrong):
    if right + wrong > 30:
        found = rogan_gladen(Hits(passed, 50), Hits(right, 30), Hits(wrong, 30))
        assert 0 <= found.interval.low <= found.value <= found.interval.high <= 1


def test_kappa_of_the_textbook_table():
    people = [True] * 25 + [False] * 25
    judge = [True] * 20 + [False] * 5 + [True] * 10 + [False] * 15
    found = agreement(people, judge)
    assert found.kappa.value == pytest.approx(0.4)
    # Fleiss, Cohen and Everitt 1969, by the cells of the table.
    assert found.kappa.error == pytest.approx(_error_by_cells(20, 5, 10, 15))
    assert (found.accuracy.value, found.tpr.value, found.tnr.value) == (0.7, 0.8, 0.6)
    assert found.tpr.interval == wilson(20, 25)
    assert found.tnr.interval == wilson(15, 25)


def _error_by_cells(a, b, c, d):
    n = a + b + c + d
    cells = np.array([[a, b], [c, d]]) / n
    rows, columns = cells.sum(axis=1), cells.sum(axis=0)
    po, pe = np.trace(cells), rows @ columns
    same = sum(cells[i, i] * ((1 - pe) - (columns[i] + rows[i]) * (1 - po)) ** 2 for i in range(2))
    other = sum(cells[i, 1 - i] * (columns[i] + rows[1 - i]) ** 2 for i in range(2))
    square = same + (1 - po) ** 2 * other - (po * pe - 2 * pe + po) ** 2
    return (square / n) ** 0.5 / (1 - pe) ** 2


def test_a_judge_that_always_passes_has_no_kappa():
    found = agreement([True] * 25 + [False] * 25, [True] * 50)
    assert found.kappa.value == 0.0
    assert (found.tpr.value, found.tnr.value) == (1.0, 0.0)
    nothing = agreement([True] * 50, [True] * 50)
    assert (nothing.kappa.interval.low, nothing.kappa.interval.high) == (-1.0, 1.0)
    assert (nothing.tnr.value, nothing.tnr.interval) == (None, wilson(0, 0))


def test_perfect_agreement_on_few_labels_is_not_certain():
    few = agreement([True, False] * 3, [True, False] * 3).kappa
    many = agreement([True, False] * 50, [True, False] * 50).kappa
    assert few.value == many.value == 1.0
    assert few.interval.low < 0.4 < 0.9 < many.interval.low


@given(verdicts)
def test_kappa_is_symmetric_and_inside_its_interval(pairs):
    one, other = [str(a) for a, _ in pairs], [str(b) for _, b in pairs]
    found, turned = cohens_kappa(one, other), cohens_kappa(other, one)
    assert -1 <= found.interval.low <= found.value + 1e-12
    assert found.value - 1e-12 <= found.interval.high <= 1
    assert found.value == pytest.approx(turned.value)
    assert found.error == pytest.approx(turned.error, abs=1e-9)


def test_kappa_takes_labels_of_any_number():
    assert cohens_kappa(list("aabbcc"), list("aabbcc")).value == 1.0
    assert cohens_kappa(list("aabbcc"), list("bbccaa")).value < 0


@pytest.mark.parametrize(
    "call",
    [
        lambda: agreement([], []),
        lambda: agreement([True], []),
        lambda: cohens_kappa(["a"], ["a", "b"]),
        lambda: ppi_mean([1.0], [1.0], [1.0, 0.0]),
        lambda: Hits(3, 2),
        lambda: Hits(0, 0),
    ],
    ids=range(6),
)
def test_labels_without_judgements_are_refused(call):
    with pytest.raises(StatisticsInputError):
        call()
