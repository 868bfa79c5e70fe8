"""What the gate weighs beside the candidate's own results."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime

from evals.domain.gate.decision import GuardrailResult
from evals.domain.gate.tally import PairedCase
from evals.domain.statistics import Hits


@dataclass(frozen=True, slots=True)
class Advisory:
    """A judge that is shown and counts for nothing. `reason` is a clause: `kappa 0.1 is below 0.6`.

    `check` is what a check that asks it is called, for sentences only: elsewhere in the suite the
    same name may stand for a check of another kind, or one that asks another judge. The caller
    leaves the judge's checks out of the outcomes of cases.
    """

    check: str
    judge: str
    reason: str


@dataclass(frozen=True, slots=True)
class JudgeRecord:
    """A judge that counts: how it did on human labels, and what it said about this run's answers.

    `sensitivity`: of the labelled answers that people pass, those the judge passed; `specificity`:
    of those that people fail, those it failed. None when there is no such label. `passed` is the
    share of its verdicts on a case that passed, by the key of the case.
    """

    judge: str
    sensitivity: Hits | None = None
    specificity: Hits | None = None
    passed: Mapping[str, float] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Quarantine:
    """A flaky case, who looks after it, and when it counts like any other again."""

    key: str
    owner: str
    expires: datetime


@dataclass(frozen=True, slots=True)
class GuardrailSample:
    """What one guardrail measured: the figures of both arms, answer by answer in the same order.

    Milliseconds, tokens or USD. `clusters` names what the answers have in common (their document,
    or the case whose repeats they are); empty when each answer stands alone.
    """

    name: str
    candidate: tuple[float, ...]
    baseline: tuple[float, ...]
    clusters: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Evidence:
    """`pairs` and `guardrails` None: there is no live version to compare with.

    `pairs` has every case of the suite. `clusters` maps the keys of cases to the cluster they
    belong to; a case that is not in it stands alone. `now` is needed with `quarantine`, to tell
    what has expired. `judges` are the records of the suite's judges, by name. `weighed` are the
    guardrails when they were weighed with those of the run's other suites.
    """

    pairs: tuple[PairedCase, ...] | None = None
    guardrails: tuple[GuardrailSample, ...] | None = None
    advisories: tuple[Advisory, ...] = ()
    quarantine: tuple[Quarantine, ...] = ()
    now: datetime | None = None
    clusters: Mapping[str, str] = field(default_factory=dict)
    judges: Mapping[str, JudgeRecord] = field(default_factory=dict)
    weighed: tuple[GuardrailResult, ...] | None = None
