"""Variables without a type."""

from __future__ import annotations

import pytest

from registry.domain.lint.variable_without_type import RULE
from tests.unit.registry.lint.repositories import found, places


def version(schema: str) -> dict[str, str]:
    return {"prompts/a/v1.jinja2": f"---\nvariables:\n  x: {schema}\n---\n{{{{ x }}}}\n"}


@pytest.mark.parametrize("schema", ["{}", "{description: What it is.}", "{maxLength: 3}"])
def test_a_variable_without_a_type_is_named_where_it_is_declared(schema: str) -> None:
    [finding] = findings = found(RULE, version(schema))
    assert places(findings) == [("prompts/a/v1.jinja2", 3, 3)]
    assert (finding.severity, finding.code) == ("warning", "variable_without_type")
    assert "`x`" in finding.message


@pytest.mark.parametrize(
    "schema", ["{type: string}", "{enum: [a, b]}", "{const: 1}", "{anyOf: [{type: string}]}"]
)
def test_whatever_limits_the_values_is_enough(schema: str) -> None:
    assert found(RULE, version(schema)) == []


def test_a_prompt_without_variables_has_nothing_to_say() -> None:
    assert found(RULE, {"prompts/a/v1.jinja2": "Hello\n"}) == []
