"""Suites together with the prompts that use them."""

from __future__ import annotations

import pytest

from evals.domain.suite import lint_suites
from registry.domain.repository import parse_repository
from tests.unit.evals.builders import jsonl, repository

OLD = "---\nvariables:\n  product: {type: string}\n---\n{{ product }}\n"
NEW = """\
---
type: chat
variables:
  ticket: {type: string, maxLength: 20}
  count: {type: integer, default: 1}
---
{% placeholder "history" %}
{% chat role="user" %}{{ ticket }}{{ count }}{% endchat %}
"""
GATES = "policies: {release: {min_pass_rate: 0.9}, trial: {min_cases: 2, min_pass_rate: 0.3}}\n"


def lint(rows, *, extension="jsonl", prompt="suites: [s]\n", **more):
    path = f"datasets/d.{extension}"
    files = repository(
        **{
            "prompts/support/prompt.yaml": prompt,
            "prompts/support/v1.jinja2": OLD,
            "prompts/support/v2.jinja2": NEW,
            "gates.yaml": GATES,
            "suites/s.yaml": f"dataset: {path}\nchecks: [{{type: exact}}]\n",
            path: rows if isinstance(rows, str) else jsonl(*rows),
        }
        | more
    )
    parsed = parse_repository(files)
    assert not parsed.findings
    return lint_suites(files, parsed)


def rows(count=40, **variables):
    asked = variables or {"ticket": "Hi"}
    return [{"id": i, "variables": asked, "expected": "x"} for i in range(count)]


def test_a_fitting_suite_has_no_findings():
    assert lint(rows()) == ()


@pytest.mark.parametrize(
    ("variables", "said"),
    [
        ({"product": "cable"}, "/ticket is missing and has no default"),
        ({"ticket": "Hi", "product": "x"}, "/product is not a variable of this prompt"),
        ({"ticket": "x" * 21}, "/ticket must satisfy maxLength: 20"),
        ({"ticket": "Hi", "count": "two"}, "/count must be of type integer"),
    ],
)
def test_a_case_the_newest_version_cannot_be_asked_is_an_error_on_its_line(variables, said):
    cases = [*rows(39), {"id": "odd", "variables": variables, "expected": "x"}]
    (finding,) = lint(cases)
    assert (finding.path, finding.line) == ("datasets/d.jsonl", 40)
    assert (finding.severity, finding.code) == ("error", "case_misfit")
    assert finding.message.startswith("support v2 cannot be asked 'odd': ")
    assert said in finding.message


def test_a_placeholder_the_prompt_does_not_have_is_an_error():
    known, strange = rows(1)[0], {**rows(1)[0], "id": "odd"}
    known["placeholders"] = {"history": [{"role": "user", "content": "Hello"}]}
    strange["placeholders"] = {"memory": []}
    (finding,) = lint([*rows()[1:], known, strange])
    assert "'memory' is not a placeholder" in finding.message


def test_a_csv_cell_where_a_number_is_wanted_gets_a_hint():
    table = "id,ticket,count,expected\n" + "".join(f"{i},Hi,1,x\n" for i in range(40))
    findings = lint(table, extension="csv")
    assert findings[1].hint == "cells of a CSV are texts; other types need .jsonl"


def test_one_mistake_in_every_row_is_not_told_for_every_row():
    findings = lint(rows(500, product="cable"))
    assert len(findings) == 21
    assert "cannot be asked 500 of the cases" in "".join(f.message for f in findings)


def test_a_missing_suite_is_an_error_where_the_prompt_names_it():
    (finding,) = lint(rows(), prompt="description: x\nsuites:\n  - s\n  - none\n")
    assert (finding.path, finding.line, finding.code) == (
        "prompts/support/prompt.yaml",
        4,
        "unknown_suite",
    )


@pytest.mark.parametrize(
    ("count", "prompt", "said"),
    [
        (12, "suites: [s]\n", "'default', 12 cases cannot pass: this gate needs at least 30"),
        (30, "suites: [s]\ngate: release\n", "even 30/30 right has a lower bound of 88.6 %"),
    ],
)
def test_a_suite_too_small_for_its_gate_is_a_warning(count, prompt, said):
    (finding,) = lint(rows(count), prompt=prompt)
    assert (finding.severity, finding.code) == ("warning", "suite_too_small")
    assert said in finding.message


def test_the_gate_of_the_prompt_counts_before_that_of_the_tag():
    tag = {"gates.yaml": GATES + "tags: {stable: release}\n"}
    assert lint(rows(30), prompt="suites: [s]\ngate: trial\n", **tag) == ()
    assert [f.code for f in lint(rows(30), **tag)] == ["suite_too_small"]


def test_findings_of_unused_suites_and_shared_datasets_appear_once():
    more = {
        "suites/other.yaml": "dataset: datasets/d.jsonl\nchecks: [{type: exact}]\n",
        "suites/old.yml": "",
        "suites/a/b.yaml": "",
    }
    broken = jsonl(*rows()) + "oops\n"
    assert [(f.path, f.code) for f in lint(broken, **more)] == [
        ("datasets/d.jsonl", "dataset_json"),
        ("suites/a/b.yaml", "bad_name"),
        ("suites/old.yml", "suite_not_read"),
    ]
