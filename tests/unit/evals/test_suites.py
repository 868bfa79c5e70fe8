"""Suite files: what is read, what is refused and where, and what the digest covers."""

from __future__ import annotations

import json
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from evals.domain.spec import SuiteSpec
from evals.domain.suite import load_suite, parse_suite
from tests.unit.evals.builders import case, check, jsonl, repository, suite

CASES = "cases: [{id: a, variables: {ticket: Hi}, expected: yes}]\n"
CHECKS = "checks: [{type: exact}]\n"


def parse(text, **files):
    return parse_suite("s", repository(**{"suites/s.yaml": text}, **files))


def faults(text, **files):
    spec, findings = parse(text, **files)
    assert (spec is None) == any(finding.severity == "error" for finding in findings)
    return [(f.line, f.column, f.code) for f in findings]


def test_a_whole_suite_is_read():
    spec, findings = parse(
        """\
description: Is the sentiment right?
repeats: 2
min_pass_rate: 0.9
min_cases: 40
checks:
  - {type: exact, normalise: [strip, casefold], critical: true, name: label}
  - {type: latency, max_ms: 5000}
  - {type: latency, max_ttft_ms: 2000}
cases:
  - {id: a, variables: {ticket: Great}, expected: positive}
  - {id: b, variables: {ticket: Bad}, expected: negative, critical: true, repeats: 5}
"""
    )
    assert not findings
    assert (spec.name, spec.repeats, spec.min_pass_rate, spec.min_cases) == ("s", 2, 0.9, 40)
    assert [(c.name, c.critical) for c in spec.checks] == [
        ("label", True),
        ("latency", False),
        ("latency-2", False),
    ]
    assert [spec.repeats_of(c) for c in spec.cases] == [2, 5]
    assert spec.requests == 7


def test_a_case_adds_its_own_checks_under_its_own_names():
    spec, _ = parse(CHECKS + "cases: [{id: a, expected: x, checks: [{type: exact, value: x}]}]\n")
    assert [c.name for c in spec.checks_of(spec.cases[0])] == ["exact", "exact-2"]


@pytest.mark.parametrize(
    ("text", "fault"),
    [
        ("a: [", (1, 5, "yaml")),
        ("[]\n", (1, 1, "wrong_type")),
        (CHECKS + CASES + "repeat: 2\n", (3, 1, "unknown_key")),
        (CHECKS + CASES + "repeats: 0\n", (3, 10, "bad_value")),
        (CHECKS + CASES + "repeats: 1.5\n", (3, 10, "wrong_type")),
        (CHECKS + CASES + "min_pass_rate: 80\n", (3, 16, "bad_value")),
        (CHECKS + CASES + "min_cases: many\n", (3, 12, "wrong_type")),
        (CHECKS + CASES + "dataset: datasets/d.jsonl\n", (1, 1, "suite_cases")),
        (CHECKS, (1, 1, "suite_cases")),
        (CHECKS + "cases: []\n", (2, 8, "suite_cases")),
        (CHECKS + "dataset: datasets/none.jsonl\n", (2, 10, "dataset_missing")),
        (CHECKS + "dataset: ../secret.jsonl\n", (2, 10, "dataset_missing")),
        (CHECKS + "dataset: datasets/d.xlsx\n", (2, 10, "bad_value")),
        (CASES, (1, 9, "no_checks")),
        (CASES + "checks:\n  - {type: vibes}\n", (3, 12, "unknown_check")),
        (CASES + "checks:\n  - {value: x}\n", (3, 5, "missing_key")),
        (CASES + "checks:\n  - just words\n", (3, 5, "wrong_type")),
        (CASES + "checks:\n  - {type: regex, pattern: '('}\n", (3, 28, "check_parameter")),
        (CASES + "checks:\n  - {type: regex}\n", (3, 5, "check_parameter")),
        (CASES + "checks:\n  - {type: exact, norm: [strip]}\n", (3, 25, "check_parameter")),
        (
            CASES + "checks:\n  - type: json\n    schema: {properties: {a: {$ref: 'http://x'}}}\n",
            (4, 37, "check_parameter"),
        ),
        (
            CASES + "checks: [{type: exact, name: a}, {type: exact, name: a}]\n",
            (2, 54, "duplicate_check"),
        ),
        (
            CHECKS + "cases: [{id: a, expected: x}, {id: a, expected: x}]\n",
            (2, 36, "duplicate_case"),
        ),
        (CHECKS + "cases: [{id: a, expected: [x]}]\n", (2, 9, "bad_expected")),
        (CHECKS + 'cases: [{id: a, expected: "\\0"}]\n', (2, 27, "yaml_character")),
    ],
)
def test_each_fault_has_its_place(text, fault):
    assert fault in faults(text)


def test_a_pattern_that_matches_everything_is_only_a_warning():
    assert faults(CASES + "checks: [{type: regex, pattern: 'x*'}]\n") == [
        (2, 33, "check_parameter")
    ]


def test_a_missing_or_badly_named_suite_is_a_finding():
    assert [f.code for f in parse_suite("none", repository())[1]] == ["suite_missing"]
    assert [f.code for f in parse_suite("../x", repository())[1]] == ["bad_name"]


def test_a_suite_with_hundreds_of_checks_is_refused():
    assert "too_many_items" in {
        code for *_, code in faults(CASES + "checks: [" + "{type: json}, " * 51 + "]")
    }


def test_inline_cases_know_their_place():
    loaded = load_suite("s", repository(**{"suites/s.yaml": CHECKS + CASES}))
    path, mark = loaded.places["a"]
    assert (path, mark.line) == ("suites/s.yaml", 2)


def test_inline_cases_and_a_dataset_with_the_same_rows_have_one_digest():
    rows = [{"id": "b", "expected": "y"}, {"id": "a", "expected": "x"}]
    inline, _ = parse(CHECKS + f"cases: {json.dumps(rows)}\n")
    listed, _ = parse(
        CHECKS + "dataset: datasets/d.jsonl\n", **{"datasets/d.jsonl": jsonl(*reversed(rows))}
    )
    assert inline.digest == listed.digest


BASE = suite(
    (case("a", critical=True), case("b", checks=(check("contains", value="x"),))),
    checks=(check("exact"), check("latency", max_ms=100)),
    min_pass_rate=0.8,
    min_cases=30,
)
FIRST, SECOND = BASE.cases
CHANGES = {
    "repeats": replace(BASE, repeats=2),
    "rate": replace(BASE, min_pass_rate=0.81),
    "no rate": replace(BASE, min_pass_rate=None),
    "count": replace(BASE, min_cases=31),
    "fewer checks": replace(BASE, checks=BASE.checks[:1]),
    "check parameter": replace(BASE, checks=(BASE.checks[0], check("latency", max_ms=101))),
    "critical check": replace(
        BASE, checks=(replace(BASE.checks[0], critical=True), BASE.checks[1])
    ),
    "fewer cases": replace(BASE, cases=(FIRST,)),
    "key": replace(BASE, cases=(replace(FIRST, key="z"), SECOND)),
    "variable": replace(BASE, cases=(replace(FIRST, variables={"ticket": "?"}), SECOND)),
    "placeholder": replace(BASE, cases=(replace(FIRST, placeholders={"h": []}), SECOND)),
    "expected": replace(BASE, cases=(replace(FIRST, expected="negative"), SECOND)),
    "no expected": replace(BASE, cases=(replace(FIRST, expected=None), SECOND)),
    "critical case": replace(BASE, cases=(replace(FIRST, critical=False), SECOND)),
    "case repeats": replace(BASE, cases=(replace(FIRST, repeats=1), SECOND)),
    "case checks": replace(BASE, cases=(FIRST, replace(SECOND, checks=()))),
}


def test_every_change_that_can_change_a_result_has_a_digest_of_its_own():
    digests = {name: spec.digest for name, spec in CHANGES.items()} | {"base": BASE.digest}
    assert len(set(digests.values())) == len(digests)


def test_names_and_order_of_cases_leave_the_digest_alone():
    renamed = replace(BASE, name="other", description="New words", cases=(SECOND, FIRST))
    assert renamed.digest == BASE.digest


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(st.characters(codec="utf-8"), max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text("ab"), inner, max_size=3),
    max_leaves=5,
)
specs = st.builds(
    suite,
    cases=st.lists(
        st.builds(
            case,
            st.text("abc", min_size=1),
            expected=json_values,
            repeats=st.none() | st.integers(1, 20),
            critical=st.booleans(),
        ),
        min_size=1,
        max_size=4,
        unique_by=lambda c: c.key,
    ).map(tuple),
    repeats=st.integers(1, 20),
    min_pass_rate=st.none() | st.floats(0, 1),
)


@given(specs)
def test_a_suite_survives_json(spec):
    again = SuiteSpec.from_json(json.loads(json.dumps(spec.to_json())))
    assert again == spec
    assert again.digest == spec.digest


@given(specs, specs)
def test_two_suites_share_a_digest_only_when_they_ask_and_judge_the_same(one, other):
    def essence(spec):
        body = spec.to_json()
        return {**body, "cases": sorted(body["cases"], key=lambda c: c["key"])}

    same = json.dumps(essence(one), sort_keys=True) == json.dumps(essence(other), sort_keys=True)
    assert (one.digest == other.digest) == same


@given(st.binary(max_size=200))
def test_no_bytes_raise(data):
    spec, findings = parse_suite("s", repository(**{"suites/s.yaml": data}))
    assert (spec is None) == any(finding.severity == "error" for finding in findings)


@given(
    st.dictionaries(
        st.sampled_from(["description", "dataset", "cases", "repeats", "min_pass_rate", "checks"]),
        st.recursive(
            st.none() | st.booleans() | st.integers() | st.text("ab./x", max_size=5),
            lambda inner: (
                st.lists(inner, max_size=3)
                | st.dictionaries(
                    st.sampled_from(
                        ["type", "id", "name", "value", "pattern", "schema", "expected"]
                    ),
                    inner,
                    max_size=3,
                )
            ),
            max_leaves=8,
        ),
    )
)
def test_a_suite_of_any_shape_is_a_spec_or_findings(body):
    spec, findings = parse(json.dumps(body))
    assert (spec is None) == any(finding.severity == "error" for finding in findings)
