"""What the gate weighs beside the candidate's own results."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime

from evals.domain.gate.tally import PairedCase


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
class Quarantine:
    """A flaky case, who looks after it, and when it counts like any other again."""

    key: str
    owner: str
    expires: datetime


@dataclass(frozen=True, slots=True)
class GuardrailSample:
    """What one guardrail measured: the figures of both arms, answer by answer in the same order.

    Milliseconds, tokens or USD. `clusters` names what the answers have in common (the case whose
    repeats they are); empty when each answer stands alone.
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
    what has expired.
    """

    pairs: tuple[PairedCase, ...] | None = None
    guardrails: tuple[GuardrailSample, ...] | None = None
    advisories: tuple[Advisory, ...] = ()
    quarantine: tuple[Quarantine, ...] = ()
    now: datetime | None = None
    clusters: Mapping[str, str] = field(default_factory=dict)
