"""A suite as a value: what is asked, how often, and how the answers are judged."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

from core.digest import canonical_json, digest
from evals.domain.checks import SEMANTICS, CheckSpec
from evals.domain.judge.spec import JudgeSpec
from evals.domain.latency.spec import LatencySpec


def _said(**values: Any) -> dict[str, Any]:
    """Those that say something: what a later release added stays out of the digest until used."""
    return {key: value for key, value in values.items() if value is not None and value is not False}


@dataclass(frozen=True, slots=True)
class CaseSpec:
    """One question. `repeats` None means as often as the suite says; `expected` None means none.

    `checks` are the case's own; `SuiteSpec.checks_of` gives all that apply. `placeholders` maps a
    name to messages, each an object with `role` and `content`. `threshold` None leaves it to the
    suite; `cluster` None leaves it to the suite's cluster variable.
    """

    key: str
    variables: Mapping[str, Any]
    placeholders: Mapping[str, Any]
    expected: Any
    critical: bool
    repeats: int | None
    checks: tuple[CheckSpec, ...]
    tags: tuple[str, ...]
    threshold: float | None = None
    cluster: str | None = None

    def to_json(self) -> dict[str, Any]:
        """A JSON object that `from_json` reads back to an equal value."""
        return {
            "key": self.key,
            "variables": dict(self.variables),
            "placeholders": dict(self.placeholders),
            "expected": self.expected,
            "critical": self.critical,
            "repeats": self.repeats,
            "checks": [check.to_json() for check in self.checks],
            "tags": list(self.tags),
            **_said(threshold=self.threshold, cluster=self.cluster),
        }

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> CaseSpec:
        """Read what `to_json` wrote."""
        return cls(
            key=data["key"],
            variables=dict(data["variables"]),
            placeholders=dict(data["placeholders"]),
            expected=data["expected"],
            critical=data["critical"],
            repeats=data["repeats"],
            checks=tuple(CheckSpec.from_json(check) for check in data["checks"]),
            tags=tuple(data["tags"]),
            threshold=data.get("threshold"),
            cluster=data.get("cluster"),
        )


@dataclass(frozen=True)
class SuiteSpec:
    """A complete suite. `min_pass_rate` and `min_cases` None leave the floor to the policy.

    `threshold` is the share of its weighted score that passes a case; None: every check must pass.
    `cluster` names the variable whose value says which cases belong together. `latency` None: the
    suite has no latency phase. `judges` are what its checks of the types judge and pairwise name;
    `pins` are the models that its checks ask for embeddings, name to digest of the pin.
    """

    name: str
    description: str
    repeats: int
    min_pass_rate: float | None
    min_cases: int | None
    checks: tuple[CheckSpec, ...]
    cases: tuple[CaseSpec, ...]
    threshold: float | None = None
    cluster: str | None = None
    allow_self_judging: bool = False
    latency: LatencySpec | None = None
    judges: Mapping[str, JudgeSpec] = field(default_factory=dict)
    pins: Mapping[str, str] = field(default_factory=dict)

    @cached_property
    def digest(self) -> str:
        """SHA-256 over everything that can change a result: 64 hex digits.

        Name, description and the order of the cases are not part of it; the meaning of the checks
        (`SEMANTICS`) is.
        """
        body = self.to_json()
        del body["name"], body["description"]
        if self.judges:  # their texts are long, and partly for people
            body["judges"] = {name: judge.digest for name, judge in self.judges.items()}
        body["cases"] = [c.to_json() for c in sorted(self.cases, key=lambda case: case.key)]
        return digest({"semantics": SEMANTICS, **body})

    def repeats_of(self, case: CaseSpec) -> int:
        """How often this case is asked."""
        return self.repeats if case.repeats is None else case.repeats

    def checks_of(self, case: CaseSpec) -> tuple[CheckSpec, ...]:
        """All checks an answer to this case must pass: the suite's, then the case's own."""
        return (*self.checks, *case.checks)

    def threshold_of(self, case: CaseSpec) -> float | None:
        """The score that passes this case; None: every check must pass."""
        return self.threshold if case.threshold is None else case.threshold

    def cluster_of(self, case: CaseSpec) -> str:
        """Which cases this one belongs with: equal texts are one cluster.

        The row's own `cluster` comes first, then the value of the cluster variable (both as JSON);
        a case with neither stands alone.
        """
        if case.cluster is not None:
            return canonical_json(case.cluster).decode()
        if self.cluster is not None and self.cluster in case.variables:
            return canonical_json(case.variables[self.cluster]).decode()
        return f"case {case.key}"  # no JSON starts like this

    @property
    def requests(self) -> int:
        """Answers a run of this suite asks for."""
        return sum(self.repeats_of(case) for case in self.cases)

    def to_json(self) -> dict[str, Any]:
        """A JSON object that `from_json` reads back to an equal value."""
        return {
            "name": self.name,
            "description": self.description,
            "repeats": self.repeats,
            "min_pass_rate": self.min_pass_rate,
            "min_cases": self.min_cases,
            "checks": [check.to_json() for check in self.checks],
            "cases": [case.to_json() for case in self.cases],
            **self._settings(),
        }

    def _settings(self) -> dict[str, Any]:
        # Keys that came after the first release.
        return _said(
            threshold=self.threshold,
            cluster=self.cluster,
            allow_self_judging=self.allow_self_judging,
            latency=None if self.latency is None else self.latency.to_json(),
            judges={name: judge.to_json() for name, judge in self.judges.items()} or None,
            pins=dict(self.pins) or None,
        )

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> SuiteSpec:
        """Read what `to_json` wrote."""
        return cls(
            name=data["name"],
            description=data["description"],
            repeats=data["repeats"],
            min_pass_rate=data["min_pass_rate"],
            min_cases=data["min_cases"],
            checks=tuple(CheckSpec.from_json(check) for check in data["checks"]),
            cases=tuple(CaseSpec.from_json(case) for case in data["cases"]),
            threshold=data.get("threshold"),
            cluster=data.get("cluster"),
            allow_self_judging=data.get("allow_self_judging", False),
            latency=LatencySpec.from_json(data["latency"]) if "latency" in data else None,
            judges={name: JudgeSpec.from_json(j) for name, j in data.get("judges", {}).items()},
            pins=dict(data.get("pins", {})),
        )
