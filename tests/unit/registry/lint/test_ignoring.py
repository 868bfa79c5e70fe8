"""Comments that take findings back."""

from __future__ import annotations

import pytest

from core.findings import Finding
from registry.domain.lint.ignoring import apply_ignores, read_ignores


def finding(line: int, code: str = "secret", path: str = "suites/s.yaml", severity="warning"):
    return Finding(path, line, 1, severity, code, "Something.")


def left(text: str, *findings: Finding, soft: frozenset[str] = frozenset({"secret"})):
    """(line, code) of what is left, and the number taken back."""
    path = findings[0].path if findings else "suites/s.yaml"
    result = apply_ignores(findings, read_ignores(path, text), soft)
    return [(one.line, one.code) for one in result.findings], result.count


def test_a_comment_holds_for_its_own_line() -> None:
    text = "a: 1\nb: 2 # assay: ignore=secret made up\nc: 3\n"
    assert left(text, finding(2)) == ([], 1)
    assert left(text, finding(3)) == ([(3, "secret"), (2, "ignore_unused")], 0)


def test_alone_on_its_line_it_holds_for_the_next_one_with_something_else() -> None:
    text = "a: 1\n# assay: ignore=secret made up\n\n# note\nb: 2\nc: 3\n"
    assert left(text, finding(5)) == ([], 1)
    assert left(text, finding(6))[1] == 0


@pytest.mark.parametrize(
    ("path", "text"),
    [
        ("suites/s.yaml", "# note\n\n# assay: ignore=secret made up\na: 1\n"),
        ("prompts/a/v1.jinja2", "---\n# assay: ignore=secret made up\ntype: text\n---\nHi\n"),
        ("prompts/a/v1.jinja2", "{#- assay: ignore=secret made up -#}\nHi\n"),
        ("rubrics/r.md", "---\n# assay: ignore=secret made up\nmode: score\n---\n"),
        ("README.md", "<!-- assay: ignore=secret made up -->\nHi\n"),
    ],
)
def test_at_the_top_it_holds_for_the_whole_file(path: str, text: str) -> None:
    assert left(text, finding(0, path=path), finding(99, path=path)) == ([], 2)


def test_in_the_text_of_a_prompt_only_template_comments_count() -> None:
    path = "prompts/a/v1.jinja2"
    text = "---\n---\nHi\n# assay: ignore=secret is text\n{# assay: ignore=secret made up #}\nkey\n"
    assert left(text, finding(5, path=path), finding(6, path=path)) == ([(5, "secret")], 1)
    heading = "Hi\n{# assay: ignore=secret made up #}\n# A heading\nkey\n"
    assert left(heading, finding(3, path=path)) == ([], 1)


def test_several_ids_share_a_reason() -> None:
    text = "a: 1\nb: 2 # assay: ignore=secret,yaml_boolean made up\n"
    assert left(text, finding(2), finding(2, "yaml_boolean")) == ([], 2)


@pytest.mark.parametrize("comment", ["ignore=secret", "ignore=secret   ", "ignore= made up"])
def test_without_a_reason_nothing_is_taken_back(comment: str) -> None:
    text = f"a: 1\nb: 2 # assay: {comment}\n"
    assert left(text, finding(2)) == ([(2, "secret"), (2, "ignore_without_reason")], 0)


def test_what_the_server_refuses_stays_an_error() -> None:
    text = "a: 1\nb: 2 # assay: ignore=yaml I like it\n"
    kept = [(2, "yaml"), (2, "ignore_refused")]
    assert left(text, finding(2, "yaml", severity="error")) == (kept, 0)
    assert left(text.replace("yaml", "secret"), finding(2, severity="error")) == ([], 1)


def test_other_files_other_lines_and_other_ids_are_not_meant() -> None:
    ignores = list(read_ignores("a.yaml", "x: 1 # assay: ignore=secret made up\n"))
    others = [finding(1, path="b.yaml"), finding(1, "yaml_boolean", path="a.yaml")]
    result = apply_ignores(others, ignores, frozenset())
    assert [one.code for one in result.findings] == ["secret", "yaml_boolean", "ignore_unused"]


def test_data_files_have_no_comments() -> None:
    text = '{"id": "# assay: ignore=secret made up"}\n'
    assert list(read_ignores("datasets/d.jsonl", text)) == []
