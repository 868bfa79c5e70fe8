"""Evaluations: how they go, and what they came to."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from assay.answers.forecasts import Forecast
from assay.answers.latency import LatencyPhase
from assay.answers.measured import Measured


@dataclass(frozen=True, slots=True)
class Progress:
    """How many of a run's answers are in. `errors` are among the done."""

    done: int
    total: int
    errors: int


@dataclass(frozen=True, slots=True)
class EvalRun:
    """An evaluation. `verdict` and `passed` are None until it is finished.

    `kind` is `gate`; `self`: the live version asked everything twice, which has no verdict; or
    `check`: a version that a commit proposes.
    `baseline` is the live version that was asked the same questions, None when none was.
    `pass_rate` and `interval` are None for ERROR too, and for several suites: each has a floor of
    its own. `advisory` has the judges that decide nothing (suite/judge) and why, `latency` the
    phases suite by suite, `cached` counts the answers taken from earlier runs. `certificate` is a
    digest.
    """

    run: str
    prompt: str
    version: int
    model: str
    tag: str
    policy: str
    suites: tuple[str, ...]
    status: str
    verdict: str | None
    reasons: tuple[str, ...]
    cases: int
    passed: int | None
    pass_rate: float | None
    interval: tuple[float, float] | None
    progress: Progress
    prompt_tokens: int
    completion_tokens: int
    certificate: str | None
    forecast: Forecast | None
    fingerprint: str | None
    requested_by: str
    created_at: str
    started_at: str | None
    finished_at: str | None
    kind: str = "gate"
    baseline: int | None = None
    measured: Measured = field(default_factory=Measured)
    latency: Mapping[str, LatencyPhase] = field(default_factory=dict)
    advisory: Mapping[str, str] = field(default_factory=dict)
    cached: int = 0

    @property
    def is_over(self) -> bool:
        """Whether nothing more will happen unless somebody resumes it."""
        return self.status in {"finished", "cancelled"}

    @property
    def is_self_comparison(self) -> bool:
        """Whether the live version was asked everything twice."""
        return self.kind == "self"
