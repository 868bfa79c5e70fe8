"""From the results of a run to its verdict: one decision a suite, all of them must pass. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any

from evals.domain.gate import CaseTally, Decision, Verdict, decide
from evals.domain.suite import SuiteSpec
from registry.domain.policy import GatePolicy

#: The worst one counts for the run.
_SEVERITY: tuple[Verdict, ...] = ("PASS", "INCONCLUSIVE", "FAIL", "ERROR")


@dataclass(frozen=True, slots=True)
class SuiteResults:
    """A suite as it was measured, and how its cases went."""

    suite: SuiteSpec
    tallies: tuple[CaseTally, ...]


@dataclass(frozen=True, slots=True)
class RunDecision:
    """The verdict of a run, why, and what each suite contributed to it."""

    verdict: Verdict
    reasons: tuple[str, ...]
    names: tuple[str, ...]
    decisions: tuple[Decision, ...]

    def summary(self) -> dict[str, Any]:
        """What the run stores and the certificate cites: totals, then each suite.

        `pass_rate` and `interval` at the top are those of the only suite, or None: suites have
        floors of their own, so a common interval would decide nothing.
        """
        only = self.decisions[0] if len(self.decisions) == 1 else None
        return {
            "cases": sum(decision.cases for decision in self.decisions),
            "passed": sum(decision.passed for decision in self.decisions),
            "pass_rate": only.pass_rate if only else None,
            "interval": _bounds(only) if only else None,
            "suites": [
                asdict(decision) | {"name": name, "interval": _bounds(decision)}
                for name, decision in zip(self.names, self.decisions, strict=True)
            ],
        }


def _bounds(decision: Decision) -> list[float] | None:
    return [decision.interval.low, decision.interval.high] if decision.interval else None


def decide_run(
    results: Sequence[SuiteResults], policy: GatePolicy, *, doubts: Sequence[str], is_pinned: bool
) -> RunDecision:
    """The worst of the suites' verdicts. `doubts` say why the measurement itself cannot be
    trusted: with any of them the verdict is ERROR. An unpinned model never passes a policy that
    asks for a pinned one.
    """
    names = tuple(part.suite.name for part in results)
    decisions = tuple(decide(part.tallies, part.suite, policy) for part in results)
    verdicts = [decision.verdict for decision in decisions]
    reasons = [
        reason if len(results) == 1 else f"{name}: {reason}"
        for name, decision in zip(names, decisions, strict=True)
        for reason in decision.reasons
    ]
    if not is_pinned and not policy.allow_unpinned_model:
        verdicts.append("INCONCLUSIVE")
        reasons.append(f"the model has no revision, and the policy {policy.name} asks for one")
    if doubts or not decisions:
        verdicts.append("ERROR")
    worst = max(verdicts, key=_SEVERITY.index)
    return RunDecision(worst, (*doubts, *reasons), names, decisions)
