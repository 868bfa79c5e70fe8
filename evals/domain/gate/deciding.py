"""The gate: from the results of a suite to a verdict with its reasons in sentences."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence
from dataclasses import replace

from evals.domain.checks import CheckSpec, is_remote
from evals.domain.gate.comparison import compare
from evals.domain.gate.complete import broken, critical, named, unpaired
from evals.domain.gate.decision import Comparison, Decision, GuardrailResult, Verdict
from evals.domain.gate.evidence import Evidence
from evals.domain.gate.floor import FloorResult, weigh_floor
from evals.domain.gate.guardrails import weigh_guardrails
from evals.domain.gate.judged import Deciding, deciding_judges
from evals.domain.gate.quarantine import Counted, without_credit
from evals.domain.gate.tally import CaseTally, PairedCase
from evals.domain.percent import plural
from evals.domain.spec import CaseSpec, SuiteSpec
from registry.domain.policy import GatePolicy

#: The worst one counts.
_SEVERITY: tuple[Verdict, ...] = ("PASS", "INCONCLUSIVE", "FAIL", "ERROR")
_ALONE = Evidence()


def decide(
    results: Sequence[CaseTally], suite: SuiteSpec, policy: GatePolicy, evidence: Evidence = _ALONE
) -> Decision:
    """Judge a finished run by its suite and policy.

    The worst of four: what is critical (a failure is FAIL), the floor (`weigh_floor`), the
    comparison with the live version (`compare`) when the policy has a margin, and its guardrails
    (`weigh_guardrails`). ERROR when any result of either arm is missing, an error, or does not add
    up. Without a live version the floor decides alone. Cases that nothing but advisory checks look
    at prove nothing and are left out; with no other case the verdict is INCONCLUSIVE. Quarantined
    cases get no credit (`without_credit`), and no verdict is better than that of the same results
    without any quarantine.
    """
    passed = sum(tally.passes >= tally.repeats_expected for tally in results)
    wrong = [*broken(results, suite)]
    if not wrong and evidence.pairs is not None:
        wrong = [*unpaired(evidence.pairs, results, suite)]
    if wrong:
        return Decision("ERROR", tuple(wrong), None, None, len(suite.cases), passed)
    unseen = _unseen(suite, evidence)
    seen = [tally for tally in results if tally.key not in unseen]
    shown = replace(evidence, pairs=_kept(evidence.pairs, unseen))
    counted = without_credit(seen, shown)
    decision = _merged(results, counted, unseen, suite, policy, evidence)
    if not evidence.quarantine:
        return decision
    # Fewer cases may have a tighter interval: the last pair of a cluster broken up, say.
    whole = replace(
        without_credit(seen, replace(shown, quarantine=())), sentences=_kept_out(counted)
    )
    return _worse(decision, _merged(results, whole, unseen, suite, policy, evidence))


def _unseen(suite: SuiteSpec, evidence: Evidence) -> set[str]:
    """Cases at which nothing but advisory checks look, beside those without weight."""
    judges = {one.judge for one in evidence.advisories}
    if not judges:
        return set()
    return {case.key for case in suite.cases if _is_unseen(suite, case, judges)}


def _is_unseen(suite: SuiteSpec, case: CaseSpec, judges: Collection[str]) -> bool:
    # By what a check asks, never by its name: names are unique within one case only.
    weighed = [check for check in suite.checks_of(case) if check.weight > 0]
    return bool(weighed) and all(_is_advisory(check, judges) for check in weighed)


def _is_advisory(check: CheckSpec, judges: Collection[str]) -> bool:
    return check.params.get("judge") in judges and is_remote(check.type)


def _kept_out(counted: Counted) -> tuple[str, ...]:
    return (
        *counted.sentences,
        "quarantined cases count all the same here: a quarantine never improves a verdict",
    )


def _worse(quarantined: Decision, whole: Decision) -> Decision:
    """The worse verdict of the two; with the quarantine where they agree."""
    return max(quarantined, whole, key=lambda one: _SEVERITY.index(one.verdict))


def _kept(pairs: tuple[PairedCase, ...] | None, unseen: set[str]) -> tuple[PairedCase, ...] | None:
    if pairs is None:
        return None
    return tuple(pair for pair in pairs if pair.key not in unseen)


def _merged(
    results: Sequence[CaseTally],
    counted: Counted,
    unseen: set[str],
    suite: SuiteSpec,
    policy: GatePolicy,
    evidence: Evidence,
) -> Decision:
    failed = tuple(critical(results, suite))
    judges = _deciding(counted, suite, evidence)
    floor = None
    if counted.tallies:
        floor = weigh_floor(counted.tallies, evidence.clusters, suite, policy, judges)
    comparison = compare(counted.pairs, policy, judges.skill) if counted.pairs else None
    rails: tuple[GuardrailResult, ...] = evidence.weighed or ()
    compares = evidence.guardrails is not None or counted.pairs is not None
    if compares and evidence.weighed is None:
        rails = weigh_guardrails(evidence.guardrails or (), policy)
    lacking = tuple(_lacking(counted, policy, evidence))
    verdicts = [*_verdicts(floor, comparison, rails)]
    if failed:
        verdicts.append("FAIL")
    if floor is None or lacking:
        verdicts.append("INCONCLUSIVE")
    return Decision(
        verdict=max(verdicts, key=_SEVERITY.index),
        reasons=(
            *failed,
            *(floor.sentences if floor else ("no case is left that counts: nothing is proved",)),
            *(comparison.sentences if comparison else ()),
            *(rail.sentence for rail in rails),
            *lacking,
            *_notes(counted, unseen, policy, evidence),
        ),
        pass_rate=floor.rate if floor else None,
        interval=floor.interval if floor else None,
        cases=len(counted.tallies),
        passed=sum(tally.passes >= tally.repeats_expected for tally in counted.tallies),
        comparison=comparison,
        guardrails=rails,
        corrected=floor.corrected if floor else None,
    )


def _deciding(counted: Counted, suite: SuiteSpec, evidence: Evidence) -> Deciding:
    keys = {tally.key for tally in counted.tallies} | {pair.key for pair in counted.pairs or ()}
    cases = (case for case in suite.cases if case.key in keys)
    advisory = {one.judge for one in evidence.advisories}
    return deciding_judges(cases, suite, advisory, evidence.judges)


def _verdicts(
    floor: FloorResult | None, comparison: Comparison | None, rails: Sequence[GuardrailResult]
) -> Iterator[Verdict]:
    if floor is not None:
        yield floor.verdict
    if comparison is not None and comparison.verdict is not None:
        yield comparison.verdict
    for rail in rails:
        yield rail.verdict


def _lacking(counted: Counted, policy: GatePolicy, evidence: Evidence) -> Iterator[str]:
    """What the policy asks for and a run beside a live version did not measure."""
    has_live = evidence.pairs is not None or evidence.guardrails is not None
    if has_live and policy.margin is not None and not counted.pairs:
        yield "no case is left to compare with the live version: the margin is undecided"


def _notes(
    counted: Counted, unseen: set[str], policy: GatePolicy, evidence: Evidence
) -> Iterator[str]:
    asks = policy.margin is not None or policy.guardrails
    if asks and evidence.pairs is None and evidence.guardrails is None:
        yield "there is no live version to compare with: only the floor decides"
    yield from counted.sentences
    for one in evidence.advisories:
        yield f"{one.check} is advisory, shown and not counted: {one.reason}"
    if unseen:
        keys = sorted(unseen)
        yield (
            f"{plural(len(keys), 'case')} left out, as nothing but advisory checks look at them: "
            f"{named(keys)}"
        )
