from __future__ import annotations

from typing import Any

import pytest

from core.errors import InvalidError, RefusedError
from registry.domain.template.render import Rendered, render
from registry.domain.template.tags import Message
from registry.domain.version import VersionContent

CHAT = """\
{% chat role="system" %}
  You are {{ tone }}.
{% endchat %}
{% placeholder "history" %}
{% for example in examples %}
{% chat role="user" %}{{ example.q }}{% endchat %}
{% chat role="assistant" %}{{ example.a }}{% endchat %}
{% endfor %}
{% chat role="user" %}{{ ticket }}{% endchat %}
"""
VARIABLES: dict[str, Any] = {
    "ticket": {"type": "string", "maxLength": 20, "pattern": "^[a-z ]*$"},
    "tone": {"type": "string", "enum": ["friendly", "formal"], "default": "friendly"},
    "examples": {
        "type": "array",
        "items": {"type": "object", "required": ["q", "a"]},
        "default": [],
    },
}


def chat(**changes: Any) -> VersionContent:
    given = {"type": "chat", "source": CHAT, "variables": VARIABLES, **changes}
    return VersionContent("p", 1, "prompts/p/v1.jinja2", **given)


def pointers(content: VersionContent, values: dict[str, Any], **more: Any) -> dict[str, str]:
    with pytest.raises(InvalidError) as refusal:
        render(content, values, **more)
    return {error["pointer"]: error["message"] for error in refusal.value.fields["errors"]}


def test_a_chat_prompt_becomes_messages_in_order() -> None:
    history = [{"role": "user", "content": "{{ hi }}"}, {"role": "assistant", "content": "yes"}]
    values = {"ticket": "help me", "examples": [{"q": "1", "a": "2"}]}
    assert render(chat(), values, {"history": history}) == Rendered(
        "chat",
        "",
        (
            Message("system", "You are friendly."),
            Message("user", "{{ hi }}"),
            Message("assistant", "yes"),
            Message("user", "1"),
            Message("assistant", "2"),
            Message("user", "help me"),
        ),
    )


def test_a_text_prompt_is_also_one_user_message() -> None:
    content = VersionContent("p", 1, "x", source="Hi {{ x }}\n", variables={"x": {}})
    assert render(content, {"x": 3}) == Rendered("text", "Hi 3", (Message("user", "Hi 3"),))


def test_the_layout_next_to_chat_tags_is_dropped_and_values_are_not_touched() -> None:
    content = chat(source='{% chat role="user" %}\n  {{ ticket }}\n{% endchat %}')
    values = {"ticket": "  a  ", "tone": "formal"}
    assert render(content, values).messages == (Message("user", "  a  "),)


def test_missing_unknown_and_mistyped_values_are_all_named() -> None:
    assert pointers(chat(), {"tone": "rude", "extra/one": 1, "examples": [{"q": "1"}]}) == {
        "/ticket": "is missing and has no default",
        "/tone": 'must be one of ["friendly", "formal"]',
        "/examples/0": "must have 'a'",
        "/extra~1one": "is not a variable of this prompt",
    }


def test_a_message_names_the_rule_and_keeps_the_value_to_itself() -> None:
    secret = "My Password Is Hunter2 And More"
    found = pointers(chat(), {"ticket": secret})
    assert set(found) == {"/ticket"}
    assert "Hunter2" not in str(found)


def test_placeholders_are_checked() -> None:
    good = {"ticket": "a"}
    assert list(pointers(chat(), good, placeholders={"other": []})) == ["/placeholders/other"]
    assert list(pointers(chat(), good, placeholders={"history": "no"})) == ["/placeholders/history"]
    for turn in (
        {"role": "root", "content": "a"},
        {"role": "user"},
        "a",
        {"role": "user", "content": 1},
    ):
        found = pointers(chat(), good, placeholders={"history": [turn]})
        assert list(found) == ["/placeholders/history/0"]


def test_a_value_that_is_missing_inside_another_is_an_error_and_no_empty_text() -> None:
    content = VersionContent("p", 1, "x", source="{{ x.name }}", variables={"x": {}})
    with pytest.raises(InvalidError, match="no attribute 'name'"):
        render(content, {"x": {}})


def test_an_output_over_the_limit_is_refused() -> None:
    content = VersionContent("p", 1, "x", source="{{ x }}{{ x }}", variables={"x": {}})
    assert len(render(content, {"x": "a" * 50}, output_chars=100).text) == 100
    with pytest.raises(RefusedError, match="too long"):
        render(content, {"x": "a" * 51}, output_chars=100)
    with pytest.raises(RefusedError, match="too long"):
        render(chat(), {"ticket": "a" * 20}, output_chars=30)


def test_includes_see_the_variables_around_them() -> None:
    content = VersionContent(
        "p",
        1,
        "x",
        source='{% for x in xs %}{% include "partials/a/v1" %}{% endfor %}',
        variables={"xs": {}},
        partials={"partials/a/v1": '<{% include "partials/b/v2" %}>\n', "partials/b/v2": "{{ x }}"},
    )
    assert render(content, {"xs": [1, 2]}).text == "<1><2>"


def test_a_set_inside_an_include_stays_inside() -> None:
    content = VersionContent(
        "p",
        1,
        "x",
        source='{% include "partials/a/v1" %}{{ y }}',
        variables={"y": {}},
        partials={"partials/a/v1": "{% set y = 'inner' %}{{ y }} "},
    )
    assert render(content, {"y": "outer"}).text == "inner outer"


def test_what_was_rendered_survives_json() -> None:
    result = render(chat(), {"ticket": "a"})
    assert Rendered.from_json(result.to_json()) == result


@pytest.mark.parametrize(
    ("expression", "expected"),
    [
        ("{{ x|indent(2) }}", "a b\n  c"),
        ("{{ x|indent(2, true) }}", "  a b\n  c"),
        ("{{ x|wordwrap(1) }}", "a\nb\nc"),
        ("{{ x|replace('a', 'z') }}", "z b\nc"),
        ("{{ x|center(9) }}|", "  a b\nc  |"),
        ("{{ [1, 2, 3]|batch(2, 0)|list }}", "[[1, 2], [3, 0]]"),
        ("{{ [1, 2, 3]|slice(2)|list }}", "[[1, 2], [3]]"),
        ("{{ [1, 2]|sum }}", "3"),
        ("{{ [{'a': 2}, {'a': 1}]|sort(attribute='a')|map(attribute='a')|join(',') }}", "1,2"),
        ("{{ [0, 1]|select|list }}", "[1]"),
        ("{{ ['a']|map('upper')|first }}", "A"),
        ("{{ x.split()|length }}", "3"),
        ("{{ missing|default('d') }}", "d"),
        ("{{ missing is defined }}", "False"),
        ("{{ 'é'|tojson }}", '"é"'),
        ("{{ {'a': 1}|tojson(indent=1) }}", '{\n "a": 1\n}'),
        ("{{ 2**3 }}{{ 7 % 3 }}{{ 7 // 2 }}{{ -1 }}", "813-1"),
    ],
)
def test_filters_and_operators(expression: str, expected: str) -> None:
    content = VersionContent("p", 1, "x", source=expression, variables={"x": {}})
    assert render(content, {"x": "a b\nc"}).text == expected
