"""What callers of the live version would notice."""

from __future__ import annotations

import pytest

from registry.domain.lint.breaking_contract import RULE
from tests.unit.registry.lint.repositories import V1, found

LIVE = {"prompts/a/v1.jinja2": V1, "tags.yaml": "a: {stable: v1}\n"}


def second(variables: str, more: str = "", body: str = "{{ ticket }}\n") -> dict[str, str]:
    text = f"---\nvariables:\n{variables}{more}---\n{body}"
    return LIVE | {"prompts/a/v2.jinja2": text}


@pytest.mark.parametrize(
    ("head", "line", "said"),
    [
        (second("  ticket: {type: string}\n  tone: {type: string}\n",
                body="{{ ticket }}{{ tone }}"),
         4, "`tone` is new and required"),
        (second("  other: {type: string}\n", body="{{ other }}"), 3, "`other` is new and required"),
        (second("  ticket: {type: integer}\n"), 3, "`type` was 'string' and is now 'integer'"),
        (second("  ticket: {type: string, maxLength: 9}\n"), 3, "`maxLength` was absent"),
        (second("  ticket: {type: string}\n",
                "parameters:\n  response_format: {type: json_object}\n"),
         5, "`response_format`"),
    ],
)  # fmt: skip
def test_a_break_is_named_where_it_is_declared(head: dict[str, str], line: int, said: str) -> None:
    finding = next(one for one in found(RULE, head) if said in one.message)
    assert (finding.path, finding.line) == ("prompts/a/v2.jinja2", line)
    assert finding.message.startswith("Breaks callers of stable (v1): ")


@pytest.mark.parametrize(
    "head",
    [
        second("  ticket: {type: string}\n"),
        second("  ticket: {type: string}\n  tone: {type: string, default: kind}\n",
               body="{{ ticket }}{{ tone }}"),
        second("  ticket: {type: [string, integer]}\n"),
    ],
)  # fmt: skip
def test_what_accepts_every_old_call_breaks_nobody(head: dict[str, str]) -> None:
    assert found(RULE, head) == []


def test_without_a_stable_version_there_is_nobody_to_break() -> None:
    head = second("  other: {type: string}\n", body="{{ other }}") | {"tags.yaml": "a: {}\n"}
    assert found(RULE, head) == []


def test_versions_below_stable_are_history() -> None:
    head = second("  other: {type: string}\n", body="{{ other }}")
    assert found(RULE, head | {"tags.yaml": "a: {stable: v2}\n"}) == []
