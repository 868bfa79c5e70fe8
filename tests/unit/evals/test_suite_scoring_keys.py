"""How a suite says what counts: weight, threshold, not, and which cases belong together."""

from __future__ import annotations

import json
from typing import Any

import pytest

from evals.domain.spec import SuiteSpec
from evals.domain.suite import parse_suite
from tests.unit.evals.builders import jsonl, repository

CASES = "cases: [{id: a, variables: {topic: x}, expected: y}]\n"
CHECKS = "checks: [{type: exact}]\n"


def parse(text, **files):
    return parse_suite("s", repository(**{"suites/s.yaml": text}, **files))


def test_a_check_says_its_weight_threshold_and_not():
    text = CASES + "checks: [{type: similarity, weight: 2, threshold: 0.9, not: true}]\n"
    (check,) = parse(text)[0].checks
    assert (check.weight, check.threshold, check.negate) == (2.0, 0.9, True)
    assert check.params == {}


@pytest.mark.parametrize(
    ("text", "fault"),
    [
        (CASES + "checks: [{type: exact, weight: -1}]\n", (2, 32, "check_parameter")),
        (CASES + "checks: [{type: exact, weight: heavy}]\n", (2, 32, "check_parameter")),
        (CASES + "checks: [{type: exact, weight: true}]\n", (2, 32, "check_parameter")),
        (CASES + "checks: [{type: exact, threshold: 0}]\n", (2, 35, "check_parameter")),
        (CASES + "checks: [{type: exact, threshold: 1.1}]\n", (2, 35, "check_parameter")),
        (CASES + "checks: [{type: exact, not: 1}]\n", (2, 29, "check_parameter")),
        (CASES + "checks: [{type: exact, critical: 1}]\n", (2, 34, "wrong_type")),
        (CASES + "checks: [{type: exact, weight: 0}]\n", (1, 9, "no_checks")),
        (CASES + CHECKS + "threshold: 0\n", (3, 12, "bad_value")),
        (CASES + CHECKS + "threshold: 80\n", (3, 12, "bad_value")),
        (CASES + CHECKS + "cluster: subject\n", (3, 10, "unknown_cluster")),
        (CASES + CHECKS + "cluster: [topic]\n", (3, 10, "wrong_type")),
        (CASES + CHECKS + "allow_self_judging: 1\n", (3, 21, "wrong_type")),
        (CHECKS + "cases: [{id: a, expected: y, threshold: 0}]\n", (2, 41, "bad_value")),
        (CHECKS + "cases: [{id: a, expected: y, cluster: []}]\n", (2, 39, "bad_value")),
        (CHECKS + "cases: [{id: a, expected: y, cluster: ''}]\n", (2, 39, "bad_value")),
    ],
)
def test_each_fault_has_its_place(text, fault):
    spec, findings = parse(text)
    assert spec is None
    assert fault in [(f.line, f.column, f.code) for f in findings]


def test_a_check_without_weight_is_enough_beside_one_with():
    spec, findings = parse(CASES + "checks: [{type: exact, weight: 0}, {type: contains}]\n")
    assert not findings
    assert [check.weight for check in spec.checks] == [0.0, 1.0]


def test_a_case_has_its_own_threshold_or_that_of_the_suite():
    rows = "cases: [{id: a, expected: x, threshold: 0.5}, {id: b, expected: x}]\n"
    spec, _ = parse(CHECKS + rows + "threshold: 0.8\n")
    assert [spec.threshold_of(case) for case in spec.cases] == [0.5, 0.8]
    assert [parse(CHECKS + rows)[0].threshold_of(case) for case in spec.cases] == [0.5, None]


def test_cases_are_one_cluster_by_their_row_or_by_the_variable():
    rows: list[dict[str, Any]] = [
        {"id": "a", "variables": {"doc": "x"}},
        {"id": "b", "variables": {"doc": "x"}},
        {"id": "c", "variables": {"doc": "y"}},
        {"id": "d", "variables": {"doc": "y"}, "cluster": "x"},
        {"id": "e"},
        {"id": "x"},
        {"id": "f", "variables": {"doc": 1}},
        {"id": "g", "variables": {"doc": "1"}},
    ]
    text = "checks: [{type: contains, value: x}]\ndataset: d.jsonl\ncluster: doc\n"
    spec, findings = parse(text, **{"d.jsonl": jsonl(*rows)})
    assert not findings
    clusters: dict[str, list[str]] = {}
    for case in spec.cases:
        clusters.setdefault(spec.cluster_of(case), []).append(case.key)
    assert sorted(clusters.values()) == [["a", "b", "d"], ["c"], ["e"], ["f"], ["g"], ["x"]]


def test_a_suite_that_uses_all_of_it_survives_json_under_a_digest_of_its_own():
    checks = "checks: [{type: exact, weight: 2, threshold: 0.5, not: true}]\n"
    settings = "threshold: 0.5\ncluster: topic\nallow_self_judging: true\n"
    rows = "cases: [{id: a, variables: {topic: x}, expected: y, threshold: 0.5, cluster: c}]\n"
    spec, _ = parse(checks + rows + settings)
    again = SuiteSpec.from_json(json.loads(json.dumps(spec.to_json())))
    assert again == spec
    parts = [checks + rows + settings, CHECKS + rows + settings, checks + CASES + settings]
    parts += [checks + rows + settings.replace(line + "\n", "") for line in settings.splitlines()]
    assert len({parse(part)[0].digest for part in parts}) == len(parts)
