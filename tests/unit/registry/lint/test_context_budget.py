"""Prompts that cannot fit their model."""

from __future__ import annotations

from collections.abc import Sequence

from registry.domain.lint.context_budget import RULE
from registry.domain.model_pin import ModelPin
from registry.domain.token_count import Counted, Row
from tests.unit.registry.lint.repositories import found

MODELS = "models: {small: {served_id: s, revision: r, max_context: 100}, free: {served_id: f}}\n"


def repository(limit: str, model: str = "small", **more: str) -> dict[str, str]:
    return {
        "models.yaml": MODELS,
        "prompts/a/prompt.yaml": f"model: {model}\n",
        "prompts/a/v1.jinja2": (
            f"---\nvariables: {{x: {{type: string{limit}}}}}\n"
            f"parameters: {{max_tokens: 20}}\n---\n{{{{ x }}}}\n"
        ),
    } | more


def test_text_variables_and_answer_are_added_up() -> None:
    [finding] = found(RULE, repository(", maxLength: 400"))
    assert finding.severity == "warning"
    assert finding.message == (
        "About 120 tokens do not fit the 100 of small: 0 of text (estimated at 4 characters a "
        "token), 100 of variables at their longest (at 4 characters a token) and 20 of answer."
    )


def test_the_text_is_counted_as_the_model_of_each_use_reads_it() -> None:
    def bytes_of(pin: ModelPin | None, rows: Sequence[Row]) -> list[Counted]:
        assert pin is not None
        how = f"counted by the server of {pin.name}"
        return [Counted(tuple(len(text.encode()) for text in row), how) for row in rows]

    text = {"prompts/a/v1.jinja2": "Grüße an alle. " * 6 + "\n"}
    head = repository("") | text
    assert found(RULE, head) == []
    [finding] = found(RULE, head, count_tokens=bytes_of)
    assert "102 of text (counted by the server of small)" in finding.message


def test_what_fits_or_has_no_known_bound_is_fine() -> None:
    assert found(RULE, repository(", maxLength: 300")) == []
    assert found(RULE, repository("")) == []
    assert found(RULE, repository(", maxLength: 400", model="free")) == []


def test_an_old_version_counts_while_a_tag_points_at_it() -> None:
    newer = {"prompts/a/v2.jinja2": "Short.\n"}
    assert found(RULE, repository(", maxLength: 400", **newer)) == []
    live = newer | {"tags.yaml": "a: {stable: v1}\n"}
    assert [one.path for one in found(RULE, repository(", maxLength: 400", **live))] == [
        "prompts/a/v1.jinja2"
    ]
