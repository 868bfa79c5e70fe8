"""`yes` and its kin, without quotes."""

from __future__ import annotations

import pytest

from registry.domain.lint import fix_for
from registry.domain.lint.yaml_boolean import RULE
from tests.unit.registry.lint.repositories import found_in


@pytest.mark.parametrize(
    ("path", "text", "place"),
    [
        ("suites/s.yaml", "cases: [{id: a, expected: yes}]\n", (1, 27)),
        ("suites/s.yaml", "expected: No # really\n", (1, 11)),
        ("suites/s.yaml", "values:\n  - on\n  - x\n", (2, 5)),
        ("suites/s.yaml", "values: [off, x]\n", (1, 10)),
        ("prompts/a/v1.jinja2", "---\nvariables: {x: {enum: [yes, x]}}\n---\nyes\n", (2, 24)),
        ("rubrics/r.md", "---\nmode: label\nlabels: [{label: no}]\n---\n", (3, 18)),
    ],
)
def test_the_word_is_found_where_it_stands(path: str, text: str, place: tuple[int, int]) -> None:
    [finding] = found_in(RULE, path, text)
    assert (finding.line, finding.column) == place


@pytest.mark.parametrize(
    "text",
    [
        'expected: "yes"\n',
        "expected: 'no'\n",
        "expected: yes please\n",
        "yes: 1\n",
        "expected: true\n",
        "expected: nothing\n",
        "text: |\n  yes\n  no\n",
        "text: >-\n  - on\n",
        "expected: !!bool yes\n",
    ],
)
def test_quoted_longer_and_block_texts_are_left_alone(text: str) -> None:
    assert found_in(RULE, "suites/s.yaml", text) == []


def test_the_text_of_a_prompt_is_not_yaml() -> None:
    assert found_in(RULE, "prompts/a/v1.jinja2", "answer: yes\n") == []


def test_the_fix_quotes_the_word_as_it_is_written() -> None:
    text = "a: {b: Yes, c: no}\n"
    edits = [fix_for(text, finding) for finding in found_in(RULE, "suites/s.yaml", text)]
    assert [(e.mark.column, e.old, e.new) for e in edits if e] == [
        (8, "Yes", '"Yes"'),
        (16, "no", '"no"'),
    ]
