"""Gate policies: newer keys are read, nonsense is found, and old rules keep their address."""

from __future__ import annotations

from pathlib import Path

import pytest

from registry.domain.policy import GatePolicy, Guardrail, JudgeFloor, parse_gates

STARTER = Path(__file__).parents[3] / "prompts_repo" / "gates.yaml"


def parsed(rule: str) -> tuple[GatePolicy | None, list[tuple[int, str]]]:
    gates, findings = parse_gates("gates.yaml", f"policies:\n  a: {rule}\n".encode())
    return gates.policies.get("a"), [(finding.column, finding.code) for finding in findings]


@pytest.mark.parametrize(
    ("rule", "address"),
    [
        (
            "{confidence: 0.95, min_cases: 30, min_pass_rate: 0.8, certificate_days: 90}",
            "0dc3fa06eef9c1ba4645971e21776bceee02d7c5fb8a707c118dc47f5fb0b262",
        ),
        (
            "{confidence: 0.95, min_cases: 40, min_pass_rate: 0.9, certificate_days: 60}",
            "31aac9b21a70b688d81b7b727359771c82daa8c84891f8afacce9429e3f5be08",
        ),
        (
            "{confidence: 0.95, min_cases: 20, min_pass_rate: 0.6, certificate_days: 30}",
            "6974792f1ce08a132e6e2fe3f9086e315f89afc7e52d8b65e56dbbb19f968de7",
        ),
    ],
    ids=["release", "exact-data", "trial"],
)
def test_a_rule_of_the_first_cut_keeps_its_address(rule: str, address: str) -> None:
    policy, findings = parsed(rule)
    assert findings == []
    assert policy is not None
    assert policy.digest == address
    assert set(policy.to_json()).isdisjoint({"margin", "guardrails", "early_stop", "judge"})


def test_the_starter_repository_has_policies_without_findings() -> None:
    gates, findings = parse_gates("gates.yaml", STARTER.read_bytes())
    assert findings == ()
    assert set(gates.tags.values()) <= set(gates.policies)


def test_the_newer_keys_are_read_and_survive_json() -> None:
    policy, findings = parsed(
        "{margin: 0.05, early_stop: true, judge: {min_kappa: 0.7, min_labels: 100}, "
        "guardrails: {latency_p95: {max_increase: 0.2}, cost: {max_increase: 0}}}"
    )
    assert findings == []
    assert policy == GatePolicy(
        "a",
        margin=0.05,
        guardrails=(Guardrail("cost", 0.0), Guardrail("latency_p95", 0.2)),
        early_stop=True,
        judge=JudgeFloor(min_kappa=0.7, min_labels=100),
    )
    assert GatePolicy.from_json(policy.to_json()) == policy


@pytest.mark.parametrize(
    "changed",
    [
        GatePolicy("a", margin=0.05),
        GatePolicy("a", early_stop=True),
        GatePolicy("a", judge=JudgeFloor(min_labels=51)),
        GatePolicy("a", guardrails=(Guardrail("cost", 0.1),)),
        GatePolicy("a", guardrails=(Guardrail("cost", 0.2),)),
    ],
)
def test_every_newer_key_changes_the_address_when_it_says_something(changed: GatePolicy) -> None:
    assert changed.digest != GatePolicy("a").digest
    assert GatePolicy.from_json(changed.to_json()) == changed


def test_the_order_of_guardrails_is_no_part_of_the_rule() -> None:
    one, _ = parsed("{guardrails: {cost: {max_increase: 1}, tokens: {max_increase: 2}}}")
    other, _ = parsed("{guardrails: {tokens: {max_increase: 2}, cost: {max_increase: 1}}}")
    assert one == other


@pytest.mark.parametrize(
    ("rule", "codes"),
    [
        ("{margin: 0}", ["bad_value"]),
        ("{margin: 5}", ["bad_value"]),
        ("{margin: five}", ["wrong_type"]),
        ("{early_stop: true}", ["needs_margin"]),
        ("{early_stop: 1, margin: 0.1}", ["wrong_type"]),
        ("{guardrails: [cost]}", ["wrong_type"]),
        ("{guardrails: {latency_p99: {max_increase: 0.2}}}", ["unknown_key"]),
        ("{guardrails: {cost: {}}}", ["missing_key"]),
        ("{guardrails: {cost: 0.2}}", ["wrong_type", "missing_key"]),
        ("{guardrails: {cost: {max_increase: -0.1}}}", ["bad_value"]),
        ("{guardrails: {cost: {max_increase: 0.1, least: 2}}}", ["unknown_key"]),
        ("{judge: {min_kappa: 1.5}}", ["bad_value"]),
        ("{judge: {min_kappa: 0.3, min_kappa_low: 0.4}}", ["bad_value"]),
        ("{judge: {min_labels: 0}}", ["bad_value"]),
        ("{judge: {kappa: 0.6}}", ["unknown_key"]),
    ],
)
def test_nonsense_is_a_finding_and_the_policy_is_left_out(rule: str, codes: list[str]) -> None:
    policy, findings = parsed(rule)
    assert policy is None
    assert [code for _, code in findings] == codes
    assert all(column > 0 for column, _ in findings)
