"""Which prompt a file belongs to."""

from __future__ import annotations

import pytest

from registry.domain.layout import prompt_of


@pytest.mark.parametrize(
    ("path", "prompt"),
    [
        ("prompts/greet/v1.jinja2", "greet"),
        ("prompts/greet/notes.txt", "greet"),
        ("prompts/team/reply/prompt.yaml", "team/reply"),
        ("prompts/partials/tone/v1.jinja2", None),
        ("prompts/Greet/v1.jinja2", None),
        ("prompts/notes.txt", None),
        ("suites/greet/v1.jinja2", None),
        ("models.yaml", None),
        ("", None),
    ],
)
def test_a_file_in_the_folder_of_a_prompt_is_the_prompts(path: str, prompt: str | None) -> None:
    assert prompt_of(path) == prompt
