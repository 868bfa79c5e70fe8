"""From the results of a run to its verdict: one decision a suite, all of them must pass. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from datetime import datetime
from typing import Any

from evals.domain.gate import (
    Advisory,
    CaseTally,
    Decision,
    Evidence,
    GuardrailSample,
    JudgeRecord,
    PairedCase,
    Quarantine,
    Verdict,
    decide,
    may_stop,
    weigh_guardrails_of_suites,
)
from evals.domain.percent import interval_text, percent, plural
from evals.domain.statistics import wilson
from evals.domain.suite import SuiteSpec
from registry.domain.policy import GatePolicy

#: The worst one counts for the run.
_SEVERITY: tuple[Verdict, ...] = ("PASS", "INCONCLUSIVE", "FAIL", "ERROR")


@dataclass(frozen=True, slots=True)
class SuiteResults:
    """A suite as it was measured, and how its cases went.

    `pairs` and `guardrails` are None without a live version to compare with. `skipped` are the
    cases that the live version cannot be asked, `baseline_errors` those it gave no answer to.
    `judges` are the records of the judges that count, by the suite's names.
    """

    suite: SuiteSpec
    tallies: tuple[CaseTally, ...]
    pairs: tuple[PairedCase, ...] | None = None
    clusters: Mapping[str, str] = field(default_factory=dict)
    advisories: tuple[Advisory, ...] = ()
    quarantine: tuple[Quarantine, ...] = ()
    now: datetime | None = None
    skipped: tuple[str, ...] = ()
    baseline_errors: tuple[str, ...] = ()
    guardrails: tuple[GuardrailSample, ...] | None = None
    judges: Mapping[str, JudgeRecord] = field(default_factory=dict)

    @property
    def evidence(self) -> Evidence:
        """What the gate weighs beside the candidate's own results."""
        return Evidence(
            pairs=self.pairs,
            guardrails=self.guardrails,
            advisories=self.advisories,
            quarantine=self.quarantine,
            now=self.now,
            clusters=self.clusters,
            judges=self.judges,
        )

    @property
    def has_live(self) -> bool:
        """Whether there is a live version to compare with."""
        return self.pairs is not None or self.guardrails is not None

    @property
    def remarks(self) -> tuple[str, ...]:
        """What a reader must know about the comparison."""
        if not self.skipped:
            return ()
        cases = plural(len(self.skipped), "case")
        return (f"the live version cannot be asked {cases}; they count as if it had passed them",)

    @property
    def doubts(self) -> tuple[str, ...]:
        """Why the comparison cannot be trusted."""
        if not self.baseline_errors:
            return ()
        return (f"the live version gave no answer to {plural(len(self.baseline_errors), 'case')}",)


@dataclass(frozen=True, slots=True)
class RunDecision:
    """The verdict of a run, why, and what each suite contributed to it."""

    verdict: Verdict
    reasons: tuple[str, ...]
    names: tuple[str, ...]
    decisions: tuple[Decision, ...]

    def summary(self) -> dict[str, Any]:
        """What the run stores and the certificate cites: totals, then each suite.

        `pass_rate`, `interval` and `corrected` at the top are those of the only suite, or None:
        suites have floors of their own, so a common interval would decide nothing. The rate is raw;
        where judges decide, the gate counts `corrected`.
        """
        only = self.decisions[0] if len(self.decisions) == 1 else None
        return {
            "cases": sum(decision.cases for decision in self.decisions),
            "passed": sum(decision.passed for decision in self.decisions),
            "pass_rate": only.pass_rate if only else None,
            "interval": _bounds(only) if only else None,
            "corrected": _corrected(only) if only else None,
            "suites": [
                asdict(decision)
                | {
                    "name": name,
                    "interval": _bounds(decision),
                    "corrected": _corrected(decision),
                }
                for name, decision in zip(self.names, self.decisions, strict=True)
            ],
        }


def _bounds(decision: Decision) -> list[float] | None:
    return [decision.interval.low, decision.interval.high] if decision.interval else None


def _corrected(decision: Decision) -> dict[str, Any] | None:
    found = decision.corrected
    if found is None:
        return None
    return asdict(found) | {"interval": [found.interval.low, found.interval.high]}


def decide_run(
    results: Sequence[SuiteResults], policy: GatePolicy, *, doubts: Sequence[str], is_pinned: bool
) -> RunDecision:
    """The worst of the suites' verdicts. `doubts` say why the measurement itself cannot be
    trusted: with any of them the verdict is ERROR. An unpinned model never passes a policy that
    asks for a pinned one.
    """
    names = tuple(part.suite.name for part in results)
    decisions = tuple(
        decide(part.tallies, part.suite, policy, evidence)
        for part, evidence in zip(results, _evidence(results, policy), strict=True)
    )
    doubts = (*doubts, *(doubt for part in results for doubt in part.doubts))
    verdicts = [decision.verdict for decision in decisions]
    reasons = [
        reason if len(results) == 1 else f"{part.suite.name}: {reason}"
        for part, decision in zip(results, decisions, strict=True)
        for reason in (*decision.reasons, *part.remarks)
    ]
    if not is_pinned and not policy.allow_unpinned_model:
        verdicts.append("INCONCLUSIVE")
        reasons.append(
            f"the model has no fixed revision, and the policy {policy.name} asks for one"
        )
    if doubts or not decisions:
        verdicts.append("ERROR")
    worst = max(verdicts, key=_SEVERITY.index)
    return RunDecision(worst, (*doubts, *reasons), names, decisions)


def _evidence(results: Sequence[SuiteResults], policy: GatePolicy) -> Iterator[Evidence]:
    """What the gate weighs in each suite, its guardrails together with those of the others."""
    weighed = iter(
        weigh_guardrails_of_suites(
            [part.guardrails or () for part in results if part.has_live], policy
        )
    )
    for part in results:
        yield replace(part.evidence, weighed=next(weighed)) if part.has_live else part.evidence


def failed_early(results: Sequence[SuiteResults], policy: GatePolicy) -> RunDecision | None:
    """The FAIL of a run that need not go on: one suite has failed, whatever the others will say."""
    for part in results:
        if part.advisories or part.quarantine:
            continue  # not every pair counts: the whole run tells
        stop = may_stop(part.pairs or (), policy, planned=len(part.suite.cases))
        if stop is not None:
            return RunDecision("FAIL", stop.sentences, (part.suite.name,), (stop.decision,))
    return None


def self_comparison(
    results: Sequence[SuiteResults], doubts: Sequence[str]
) -> tuple[dict[str, Any], tuple[str, ...]]:
    """How often the live version's outcome differed from its own: the summary and the sentences.

    `flip_rate` is the share of the cases whose two arms differ; None when something is missing.
    """
    pairs = [pair for part in results for pair in part.pairs or ()]
    wanted = sum(len(part.suite.cases) for part in results)
    flips = sum(pair.candidate != pair.baseline for pair in pairs)
    doubts = (*doubts, *(doubt for part in results for doubt in part.doubts))
    if doubts or not pairs or len(pairs) < wanted:
        lost = f"only {len(pairs)} of {wanted} cases were answered twice"
        return {"cases": wanted, "flip_rate": None}, doubts or (lost,)
    rate = flips / len(pairs)
    interval = wilson(flips, len(pairs))
    told = (
        f"{flips} of {plural(len(pairs), 'case')} came out differently with nothing changed: "
        f"{percent(rate)} (interval {interval_text(interval)})"
    )
    return {"cases": wanted, "flips": flips, "flip_rate": rate}, (told,)
