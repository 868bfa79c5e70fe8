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
    "description confidence min_cases min_pass_rate certificate_days allow_unpinned_model"
).split()


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

    @property
    def digest(self) -> str:
        """Of the rule itself: the name and the description do not count."""
        rule = self.to_json()
        del rule["name"], rule["description"]
        return digest(rule)

    def to_json(self) -> dict[str, Any]:
        """A JSON object with every field."""
        return asdict(self)

    @classmethod
    def from_json(cls, value: Mapping[str, Any]) -> GatePolicy:
        """What `to_json` wrote."""
        return cls(**value)


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
    return GatePolicy(
        name=name,
        description=fields.text("description"),
        confidence=fields.number("confidence", 0.95, 0.501, 0.9999),
        min_cases=fields.integer("min_cases", 30, 1, 1_000_000),
        min_pass_rate=fields.number("min_pass_rate", 0.8, 0.0001, 1.0),
        certificate_days=days,
        allow_unpinned_model=fields.boolean("allow_unpinned_model", default=False),
    )


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
