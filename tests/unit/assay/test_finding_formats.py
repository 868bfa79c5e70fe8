"""Findings as code hosts want them."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

from jsonschema import Draft202012Validator

from assay.findings import github, gitlab, sarif
from assay.findings.writing import FindingFormat, text_of
from core.findings import Finding

HOSTILE = Finding(
    "prompts/a,b:c/v1 é.jinja2", 3, 7, "error", "secret", "100 % sure:\r\n::error::gotcha", "go on"
)
WHOLE = Finding("prompts/a/v4.jinja2", 0, 0, "warning", "version_gap", "a has v4 but no v3.")


def test_github_commands_cannot_be_broken_out_of() -> None:
    [line] = github.lines([HOSTILE])
    assert line == (
        "::error file=prompts/a%2Cb%3Ac/v1 é.jinja2,line=3,endLine=3,col=7,title=secret::"
        "100 %25 sure:%0D%0A::error::gotcha (go on)"
    )


def test_github_is_told_errors_first_and_files_as_a_whole_without_a_line() -> None:
    first, second = github.lines([WHOLE, HOSTILE])
    assert first.startswith("::error ")
    assert second == ("::warning file=prompts/a/v4.jinja2,title=version_gap::a has v4 but no v3.")


def test_gitlab_issues_have_fingerprints_that_do_not_depend_on_lines() -> None:
    [moved] = gitlab.report([replace(HOSTILE, line=9)])
    here, again = gitlab.report([HOSTILE, HOSTILE])
    assert here["fingerprint"] == moved["fingerprint"]
    assert here["fingerprint"] != again["fingerprint"]
    assert here["location"] == {"path": HOSTILE.path, "lines": {"begin": 3}}
    assert [one["severity"] for one in gitlab.report([HOSTILE, WHOLE])] == ["major", "minor"]


def test_sarif_is_valid_and_names_rule_and_place() -> None:
    document = sarif.report([HOSTILE, WHOLE], {"secret": "A secret.\n\nMore."}, version="1.0")
    schema = json.loads(Path(__file__).with_name("sarif-2.1.0-subset.json").read_text())
    Draft202012Validator(schema).validate(document)
    [run] = document["runs"]
    first, second = run["results"]
    place = first["locations"][0]["physicalLocation"]
    assert place["artifactLocation"]["uri"] == "prompts/a%2Cb%3Ac/v1%20%C3%A9.jinja2"
    assert place["region"] == {"startLine": 3, "startColumn": 7}
    assert "region" not in second["locations"][0]["physicalLocation"]
    rules = run["tool"]["driver"]["rules"]
    assert [rules[one["ruleIndex"]]["id"] for one in run["results"]] == ["secret", "version_gap"]
    assert rules[0]["shortDescription"] == {"text": "A secret."}


def test_nothing_found_is_still_a_document() -> None:
    assert json.loads(text_of([], FindingFormat.GITLAB)) == []
    assert json.loads(text_of([], FindingFormat.SARIF))["runs"][0]["results"] == []
    assert text_of([], FindingFormat.GITHUB) == ""


def test_terminals_and_logs_get_no_control_characters() -> None:
    nasty = Finding("a\x1b[2J.yaml", 1, 1, "error", "yaml", "bad\x1b]0;x")
    for form in FindingFormat:
        if form != FindingFormat.JSON:
            assert "\x1b" not in text_of([nasty], form)
