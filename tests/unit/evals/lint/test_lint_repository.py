"""A repository, and a change of it, looked at by everything at once."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

from evals.domain.impact import impact_of
from evals.domain.lint import Scope, lint_change, lint_repository
from evals.domain.lint.catalogue import READING
from registry.domain.lint import describe
from tests.unit.evals.builders import jsonl, repository

ROOT = Path(__file__).parents[4]
V1 = "---\nvariables: {ticket: {type: string}}\n---\nTicket: {{ ticket }}\n"
BASE = {
    "prompts/a/prompt.yaml": "suites: [s]\n",
    "prompts/a/v1.jinja2": V1,
    "prompts/b/v1.jinja2": "{{ broken\n",
    "models.yaml": "models: {m: {served_id: m}}\n",
    "gates.yaml": "policies: {r: {margin: 0.15, min_pass_rate: 0.5}}\ntags: {stable: r}\n",
    "suites/s.yaml": "dataset: datasets/d.jsonl\nchecks: [{type: exact}]\n",
    "datasets/d.jsonl": jsonl(
        *({"id": i, "variables": {"ticket": "Hi"}, "expected": "x"} for i in range(40))
    ),
}


def codes(linted):
    return [(one.path, one.code) for one in linted.findings]


def change(**after: str):
    head, base = repository(**(BASE | after)), repository(**BASE)
    return lint_change(head, base, impact_of(head, base, after).scope)


def test_everything_is_in_one_sorted_list() -> None:
    assert codes(lint_repository(repository(**BASE))) == [
        ("models.yaml", "unpinned_model"),
        ("prompts/b/v1.jinja2", "template_syntax"),
    ]


def test_a_suite_too_small_for_the_margin_says_how_many_it_takes() -> None:
    few = {"gates.yaml": BASE["gates.yaml"].replace("0.15", "0.02")}
    [finding] = [
        one
        for one in lint_repository(repository(**(BASE | few))).findings
        if one.code == "margin_too_fine"
    ]
    assert (finding.path, finding.severity) == ("suites/s.yaml", "warning")
    assert "No result of 40 cases proves the margin of 2" in finding.message


def test_a_comment_takes_a_finding_back_and_an_unused_one_is_a_finding() -> None:
    comment = "# assay: ignore=unpinned_model,yaml_boolean we know\n"
    linted = lint_repository(repository(**(BASE | {"models.yaml": comment + BASE["models.yaml"]})))
    assert ("models.yaml", "unpinned_model") not in codes(linted)
    assert ("models.yaml", "ignore_unused") in codes(linted)
    assert linted.ignored == 1


def test_a_change_answers_only_for_what_it_brings() -> None:
    assert change(**{"prompts/a/v2.jinja2": V1 + "More.\n"}).findings == ()
    worse = change(**{"prompts/a/v2.jinja2": V1.replace("{type: string}", "{}")})
    assert codes(worse) == [("prompts/a/v2.jinja2", "variable_without_type")]


def test_a_change_that_moves_an_old_finding_down_a_line_does_not_own_it() -> None:
    assert change(**{"prompts/b/v1.jinja2": "\n{{ broken\n"}).findings == ()


def test_an_edited_version_is_an_error_of_the_change() -> None:
    edited = change(**{"prompts/a/v1.jinja2": V1 + "!\n"})
    assert codes(edited) == [("prompts/a/v1.jinja2", "version_edited")]


def test_a_change_of_a_dataset_is_checked_against_the_prompts_that_use_it() -> None:
    misfit = jsonl(*({"id": i, "variables": {"nothing": 1}, "expected": "x"} for i in range(40)))
    found = change(**{"datasets/d.jsonl": misfit})
    assert ("datasets/d.jsonl", "case_misfit") in codes(found)


def test_a_change_finds_what_the_whole_repository_has_more_than_before() -> None:
    after = {
        "prompts/c/v1.jinja2": V1.replace("string", "strong"),
        "suites/s.yaml": "dataset: datasets/gone.jsonl\nchecks: [{type: exact}]\n",
        "tags.yaml": "a: {stable: v7}\n",
    }
    whole = {
        *codes(lint_repository(repository(**(BASE | after)))),
    } - {*codes(lint_repository(repository(**BASE)))}
    assert {*codes(change(**after))} == whole
    assert len(whole) >= 3


def test_a_change_of_a_file_for_everybody_is_looked_at_everywhere() -> None:
    gates = {"gates.yaml": BASE["gates.yaml"].replace("0.15", "0.02")}
    head, base = repository(**(BASE | gates)), repository(**BASE)
    assert impact_of(head, base, gates).scope == Scope(frozenset(gates))
    assert codes(change(**gates)) == [("suites/s.yaml", "margin_too_fine")]


@pytest.mark.parametrize("paths", [["datasets/none.jsonl"], ["README.md"], []])
def test_a_change_of_nothing_that_counts_reaches_nothing(paths: list[str]) -> None:
    files = repository(**BASE)
    impact = impact_of(files, files, paths)
    assert (impact.scope.prompts, impact.scope.suites) == (frozenset(), frozenset())
    assert lint_change(files, files, impact.scope).findings == ()


def _reported() -> Iterator[str]:
    """Every code that a reader of files gives, from the source."""
    position = {"Finding": 4, "_problem_of": 1}
    for folder in ("registry/domain", "evals/domain", "registry/mirror", "registry/sync"):
        for file in (ROOT / folder).rglob("*.py"):
            if file.parent.name != "lint":
                yield from _codes_in(ast.parse(file.read_text()), position)
    yield from _codes_in(ast.parse((ROOT / "assay/folder.py").read_text()), position)


def _codes_in(tree: ast.AST, position: dict[str, int]) -> Iterator[str]:
    second = set(
        "report report_key report_mark wrong Trouble SchemaProblem Problem _warn _finding".split()
    )
    third = {"_report", "_misfit"}
    for node in ast.walk(tree):
        if not isinstance(node, ast.Call):
            continue
        name = str(getattr(node.func, "attr", "") or getattr(node.func, "id", ""))
        at = 1 if name in second else 2 if name in third else position.get(name)
        if name == "_IncludeError":
            at = 0
        elif name == "_warn" and len(node.args) > 3:
            at = 2
        if any(isinstance(one, ast.Starred) for one in node.args[:2]) and name == "Finding":
            at = 2  # Finding(*place, severity, code, …)
        given = node.args[at] if at is not None and len(node.args) > at else None
        if isinstance(given, ast.Constant) and isinstance(given.value, str):
            yield given.value


def test_the_page_lists_every_code_there_is() -> None:
    listed = [code for codes_of in READING.values() for code in codes_of]
    rules = {rule.id for rule in describe()}
    reported = {code for code in _reported() if code.isidentifier() and code.islower()}
    assert len(reported) > 60
    assert reported - {*listed} - rules == set()
    assert len({*listed, *rules}) == len(listed) + len(rules)
