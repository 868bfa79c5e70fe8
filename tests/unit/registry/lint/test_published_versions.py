"""Versions that were published before, and what became of them."""

from __future__ import annotations

import pytest

from registry.domain.lint import version_deleted, version_edited
from tests.unit.registry.lint.repositories import V1, found

PATH = "prompts/a/v1.jinja2"
BASE = {PATH: V1, "prompts/a/v2.jinja2": V1 + "More.\n", "tags.yaml": "a: {stable: v1}\n"}


@pytest.mark.parametrize(
    ("now", "said"),
    [
        (V1 + "!\n", "says something else now"),
        (V1.replace("string", "integer"), "says something else now"),
        (V1 + "{% include 'x' %}", "is broken now"),
    ],
)
def test_an_edit_is_an_error(now: str, said: str) -> None:
    [finding] = found(version_edited.RULE, BASE | {PATH: now}, BASE)
    assert (finding.path, finding.severity, finding.code) == (PATH, "error", "version_edited")
    assert f"a v1 was published and {said}" in finding.message


@pytest.mark.parametrize(
    "now",
    [
        V1,
        V1.replace("---\n", "---\n# for the reader\n", 1),
        V1.replace("---\n", "---\ndescription: Better.\n", 1),
        V1.replace("\n", "\r\n"),
    ],
)
def test_what_no_model_sees_may_change(now: str) -> None:
    assert found(version_edited.RULE, BASE | {PATH: now}, BASE) == []


def test_a_partial_changes_every_version_that_includes_it() -> None:
    text = "Be kind. {% include 'partials/tone/v1' %}\n"
    base = {PATH: text, "prompts/partials/tone/v1.jinja2": "Friendly."}
    head = base | {"prompts/partials/tone/v1.jinja2": "Formal."}
    assert [one.path for one in found(version_edited.RULE, head, base)] == [PATH]


def test_new_versions_and_prompts_are_welcome() -> None:
    head = BASE | {"prompts/a/v3.jinja2": "New.\n", "prompts/b/v1.jinja2": "New.\n"}
    for rule in (version_edited.RULE, version_deleted.RULE):
        assert found(rule, head, BASE) == []


def test_nothing_is_said_without_a_base() -> None:
    for rule in (version_edited.RULE, version_deleted.RULE):
        assert found(rule, {PATH: "Something else.\n"}) == []


def test_a_deleted_file_is_an_error_while_a_tag_points_at_it() -> None:
    head = {path: text for path, text in BASE.items() if path != PATH}
    [finding] = found(version_deleted.RULE, head, BASE)
    assert (finding.path, finding.severity) == (PATH, "error")
    assert finding.message == "a v1 was published and its file is gone; `stable` points at it."


def test_a_whole_prompt_that_goes_is_a_warning_for_each_version_nobody_uses() -> None:
    found_now = found(version_deleted.RULE, {"prompts/b/v1.jinja2": "Other.\n"}, BASE)
    assert [(one.path, one.severity) for one in found_now] == [
        (PATH, "error"),
        ("prompts/a/v2.jinja2", "warning"),
    ]
