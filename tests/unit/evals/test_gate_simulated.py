"""Thousands of gates: a real drop fails, an identical candidate passes, and few are fooled."""

from __future__ import annotations

from collections import Counter
from functools import cache

import numpy as np
import pytest

from evals.domain.gate import compare, decide
from evals.domain.gate.evidence import Evidence
from registry.domain.policy import GatePolicy
from tests.unit.evals.arms import pairs, tallies_of
from tests.unit.evals.builders import suite

GATES = 2_000
POLICY = GatePolicy("release", margin=0.05)


@cache
def verdict_of(worse: int, better: int, cases: int) -> str:
    return str(compare(pairs(worse, better, cases), POLICY).verdict)


def verdicts(drop: float, noise: float, cases: int) -> Counter[str]:
    """The verdicts of many gates on a candidate that is worse by `drop` on average."""
    chances = [noise / 2 + drop, noise / 2, 1 - noise - drop]
    tables = np.random.default_rng(23).multinomial(cases, chances, GATES)
    return Counter(verdict_of(int(b), int(c), cases) for b, c, _ in tables)


@pytest.mark.parametrize(("noise", "cases"), [(0.0, 70), (0.05, 120), (0.1, 200), (0.2, 400)])
def test_a_candidate_worse_by_the_margin_passes_less_often_than_promised(noise, cases):
    seen = verdicts(0.05, noise, cases)
    assert seen["PASS"] / GATES <= 0.05
    assert seen["FAIL"] / GATES <= 0.05


def test_a_ten_point_drop_fails_mostly_and_hardly_ever_passes():
    seen = verdicts(0.10, 0.1, 500)
    assert seen["FAIL"] / GATES >= 0.8
    assert seen["PASS"] == 0


def test_an_identical_candidate_passes_given_enough_cases():
    assert verdicts(0.0, 0.1, 400)["PASS"] / GATES >= 0.85
    assert verdicts(0.0, 0.0, 70)["PASS"] == GATES


def test_twelve_cases_never_pass_unless_the_candidate_is_far_better():
    assert verdict_of(0, 0, 12) == verdict_of(1, 3, 12) == "INCONCLUSIVE"
    for drop in (0.0, 0.05, 0.3):
        assert verdicts(drop, 0.1, 12)["PASS"] / GATES <= 0.05


@pytest.mark.parametrize(
    ("drop", "cases", "verdict"),
    [(0.10, 1_000, "FAIL"), (0.0, 200, "PASS"), (0.0, 12, "INCONCLUSIVE")],
)
def test_the_whole_gate_says_the_same(drop, cases, verdict):
    arms = pairs(round(drop * cases), 0, cases)
    decision = decide(
        tallies_of(arms), suite(cases), POLICY, Evidence(pairs=tuple(arms), guardrails=())
    )
    assert decision.verdict == verdict
    assert any("cases would decide" in reason for reason in decision.reasons) == (cases == 12)
