"""Datasets as people save them: every fault has its line, nothing raises."""

from __future__ import annotations

import itertools
import json

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from evals.domain.suite import dataset as dataset_module
from evals.domain.suite import load_suite, parse_suite
from tests.unit.evals.builders import jsonl, repository

GOOD = {"id": "a", "variables": {"ticket": "Hi"}, "expected": "positive"}


def read(data, extension="jsonl"):
    path = f"datasets/d.{extension}"
    suite = f"dataset: {path}\nchecks: [{{type: exact}}]\n"
    return load_suite("s", repository(**{"suites/s.yaml": suite, path: data}))


def problems(data, extension="jsonl"):
    loaded = read(data, extension)
    assert (loaded.spec is None) == any(f.severity == "error" for f in loaded.findings)
    return [(finding.line, finding.code) for finding in loaded.findings]


def test_every_field_of_a_row_arrives():
    row = {
        **GOOD,
        "placeholders": {"history": [{"role": "user", "content": "Hello"}]},
        "critical": True,
        "repeats": 3,
        "checks": [{"type": "contains", "value": "pos"}],
        "tags": ["short"],
    }
    (case,) = read(jsonl(row)).spec.cases
    assert (case.key, case.expected, case.critical, case.repeats) == ("a", "positive", True, 3)
    assert case.placeholders == row["placeholders"]
    assert [check.type for check in case.checks] == ["contains"]
    assert case.tags == ("short",)


def test_blank_lines_byte_order_marks_and_windows_line_ends_are_no_problem():
    text = "\ufeff\n" + jsonl(GOOD).replace("\n", "\r\n") + "\r\n\n" + jsonl({**GOOD, "id": 2})
    loaded = read(text)
    assert not loaded.findings
    assert [case.key for case in loaded.spec.cases] == ["a", "2"]
    assert loaded.places["2"][1].line == 5


def test_unicode_line_separators_inside_texts_do_not_break_a_row():
    row = {**GOOD, "variables": {"ticket": "one\u2028two\x85three"}}
    (case,) = read(json.dumps(row, ensure_ascii=False)).spec.cases
    assert case.variables == row["variables"]


@pytest.mark.parametrize(
    ("data", "line", "code"),
    [
        ("", 0, "dataset_empty"),
        ("\n \n", 0, "dataset_empty"),
        (jsonl(GOOD).encode("utf-16"), 1, "file_not_utf8"),
        (jsonl(GOOD).encode() + b'{"id": "\xff"}', 2, "file_not_utf8"),
        (jsonl(GOOD) + "\n\n{oops}", 4, "dataset_json"),
        (jsonl(GOOD) + '{"id": "b", "expected": NaN}', 2, "dataset_json"),
        (jsonl(GOOD) + '{"id": "b", "expected": -Infinity}', 2, "dataset_json"),
        (jsonl(GOOD) + '{"id": "b", "expected": 1e400}', 2, "dataset_json"),
        (jsonl(GOOD) + '{"id": "b", "id": "c"}', 2, "dataset_json"),
        (jsonl(GOOD) + '{"id": "b", "x": ' + "[" * 5_000 + "]" * 5_000 + "}", 2, "dataset_json"),
        (jsonl(GOOD) + "[1, 2]", 2, "wrong_type"),
        (jsonl(GOOD, GOOD), 2, "duplicate_case"),
        (jsonl(GOOD, {**GOOD, "id": " a "}), 2, "duplicate_case"),
        (jsonl({"variables": {}, "expected": "x"}), 1, "bad_value"),
        (jsonl({**GOOD, "id": ""}), 1, "bad_value"),
        (jsonl({**GOOD, "id": "a\nb"}), 1, "bad_value"),
        (jsonl({**GOOD, "id": "x" * 201}), 1, "bad_value"),
        (jsonl({**GOOD, "id": True}), 1, "bad_value"),
        (jsonl({**GOOD, "vars": {}}), 1, "unknown_key"),
        (jsonl({**GOOD, "variables": ["x"]}), 1, "wrong_type"),
        (jsonl({**GOOD, "variables": {"not a name": 1}}), 1, "bad_name"),
        (jsonl({**GOOD, "variables": {"ticket": "\0"}}), 1, "bad_text"),
        (jsonl({**GOOD, "variables": {"ticket": "\ud800"}}), 1, "bad_text"),
        (jsonl({**GOOD, "repeats": 21}), 1, "bad_value"),
        (jsonl({**GOOD, "critical": "yes"}), 1, "wrong_type"),
        (jsonl({**GOOD, "placeholders": {"history": [{"role": "user"}]}}), 1, "wrong_type"),
        (jsonl({**GOOD, "checks": [{"type": "vibes"}]}), 1, "unknown_check"),
        (jsonl({**GOOD, "expected": ["x"]}), 1, "bad_expected"),
        (jsonl({"id": "a"}), 1, "bad_expected"),
        (jsonl({**GOOD, "expected": "x" * 1_000_000}), 1, "dataset_line"),
        (jsonl({**GOOD, **{f"k{i}": 1 for i in range(300)}}), 1, "too_many_items"),
        (jsonl({**GOOD, "variables": {f"k{i}": 1 for i in range(300)}}), 1, "too_many_items"),
        (jsonl({**GOOD, "placeholders": {f"k{i}": [] for i in range(300)}}), 1, "too_many_items"),
        (jsonl({**GOOD, "placeholders": {"history": [1] * 300}}), 1, "too_many_items"),
        (jsonl({**GOOD, "tags": ["?"] * 300}), 1, "too_many_items"),
        (jsonl({**GOOD, "checks": [{}] * 300}), 1, "too_many_items"),
        ("version https://git-lfs.github.com/spec/v1\noid sha256:0\n", 0, "dataset_is_pointer"),
    ],
    ids=(f"jsonl-{number}" for number in itertools.count()),
)
def test_each_fault_of_a_jsonl_file_has_its_line(data, line, code):
    assert problems(data) == [(line, code)]


@pytest.mark.parametrize(
    ("data", "line", "code"),
    [
        ("", 0, "dataset_empty"),
        ("id,ticket,expected\n", 0, "dataset_empty"),
        ("id,ticket,expected\na,Hi\n", 2, "dataset_columns"),
        ("id,ticket\na,Hi,extra\n", 2, "dataset_columns"),
        ("ticket,expected\nHi,x\n", 1, "dataset_columns"),
        ("id;ticket\na;Hi\n", 1, "dataset_columns"),
        ("id,x,x\na,1,2\n", 1, "dataset_columns"),
        ("id,,x\na,1,2\n", 1, "dataset_columns"),
        ('id,expected\na,"open\n', 2, "dataset_csv"),
        ('id,expected\na,"x"y\n', 2, "dataset_csv"),
        ("id,expected,critical\na,x,perhaps\n", 2, "wrong_type"),
        ("id,expected\na,x\n\na,y\n", 4, "duplicate_case"),
        ("id,expected\n ,x\n", 2, "bad_value"),
        ("id,expected\na,\n", 2, "bad_expected"),
        ("id,expected,not a name\na,x,y\n", 2, "bad_name"),
        ("id,expected\na," + "x" * 200_000 + "\n", 2, "dataset_csv"),
    ],
    ids=(f"csv-{number}" for number in itertools.count()),
)
def test_each_fault_of_a_csv_file_has_its_line(data, line, code):
    assert problems(data, "csv") == [(line, code)]


def test_a_csv_table_becomes_cases_with_text_variables():
    text = '\ufeffid, ticket ,expected,critical\r\n1,"Hi, there\nagain",yes,TRUE\r\n2,,no,\r\n'
    loaded = read(text, "csv")
    first, second = loaded.spec.cases
    assert (first.key, first.expected, first.critical) == ("1", "yes", True)
    assert first.variables == {"ticket": "Hi, there\nagain"}
    assert (second.variables, second.critical) == ({"ticket": ""}, False)
    assert loaded.places["2"][1].line == 4


def test_more_cases_than_the_limit_are_refused(monkeypatch):
    monkeypatch.setattr(dataset_module, "MAX_CASES", 3)
    rows = [{**GOOD, "id": i} for i in range(4)]
    assert not problems(jsonl(*rows[:3]))
    assert problems(jsonl(*rows)) == [(4, "dataset_too_large")]


def test_a_file_over_the_size_limit_is_refused_before_it_is_read(monkeypatch):
    monkeypatch.setattr(dataset_module, "MAX_DATASET_BYTES", 10)
    assert problems(jsonl(GOOD)) == [(0, "file_too_large")]


@pytest.mark.parametrize("row", ["oops", '{"id": 1, "nonsense": 2}'])
def test_a_file_of_nonsense_gives_a_readable_number_of_findings(row):
    found = problems(f"{row}\n" * 50_000)
    assert len(found) <= 102


def test_a_table_of_nonsense_gives_a_readable_number_of_findings():
    assert len(problems("id,x\n" + "a,b,c\n" * 50_000, "csv")) <= 102


@given(st.binary(max_size=300), st.sampled_from(["jsonl", "csv"]))
@example(b"\xef\xbb\xbf", "csv")
@example(b'id\n"', "csv")
@example(b"id,expected\n\x00,\x00", "csv")
def test_no_bytes_raise_and_a_suite_without_cases_never_comes_out(data, extension):
    loaded = read(data, extension)
    assert (loaded.spec is None) == any(f.severity == "error" for f in loaded.findings)
    assert loaded.spec is None or loaded.spec.cases


@given(
    st.lists(
        st.dictionaries(
            st.sampled_from(
                [
                    "id",
                    "variables",
                    "expected",
                    "critical",
                    "repeats",
                    "checks",
                    "tags",
                    "placeholders",
                    "x",
                ]
            ),
            st.recursive(
                st.none() | st.booleans() | st.integers() | st.text(max_size=5),
                lambda inner: (
                    st.lists(inner, max_size=3)
                    | st.dictionaries(
                        st.sampled_from(
                            ["type", "name", "value", "pattern", "schema", "role", "a"]
                        ),
                        inner,
                        max_size=3,
                    )
                ),
                max_leaves=6,
            ),
        )
    ),
)
def test_rows_of_any_shape_become_cases_or_findings(rows):
    spec, findings = parse_suite(
        "s",
        repository(
            **{
                "suites/s.yaml": "dataset: datasets/d.jsonl\nchecks: [{type: json}]\n",
                "datasets/d.jsonl": jsonl(*rows),
            }
        ),
    )
    assert (spec is None) == any(finding.severity == "error" for finding in findings)
