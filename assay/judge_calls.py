"""Judges: what the server says of them, and the calls about them."""

from __future__ import annotations

from dataclasses import dataclass
from urllib.parse import quote

from assay.calling import Calling
from assay.reading import read


@dataclass(frozen=True, slots=True)
class Share:
    """A share of `count` labelled answers with its 95 % interval; None when there were none."""

    value: float | None
    count: int
    interval: tuple[float, float]


@dataclass(frozen=True, slots=True)
class Kappa:
    """Cohen's kappa with its 95 % interval: 1 is perfect agreement, 0 is guessing."""

    value: float
    interval: tuple[float, float]


@dataclass(frozen=True, slots=True)
class Figures:
    """A judge against people. `tpr`: of what people pass, the share it passes; `tnr`: of what they
    fail, the share it fails. `confusion`: (a person's word, the judge's word, how often).
    """

    labels: int
    errors: int
    accuracy: Share
    tpr: Share
    tnr: Share
    kappa: Kappa
    confusion: tuple[tuple[str, str, int], ...]


@dataclass(frozen=True, slots=True)
class Judge:
    """A judge of a suite. Not trusted: advisory, shown and without a say. Blocked: a run of its
    suite ends in ERROR. `tried` says whether canaries were put to it yet.
    """

    suite: str
    judge: str
    rubric: str
    mode: str
    model: str
    samples: int
    labelled: bool
    figures: Figures | None
    measured_at: str | None
    trusted: bool
    sentence: str
    tried: bool
    blocked: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Trial:
    """A judge put to the test. `figures` and `trusted` are None until it has been measured; `error`
    says why it could not be, which says nothing about the judge.
    """

    trial: str
    kind: str
    status: str
    suite: str
    judge: str
    rubric: str
    mode: str
    model: str
    figures: Figures | None
    trusted: bool | None
    sentence: str
    error: str
    requested_by: str
    created_at: str
    finished_at: str | None

    @property
    def is_over(self) -> bool:
        """Whether nothing more will happen."""
        return self.status != "queued"


class JudgeCalls(Calling):
    """List judges, and have one measured."""

    def judges(self) -> tuple[Judge, ...]:
        """The judges of the suites as they are now."""
        return tuple(read(Judge, item) for item in self._get("/judges")["results"])

    def calibrate(self, suite: str, judge: str, *, fresh: bool = False) -> Trial:
        """Have a judge judge what people have labelled. Returns at once; what was measured already
        is the answer, unless `fresh`.
        """
        body = {"suite": suite, "judge": judge, "fresh": fresh}
        return read(Trial, self._post("/judges/calibrations", body))

    def trial(self, trial_id: str) -> Trial:
        """How a trial of a judge stands."""
        return read(Trial, self._get(f"/judges/trials/{quote(trial_id, safe='')}"))
