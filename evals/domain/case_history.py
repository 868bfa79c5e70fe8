"""How one case went in run after run, and what that makes it: stable, flaky, regressed, fixed."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from itertools import pairwise
from uuid import UUID

from evals.domain.case_state import CaseState, case_state

_PASS, _FAIL, _ERROR = "pass", "fail", "error"


class CaseClass(StrEnum):
    """What the runs looked at say about a case."""

    #: Every answer came out the same.
    STABLE = "stable"
    #: Answers differ where nothing differs: same version, same model fingerprint, same suite.
    FLAKY = "flaky"
    #: It passed before the newest change, and fails since.
    REGRESSED = "regressed"
    #: It failed before the newest change, and passes since.
    FIXED = "fixed"
    #: No answer could be judged.
    UNJUDGED = "unjudged"


@dataclass(frozen=True, slots=True)
class CaseRun:
    """How one case went in one run: an outcome per repeat (`pass`, `fail`, `error`).

    `fingerprint` is that of the model, `suite` the digest of the suite as it was then.
    """

    run: UUID
    version: int
    at: datetime
    fingerprint: str
    suite: str
    outcomes: tuple[str, ...]

    @property
    def judged(self) -> frozenset[str]:
        """What came out, errors apart: they say nothing about the case."""
        return frozenset(self.outcomes) & {_PASS, _FAIL}

    @property
    def state(self) -> CaseState:
        """What the repeats came to."""
        return case_state(*(self.outcomes.count(outcome) for outcome in (_PASS, _FAIL, _ERROR)))

    @property
    def subject(self) -> tuple[int, str, str]:
        """What was measured, and with what. Runs that share it should come out the same."""
        return (self.version, self.fingerprint, self.suite)


@dataclass(frozen=True, slots=True)
class CaseStanding:
    """The class of a case. `since` is the version it regressed or was fixed with, else None."""

    kind: CaseClass
    since: int | None = None


def standing(runs: Sequence[CaseRun]) -> CaseStanding:
    """Judge a case by its runs, in any order.

    What was measured is ordered by version, then by time; a version that was measured with two
    fingerprints or two suites counts as two. An answer that was taken from an earlier run is the
    earlier answer again, so it makes no case flaky.
    """
    judged = [run for run in runs if run.judged]
    if not judged:
        return CaseStanding(CaseClass.UNJUDGED)
    outcomes: dict[tuple[int, str, str], set[str]] = {}
    for run in sorted(judged, key=lambda run: (run.version, run.at)):
        outcomes.setdefault(run.subject, set()).update(run.judged)
    if any(len(found) > 1 for found in outcomes.values()):
        return CaseStanding(CaseClass.FLAKY)
    states = [(subject[0], min(found)) for subject, found in outcomes.items()]
    for (_, before), (version, after) in reversed(list(pairwise(states))):
        if before != after:
            kind = CaseClass.FIXED if after == _PASS else CaseClass.REGRESSED
            return CaseStanding(kind, since=version)
    return CaseStanding(CaseClass.STABLE)
