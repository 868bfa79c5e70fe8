"""Stopping a run that has shown enough: only ever to fail it.

Looking again and again at a fixed-sample test finds something sooner or later; the e-process does
not. A run is stopped when both hold: the e-process over flipped cases shows that the arms differ,
with the candidate worse (a candidate as good as the live version is ever stopped with probability
at most 1 - confidence, however often one looks), and the upper bound of the difference lies below
-margin on the cases measured, which is the gate's own rule for FAIL.

A stopped run may conclude FAIL and nothing else. It can never pass: floors, guardrails and
critical cases are promises about the whole suite, and part of a suite is no measurement of it. So
there is nothing to gain from stopping a run that looks good, and it is not stopped. The cases
measured so far stand for the suite only when their order has nothing to do with the answers: a run
that may stop asks its cases in an arbitrary order (that of a digest, say), not sorted by topic.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from evals.domain.gate.comparison import compare
from evals.domain.gate.decision import Comparison, Decision
from evals.domain.gate.tally import PairedCase, flips_of_clusters
from evals.domain.percent import plural
from evals.domain.statistics import e_value
from registry.domain.policy import GatePolicy


@dataclass(frozen=True, slots=True)
class StopDecision:
    """Why a run may end now. `e_value` is the wealth of the bet against "the arms are alike",
    `passed` the cases the candidate passed in every repeat until now.
    """

    verdict: Literal["FAIL"]
    e_value: float
    comparison: Comparison
    sentences: tuple[str, ...]
    passed: int

    @property
    def decision(self) -> Decision:
        """What the stopped run concludes. No pass rate: part of a run is no measurement of it."""
        return Decision(
            verdict=self.verdict,
            reasons=self.sentences,
            pass_rate=None,
            interval=None,
            cases=self.comparison.cases,
            passed=self.passed,
            comparison=self.comparison,
        )


def may_stop(
    pairs_so_far: Sequence[PairedCase], policy: GatePolicy, planned: int | None = None
) -> StopDecision | None:
    """Whether this run has already failed. `pairs_so_far` are the cases of which both arms are
    complete (every repeat), `planned` the cases of the suite, to say what is saved.

    None: go on. Always None without `early_stop` and a margin.
    """
    if not policy.early_stop or policy.margin is None or not pairs_so_far:
        return None
    seen = flips_of_clusters(pairs_so_far)
    wealth = e_value(seen.worse, seen.better)
    if seen.worse <= seen.better or wealth < 1 / (1 - policy.confidence):
        return None
    found = compare(pairs_so_far, policy)
    if found.verdict != "FAIL":
        return None
    passed = sum(pair.candidate >= 1 for pair in pairs_so_far)
    return StopDecision("FAIL", wealth, found, _sentences(found, wealth, planned), passed)


def _sentences(found: Comparison, wealth: float, planned: int | None) -> tuple[str, ...]:
    of = "" if planned is None else f" of {planned:,}"
    saved = "" if planned is None else f": {plural(planned - found.cases, 'case')} saved"
    why = f"the flips speak {wealth:,.0f} to 1 against equal arms, however often one looks"
    return (
        f"stopped early after {found.cases:,}{of} cases{saved}; {why}",
        *found.sentences,
    )
