"""Gate policies: how much evidence a tag asks for."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from typing import Any

from core.digest import digest
from core.findings import Finding
from registry.domain.fields import Fields
from registry.domain.names import RESERVED_TAGS, is_name
from registry.domain.source import Source

_KEYS = (
    "description confidence min_cases min_pass_rate certificate_days allow_unpinned_model "
    "margin guardrails early_stop judge"
).split()

#: What a guardrail can watch: means over answers, or percentiles of what a caller waited for.
GUARDRAILS = (
    "latency_mean latency_p50 latency_p95 ttft_mean ttft_p50 ttft_p95 tpot_mean tpot_p50 tpot_p95 "
    "cost tokens prompt_tokens completion_tokens"
).split()


@dataclass(frozen=True)
class Guardrail:
    """A side effect that may fail the gate: `max_increase` 0.2 allows 20 % above the live version.

    `name` is one of `GUARDRAILS`.
    """

    name: str
    max_increase: float


@dataclass(frozen=True)
class JudgeFloor:
    """What a judge must have shown against human labels before its verdicts count in a gate."""

    min_kappa: float = 0.6
    #: Of the lower bound of kappa's interval.
    min_kappa_low: float = 0.4
    min_labels: int = 50


@dataclass(frozen=True)
class GatePolicy:
    """The rule a verdict is made by."""

    name: str
    description: str = ""
    #: Of the interval around the pass rate, above 0.5 and below 1.
    confidence: float = 0.95
    min_cases: int = 30
    min_pass_rate: float = 0.8
    #: None: a certificate never ends by age.
    certificate_days: int | None = 90
    allow_unpinned_model: bool = False
    #: How much worse than the live version is still as good, as a share: 0.05 are 5 points.
    #: None: only the floors decide.
    margin: float | None = None
    guardrails: tuple[Guardrail, ...] = ()
    #: Stop a run as soon as it is proved worse than the margin allows; asks for a margin.
    early_stop: bool = False
    judge: JudgeFloor = JudgeFloor()

    @property
    def is_timed(self) -> bool:
        """Whether a guardrail watches how long answers take."""
        return any(rail.name.startswith(("latency_", "ttft_", "tpot_")) for rail in self.guardrails)

    @property
    def digest(self) -> str:
        """Of the rule itself: the name, the description and the order of the guardrails do not
        count. A rule that leaves a newer key out keeps the digest it had before the key existed.
        """
        rule = self.to_json()
        del rule["name"], rule["description"]
        return digest(rule)

    def to_json(self) -> dict[str, Any]:
        """A JSON object; `margin`, `guardrails`, `early_stop`, `judge` only where they say more
        than their defaults.
        """
        written = asdict(self)
        written["guardrails"] = {rail.name: rail.max_increase for rail in self.guardrails}
        for key in _LATER:
            if getattr(self, key) == getattr(_DEFAULT, key):
                del written[key]
        return written

    @classmethod
    def from_json(cls, value: Mapping[str, Any]) -> GatePolicy:
        """What `to_json` wrote."""
        read = dict(value)
        if "guardrails" in read:
            read["guardrails"] = tuple(Guardrail(*pair) for pair in read["guardrails"].items())
        if "judge" in read:
            read["judge"] = JudgeFloor(**read["judge"])
        return cls(**read)


_DEFAULT = GatePolicy("")
#: Keys that policies of the first cut did not have.
_LATER = ("margin", "guardrails", "early_stop", "judge")


@dataclass(frozen=True)
class Gates:
    """gates.yaml: the policies, and which tag asks for which."""

    policies: Mapping[str, GatePolicy] = field(default_factory=dict)
    tags: Mapping[str, str] = field(default_factory=dict)


def parse_gates(path: str, data: bytes) -> tuple[Gates, tuple[Finding, ...]]:
    """gates.yaml. A policy with a mistake is left out; the others are still there."""
    source = Source(path)
    text = source.decode(data)
    if text is None or not source.load(text):
        return Gates(), tuple(source.findings)
    top = Fields(source, (), source.document.value, ("policies", "tags"))
    section = top.mapping("policies", None)
    policies: dict[str, GatePolicy] = {}
    for name in section.values:
        before = len(source.findings)
        policy = _policy(section, name)
        if len(source.findings) == before:
            policies[name] = policy
    return Gates(policies, _tags(top, policies)), tuple(source.findings)


def _policy(section: Fields, name: str) -> GatePolicy:
    if not is_name(name):
        at = (*section.at, name)
        section.source.report_key(at, "bad_name", f"{name[:60]!r} is not a valid name.")
    fields = section.mapping(name, _KEYS) if section.values[name] is not None else None
    if fields is None:
        return GatePolicy(name)
    days: int | None = None
    if fields.values.get("certificate_days", 90) is not None:
        days = fields.integer("certificate_days", 90, 1, 36_500)
    margin = None
    if fields.values.get("margin") is not None:
        margin = fields.number("margin", 0.05, 0.001, 0.5)
    return GatePolicy(
        name=name,
        description=fields.text("description"),
        confidence=fields.number("confidence", 0.95, 0.501, 0.9999),
        min_cases=fields.integer("min_cases", 30, 1, 1_000_000),
        min_pass_rate=fields.number("min_pass_rate", 0.8, 0.0001, 1.0),
        certificate_days=days,
        allow_unpinned_model=fields.boolean("allow_unpinned_model", default=False),
        margin=margin,
        guardrails=_guardrails(fields),
        early_stop=_early_stop(fields, margin),
        judge=_judge_floor(fields),
    )


def _guardrails(policy: Fields) -> tuple[Guardrail, ...]:
    """In the order of their names, so that two spellings of one rule are the same rule."""
    section = policy.mapping("guardrails", GUARDRAILS)
    found = []
    for name in sorted(name for name in section.values if name in GUARDRAILS):
        rail = section.mapping(name, ("max_increase",))
        if "max_increase" in rail:
            found.append(Guardrail(name, rail.number("max_increase", 0.2, 0.0, 100.0)))
        else:
            section.wrong(name, "missing_key", f"Write `{name}: {{max_increase: 0.2}}`.")
    return tuple(found)


def _early_stop(policy: Fields, margin: float | None) -> bool:
    stops = policy.boolean("early_stop", default=False)
    if stops and margin is None:
        policy.wrong(
            "early_stop",
            "needs_margin",
            "`early_stop` compares with the live version, so it needs a `margin`.",
            hint="add `margin: 0.05`",
        )
    return stops


def _judge_floor(policy: Fields) -> JudgeFloor:
    section = policy.mapping("judge", ("min_kappa", "min_kappa_low", "min_labels"))
    usual = JudgeFloor()
    floor = JudgeFloor(
        min_kappa=section.number("min_kappa", usual.min_kappa, 0.0, 1.0),
        min_kappa_low=section.number("min_kappa_low", usual.min_kappa_low, -1.0, 1.0),
        min_labels=section.integer("min_labels", usual.min_labels, 1, 1_000_000),
    )
    if floor.min_kappa_low > floor.min_kappa:
        policy.wrong(
            "judge", "bad_value", "`min_kappa_low` is the lower bound: at most `min_kappa`."
        )
    return floor


def _tags(top: Fields, policies: Mapping[str, GatePolicy]) -> dict[str, str]:
    section = top.mapping("tags", None)
    found: dict[str, str] = {}
    for tag in section.values:
        at = (*section.at, tag)
        if not is_name(tag) or tag in RESERVED_TAGS:
            section.source.report_key(at, "bad_name", f"{tag[:60]!r} cannot be a tag.")
            continue
        policy = section.name(tag, is_name)
        if policy is not None and policy not in policies:
            section.wrong(tag, "unknown_policy", f"There is no policy {policy!r} here.")
        elif policy is not None:
            found[tag] = policy
    return found
