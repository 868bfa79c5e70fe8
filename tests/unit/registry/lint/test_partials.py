"""Partials that no prompt needs."""

from __future__ import annotations

from registry.domain.lint.unreachable_partial import RULE
from tests.unit.registry.lint.repositories import found

PARTIALS = {
    "prompts/partials/tone/v1.jinja2": "Kind.",
    "prompts/partials/tone/v2.jinja2": "{% include 'partials/tone/v1' %} Brief.",
}


def test_what_nobody_includes_is_named_with_all_that_it_includes() -> None:
    findings = found(RULE, PARTIALS | {"prompts/a/v1.jinja2": "Hello\n"})
    assert [one.path for one in findings] == sorted(PARTIALS)


def test_an_old_version_keeps_its_partials_and_theirs() -> None:
    prompts = {
        "prompts/a/v1.jinja2": "{% include 'partials/tone/v2' %}\n",
        "prompts/a/v2.jinja2": "Hello\n",
    }
    assert found(RULE, PARTIALS | prompts) == []


def test_nothing_is_said_while_a_version_cannot_be_read() -> None:
    broken = {"prompts/a/v1.jinja2": "Hello\n", "prompts/a/v2.jinja2": "{{ oh"}
    assert found(RULE, PARTIALS | broken) == []
