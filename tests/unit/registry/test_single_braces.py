"""What LiteLLM's replacing makes of a text is what rendering does, or the text is refused."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from core.errors import InvalidError
from registry.domain.single_braces import NotSingleBracesError, single_braces
from registry.domain.standalone import Piece
from registry.domain.template.analysis import analyse
from registry.domain.template.render import render
from registry.domain.version import VersionContent

VARIABLES: dict[str, Any] = {"a": {}, "name": {}, "c": {}}
PIECES = st.sampled_from(
    'x; ;\n;{;};";{{ a }};{{name}};{a};{c};{"k": 1};{};{{ c }};{# note #};{{- a -}};{other};'
    "{{ a | upper }};{% raw %}{a}{% endraw %}".split(";")
)


def litellm_fills_in(text: str, values: dict[str, Any]) -> str:
    """As litellm 1.106 does."""
    for key, value in values.items():
        text = text.replace(f"{{{key}}}", str(value))
        text = text.replace(f"{{{{{key}}}}}", str(value))
    return text


@example("\n\n", ["a", "name", "c"])
@given(st.lists(PIECES, max_size=8).map("".join), st.permutations(["a", "name", "c"]))
def test_filled_in_there_is_rendered_here(source: str, order: list[str]) -> None:
    if analyse(source, {}).findings:
        return
    values: dict[str, Any] = {"a": "one", "name": 2, "c": True}
    content = VersionContent("p", 1, "x", variables=VARIABLES, source=source)
    try:
        [made] = single_braces("text", source, VARIABLES)
    except InvalidError:
        return
    given_there = {name: values[name] for name in order} | {"other": "nobody declared this"}
    assert litellm_fills_in(made.content, given_there) == render(content, values).text


def test_a_placeholder_at_the_end_is_where_the_callers_messages_go() -> None:
    chat, history = '{% chat role="system" %}Hi {{ a }}{% endchat %}', '{% placeholder "history" %}'
    assert single_braces("chat", f"{chat}\n{history}\n", VARIABLES) == (Piece("system", "Hi {a}"),)
    with pytest.raises(NotSingleBracesError, match="the placeholder history is not at the end"):
        single_braces("chat", history + chat, VARIABLES)
