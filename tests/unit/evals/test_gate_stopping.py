"""A run may stop early only to fail, and a candidate as good as live is seldom stopped."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from evals.domain.gate import compare, may_stop
from registry.domain.policy import GatePolicy
from tests.unit.evals.arms import pairs

POLICY = GatePolicy("release", margin=0.05, early_stop=True)


def test_a_broken_candidate_is_stopped_after_a_few_cases_and_the_saving_is_said():
    found = may_stop(pairs(12, 0, 30), POLICY, planned=500)
    assert found is not None
    assert found.verdict == "FAIL"
    assert found.comparison == compare(pairs(12, 0, 30), POLICY)
    assert found.sentences[0] == (
        "stopped early after 30 of 500 cases: 470 cases saved; the flips speak 315 to 1 against "
        "equal arms, however often one looks"
    )
    unplanned = may_stop(pairs(12, 0, 30), POLICY)
    assert unplanned is not None
    assert unplanned.sentences[0].startswith("stopped early after 30 cases; ")


def test_a_stopped_run_concludes_fail_and_claims_no_pass_rate():
    found = may_stop(pairs(12, 0, 30), POLICY, planned=500)
    assert found is not None
    decision = found.decision
    assert (decision.verdict, decision.cases, decision.passed) == ("FAIL", 30, 18)
    assert (decision.pass_rate, decision.interval) == (None, None)
    assert decision.reasons == found.sentences
    assert decision.comparison == found.comparison


@pytest.mark.parametrize(
    ("worse", "better", "cases"),
    [(0, 0, 0), (7, 0, 30), (0, 30, 60), (10, 0, 400), (20, 20, 60)],
    ids=["nothing", "too few flips", "better", "inside the margin", "both ways"],
)
def test_a_run_goes_on_while_it_may_still_pass(worse, better, cases):
    assert may_stop(pairs(worse, better, cases), POLICY) is None


def test_without_the_policys_word_no_run_is_stopped():
    assert may_stop(pairs(30, 0, 30), replace(POLICY, early_stop=False)) is None
    assert may_stop(pairs(30, 0, 30), replace(POLICY, margin=None)) is None


def test_a_cluster_counts_once():
    together = [replace(one, cluster=f"k{i // 10}") for i, one in enumerate(pairs(60, 0, 100))]
    assert may_stop(together, POLICY) is None
    assert may_stop(pairs(60, 0, 100), POLICY) is not None


def runs(drop, noise, cases, count, seed):
    """After how many cases each run is stopped, looking after every twentieth; None: never."""
    chances = [noise / 2 + drop, noise / 2, 1 - noise - drop]
    rng = np.random.default_rng(seed)
    known: dict[tuple[int, int, int], bool] = {}
    for _ in range(count):
        flips = rng.choice(3, size=cases, p=chances)
        yield next((n for n in range(20, cases + 1, 20) if _stops(flips[:n], known)), None)


def _stops(flips, known):
    worse, better = int((flips == 0).sum()), int((flips == 1).sum())
    table = (worse, better, len(flips))
    if table not in known:
        known[table] = may_stop(pairs(*table), POLICY) is not None
    return known[table]


def test_a_candidate_as_good_as_live_is_seldom_stopped_however_often_one_looks():
    stopped = [n for n in runs(0.0, 0.2, 400, 200, 21) if n is not None]
    assert len(stopped) / 200 <= 0.05


def test_a_large_drop_is_stopped_early():
    ends = list(runs(0.25, 0.1, 400, 100, 22))
    assert all(end is not None for end in ends)
    assert np.median(ends) <= 120
