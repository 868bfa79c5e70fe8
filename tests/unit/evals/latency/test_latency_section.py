"""The `latency:` section of a suite: what is read, what is refused and where."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from evals.domain.latency import LatencySpec, Slo
from evals.domain.spec import SuiteSpec
from evals.domain.suite import parse_suite
from tests.unit.evals.builders import repository, suite

REST = "checks: [{type: exact}]\ncases: [{id: a, expected: yes}]\n"


def parse(section):
    return parse_suite("s", repository(**{"suites/s.yaml": section + REST}))


def faults(section):
    spec, findings = parse(section)
    assert (spec is None) == bool(findings)
    assert all(finding.path == "suites/s.yaml" for finding in findings)
    return [(f.line, f.column, f.code) for f in findings]


def test_a_whole_section_is_read():
    spec, findings = parse(
        """\
latency:
  concurrency: [1, 8]
  requests: 200
  warmup: 20
  max_tokens: 32
  ignore_eos: false
  slo: {ttft_ms: 500, tpot_ms: 30.5, e2e_ms: 4000}
  max_seconds: 120
"""
    )
    assert not findings
    assert spec.latency == LatencySpec(
        concurrency=(1, 8),
        requests=200,
        warmup=20,
        max_tokens=32,
        ignore_eos=False,
        slo=Slo(500.0, 30.5, 4000.0),
        max_seconds=120.0,
    )


def test_an_empty_section_asks_for_everything_as_by_default():
    spec, _ = parse("latency: {}\n")
    assert spec.latency == LatencySpec((1, 4), 100, 10, 64, True, Slo(), 600.0)


def test_a_suite_without_the_section_has_no_phase_and_its_digest_is_untouched():
    spec, _ = parse("")
    assert spec.latency is None
    assert "latency" not in spec.to_json()


def test_what_is_declared_counts_in_the_digest():
    bare, (default, _), (other, _) = (
        parse("")[0],
        parse("latency: {}\n"),
        parse("latency: {requests: 99}\n"),
    )
    said, _ = parse("latency: {concurrency: [1, 4], warmup: 10}\n")
    assert len({bare.digest, default.digest, other.digest}) == 3
    assert said.digest == default.digest  # a default that is written out says nothing new


@pytest.mark.parametrize(
    ("section", "found"),
    [
        ("latency: null\n", [(1, 10, "wrong_type")]),
        ("latency: quick\n", [(1, 10, "wrong_type")]),
        ("latency: {requests: 0}\n", [(1, 21, "bad_value")]),
        ("latency: {request: 10}\n", [(1, 11, "unknown_key")]),
        ("latency: {warmup: -1}\n", [(1, 19, "bad_value")]),
        ("latency: {ignore_eos: maybe}\n", [(1, 23, "wrong_type")]),
        ("latency: {concurrency: 4}\n", [(1, 24, "wrong_type")]),
        ("latency: {concurrency: []}\n", [(1, 24, "bad_value")]),
        ("latency: {concurrency: [1, 2, 3, 4, 5, 6, 7, 8, 9]}\n", [(1, 24, "bad_value")]),
        ("latency: {concurrency: [1, 0]}\n", [(1, 28, "bad_value")]),
        ("latency: {concurrency: [true]}\n", [(1, 25, "bad_value")]),
        ("latency: {concurrency: [1, 4, 4]}\n", [(1, 31, "bad_value")]),
        ("latency:\n  slo: {ttft: 5}\n", [(2, 9, "unknown_key")]),
        ("latency:\n  slo: {ttft_ms: 0}\n", [(2, 18, "bad_value")]),
        ("latency:\n  slo: {e2e_ms: .inf}\n", [(2, 17, "yaml_number")]),
        ("latency:\n  slo: {e2e_ms: .nan}\n", [(2, 17, "yaml_number")]),
        ("latency: {requests: 5000, max_tokens: 101}\n", [(1, 10, "latency_too_large")]),
        (
            "latency: {requests: 5000, concurrency: [1, 2, 3, 4]}\n",
            [(1, 10, "latency_too_large")],
        ),
    ],
)
def test_what_cannot_be_meant_is_a_finding_with_its_place(section, found):
    assert faults(section) == found


limits = st.none() | st.floats(0.001, 1e6)
specs = st.builds(
    LatencySpec,
    concurrency=st.lists(st.integers(1, 1024), min_size=1, max_size=4, unique=True).map(tuple),
    requests=st.integers(1, 500),
    warmup=st.integers(0, 100),
    max_tokens=st.integers(1, 1000),
    ignore_eos=st.booleans(),
    slo=st.builds(Slo, limits, limits, limits),
    max_seconds=st.floats(1, 3600),
)


@given(specs)
def test_a_section_survives_json_and_yaml(spec):
    written = spec.to_json()
    assert LatencySpec.from_json(json.loads(json.dumps(written))) == spec
    read, findings = parse(f"latency: {json.dumps(written)}\n")
    assert not findings
    assert read.latency == spec


@given(specs)
def test_a_suite_carries_its_section(spec):
    whole = suite(latency=spec)
    assert SuiteSpec.from_json(json.loads(json.dumps(whole.to_json()))) == whole


@given(
    st.recursive(
        st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=4),
        lambda inner: (
            st.lists(inner, max_size=3)
            | st.dictionaries(
                st.sampled_from(
                    "concurrency requests warmup max_tokens slo max_seconds ttft_ms x".split()
                ),
                inner,
                max_size=4,
            )
        ),
        max_leaves=8,
    )
)
def test_whatever_stands_there_is_a_section_or_a_finding(value):
    faults(f"latency: {json.dumps(value)}\n".replace("Infinity", ".inf").replace("NaN", ".nan"))
