"""What is handed to another Jinja2 renders there to what it renders to here, or is refused."""

from __future__ import annotations

import re
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from jinja2 import Undefined
from jinja2.exceptions import UndefinedError
from jinja2.sandbox import SandboxedEnvironment

from registry.domain.flattening import flatten
from registry.domain.standalone import NotStandaloneError, Piece, Slot, Standalone, standalone
from registry.domain.template.analysis import analyse
from registry.domain.template.errors import RenderError, RenderRefusedError
from registry.domain.template.render import render
from registry.domain.version import PromptType, VersionContent

VARIABLES: dict[str, Any] = {
    "name": {"type": "string"},
    "count": {"type": "integer"},
    "things": {"type": "array"},
    "who": {"type": "object"},
    "place": {"type": "string", "default": 'Rome, "a" \\ \n{% x %} é😀'},
}
VALUES: dict[str, Any] = {
    "name": "Ann <b> {{ count }} {% if %}",
    "count": 3,
    "things": ["b", "a", "<c>", "a"],
    "who": {"city": "Rome", "items": "keys", "age": 4},
}
PARTIALS = {"partials/tone/v1": " {% set name = 'kind' %}Be {{ name }}.\n"}


def mlflow_format(text: str, **values: Any) -> str:
    """As mlflow 3.17 fills a text in."""
    if "{%" in text and "%}" in text:
        return SandboxedEnvironment(undefined=Undefined).from_string(text).render(**values)
    for key, value in values.items():
        replacement = str(value).replace("\\", "\\\\")
        text = re.sub(r"\{\{\s*" + key + r"\s*\}\}", replacement, text)
    return text


def content(source: str, kind: PromptType = "text", **variables: Any) -> VersionContent:
    found = analyse(source, PARTIALS, kind=kind)
    assert found.findings == (), found.findings
    partials = {name: PARTIALS[name] for name in found.includes}
    used = variables or {n: VARIABLES[n] for n in VARIABLES if n in found.variables}
    return VersionContent("p", 1, "x", kind, variables=used, source=source, partials=partials)


def exported(version: VersionContent) -> Standalone:
    template = flatten(version.source, version.partials)
    return standalone(version.type, template, version.variables)


def values_of(version: VersionContent) -> dict[str, Any]:
    return {name: VALUES[name] for name in version.variables if name in VALUES}


SAME = [
    "Hello {{ name }}!\n",
    "Hello {{name}} of {{ count }}\n\n",
    "Hello {{ name }}, welcome to {{ place }}.",
    "{{ name | upper }}",
    "{{ true }} {{ name }}",
    "A {#- note -#} B {{- name -}} C",
    "{ {# c #}{ name }} {{ name }}",
    "{{ name }}{{ count }}\n\n\n",
    "\n",
    "{% raw %}{{ name }}{% endraw %} is {{ name }}",
    '{% include "partials/tone/v1" %} {{ name }}',
    "{% for t in things %}{{ loop.index }}{{ t }}{% if loop.last %}.{% endif %}{% endfor %}",
    "{{ things | map('upper') | join(', ') }} {{ things | sort | first }} {{ things|unique|list }}",
    "{% for key, value in who.items() %}{{ key }}={{ value }};{% endfor %}",
    "{{ who.city }} {{ who['city'] }} {{ who.get('age') }} {{ name.split(' ') }}",
    "{% set x = count * 2 %}{{ x + 1 }} {{ x / 4 }} {{ x ~ name }}",
    "{% if count > 2 and name is string %}many{% elif count %}few{% else %}none{% endif %}",
    "{{ place }}",
    "static only",
]


@pytest.mark.parametrize("source", SAME)
def test_the_other_jinja_renders_the_same(source: str) -> None:
    version = content(source)
    values = values_of(version)
    assert mlflow_format(exported(version).text, **values) == render(version, values).text


@pytest.mark.parametrize(
    ("source", "what"),
    [
        ("{{ who | tojson }}", "line 1: the filter `tojson`"),
        ("a\n{{ name | indent }}", "line 2: the filter `indent`"),
        ("{{ things | map('upper') }}", "the result of `map` is used without `list`"),
        ("{% set x = who.keys() %}{{ x }}", "the result of `.keys()`"),
        ("{{ who.items }}", "`.items` names a method"),
        ("{{ range(3) }}", "the result of `range(…)`"),
        ("{{ things | map('tojson') | join }}", "`map` over a filter that differs"),
        ("{{ [who] | map(attribute='items') | join }}", "takes an attribute that names a method"),
    ],
)
def test_what_would_come_out_differently_is_refused_with_its_line(source: str, what: str) -> None:
    with pytest.raises(NotStandaloneError) as refused:
        exported(content(source))
    assert what in refused.value.message


@pytest.mark.parametrize("source", ["{{ name }}{{ count }}", "{{ name | upper }}"])
def test_a_missing_variable_is_an_error_there_too(source: str) -> None:
    with pytest.raises(UndefinedError, match="'name' is undefined"):
        mlflow_format(exported(content(source)).text, count=1)


def test_a_chat_becomes_messages_with_the_places_of_its_placeholders() -> None:
    version = content(
        '{# c #}\n{% chat role="system" -%}\n {# c #} You are {{ name }}.\n{%- endchat %}\n'
        '{% placeholder "history" %}\n{% chat role="user" %} {% raw %} {{x}} {% endraw %}'
        "{% endchat %}",
        "chat",
    )
    found = exported(version)
    assert found.placeholders == (Slot("history", 1),)
    rendered = [mlflow_format(piece.content, name="Bo") for piece in found.messages]
    here = render(version, {"name": "Bo"}).messages
    assert rendered == [message.content for message in here]
    assert [piece.role for piece in found.messages] == ["system", "user"]


def test_a_plain_chat_is_handed_out_as_it_was_written() -> None:
    found = exported(content('{% chat role="user" %} Hi {{ name }} {% endchat %}', "chat"))
    assert found == Standalone(messages=(Piece("user", "Hi {{ name }}"),), is_plain=True)


def test_logic_around_chat_blocks_is_refused() -> None:
    source = '\n{% if name %}{% chat role="user" %}Hi{% endchat %}{% endif %}'
    with pytest.raises(NotStandaloneError, match=r"line 2: `{% if %}` around chat blocks"):
        exported(content(source, "chat"))


ATOMS = st.sampled_from(
    "name;count;things;who;'x';1;1.5;true;[name, 1];things[0];who.city;who['age'];place;who.keys();"
    "who.items();range(count);{'a': name};(name, count)".split(";")
)
FILTERS = st.sampled_from(
    "upper lower title trim length list join sort first last reverse unique string int abs sum max "
    "wordcount tojson capitalize batch(2) slice(2) map('upper') map('string') select reject "
    "select('string') replace('a','b') default('d') truncate(5) center(9) round dictsort "
    "join(',')".split()
)
TESTS = st.sampled_from("string number mapping defined none sequence".split())


def _grown(inner: st.SearchStrategy[str]) -> st.SearchStrategy[str]:
    return st.one_of(
        st.builds("{} | {}".format, inner, FILTERS),
        st.builds("({} ~ {})".format, inner, inner),
        st.builds("({} if {} is {} else {})".format, inner, inner, TESTS, inner),
        st.builds("({} == {})".format, inner, inner),
        st.builds("({} + {})".format, inner, inner),
        st.builds("[{}, {}]".format, inner, inner),
    )


EXPRESSIONS = st.recursive(ATOMS, _grown, max_leaves=5)


def _nested(inner: st.SearchStrategy[str]) -> st.SearchStrategy[str]:
    return st.one_of(
        st.builds("{}{}".format, inner, inner),
        st.builds("{{% if {} %}}{}{{% else %}}-{{% endif %}}".format, EXPRESSIONS, inner),
        st.builds("{{% for t in {} %}}{{{{ t }}}}{}{{% endfor %}}".format, EXPRESSIONS, inner),
        st.builds("{{% set s = {} %}}{{{{ s }}}}{}".format, EXPRESSIONS, inner),
        st.builds("{{% with w = {} %}}{}{{{{ w }}}}{{% endwith %}}".format, EXPRESSIONS, inner),
    )


PIECES = st.one_of(
    st.builds("{{{{ {} }}}}".format, EXPRESSIONS),
    st.sampled_from([" text\n", "{# c #}", "{% raw %}{{ name }}{% endraw %}", "{ {", "}}", "\n"]),
)
TEMPLATES = st.recursive(PIECES, _nested, max_leaves=4)


@given(TEMPLATES)
@settings(max_examples=200)
def test_whatever_is_handed_out_renders_to_what_it_renders_to_here(source: str) -> None:
    found = analyse(source, {})
    if found.findings or set(found.variables) - set(VARIABLES):
        return
    version = content(source)
    values = values_of(version)
    try:
        here = render(version, values).text
        there = exported(version).text
    except (NotStandaloneError, RenderError, RenderRefusedError):
        return
    assert mlflow_format(there, **values) == here
