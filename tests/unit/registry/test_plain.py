"""Templates as text with slots: what clients fill in is what rendering gives, or it is refused."""

from __future__ import annotations

import pytest
from hypothesis import HealthCheck, assume, example, given, settings
from hypothesis import strategies as st
from langfuse.model import TemplateParser

from registry.dialects.langfuse.body import prompt
from registry.domain.flattening import flatten
from registry.domain.plain import PlainTextError, explained, plain
from registry.domain.template.analysis import analyse
from registry.domain.template.errors import RenderError
from registry.domain.template.render import render
from registry.domain.version import VersionContent

STRING = {"type": "string"}
VARIABLES = {"name": STRING, "place": {}, "count": {"type": "integer"}}
PARTIALS = {
    "partials/tone/v1": "Be kind to {{ name }}.\n",
    "partials/wide/v1": "  \n{% set place = 'here' %}So {{ place }}.\n\n",
}


def content(source: str, kind: str = "text", **variables: object) -> VersionContent:
    known = variables or VARIABLES
    return VersionContent(
        "p",
        1,
        "prompts/p/v1.jinja2",
        type=kind,  # type: ignore[arg-type]
        variables=known,  # type: ignore[arg-type]
        source=source,
        partials=PARTIALS,
        first_line=4,
    )


def _expect_valid(version: VersionContent) -> None:
    kind = version.type
    assume(not analyse(version.source, version.partials, kind=kind).findings)


def reduced(version: VersionContent) -> str | list[dict[str, str]]:
    """As a client gets it: from the flattened template."""
    template = flatten(version.source, version.partials)
    return prompt(plain(version.type, template, version.variables, {}))


@pytest.mark.parametrize(
    ("source", "text"),
    [
        ("Hello {{ name }}!\n", "Hello {{name}}!"),
        ("{{name}}{{ place }}{{\nname\n}}", "{{name}}{{place}}{{name}}"),
        ('{"who": {{ name }}}', '{"who": {{name}}}'),
        ("{# secret #}Hi{#- more -#} {{ name }}", "Hi{{name}}"),
        ("a {%- if true %} b{% endif %}", "a b"),
        ("{% if false %}{{ name | upper }}{% else %}no{% endif %}", "no"),
        ("{% if not false and (none or 'x') %}yes{% endif %}", "yes"),
        ("{% set tone = 'kind' %}Be {{ tone }}, {{ name }}", "Be kind, {{name}}"),
        ("{% set greeting %}Hi {{ name }}{% endset %}{{ greeting }}!", "Hi {{name}}!"),
        ("{% set who = name %}{{ who }}", "{{name}}"),
        ("{% with who = name ~ ', sir' %}{{ who }}{% endwith %}", "{{name}}, sir"),
        ("{{ 'a' ~ 1 ~ 2.50 ~ none ~ true }}", "a12.5NoneTrue"),
        ("{% for x in ['a', name] %}- {{ x }}\n{% endfor %}", "- a\n- {{name}}\n"),
        ("{% for x in [] %}{% else %}none{% endfor %}", "none"),
        ("{{ 'a' if 1 == 1 else name | upper }}", "a"),
        ("{% include 'partials/tone/v1' %} {{ place }}", "Be kind to {{name}}. {{place}}"),
        ("{% raw %}{% if %} {name} }}{% endraw %}", "{% if %} {name} }}"),
        ("{{ count }} of {{ count }}", "{{count}} of {{count}}"),
    ],
)
def test_what_is_known_is_worked_out(source: str, text: str) -> None:
    assert reduced(content(source)) == text


def test_a_chat_is_messages_and_placeholders() -> None:
    chat = (
        '{% set tone = "kind" %}\n{% chat role="system" %}\n Be {{ tone }}. '
        "{% include 'partials/tone/v1' %}\n{% endchat %}\n{% placeholder \"history\" %}\n"
        '{% for role in [1, 2] %}{% chat role="user" %}{{ name }}{{ role }}{% endchat %}'
        "{% endfor %}"
    )
    assert reduced(content(chat, "chat")) == [
        {"role": "system", "content": "Be kind. Be kind to {{name}}."},
        {"type": "placeholder", "name": "history"},
        {"role": "user", "content": "{{name}}1"},
        {"role": "user", "content": "{{name}}2"},
    ]


@pytest.mark.parametrize(
    ("source", "line", "what"),
    [
        ("\n{{ name | upper }}", 5, "the filter `upper` needs rendering"),
        ("{{ name.first }}", 4, "`.first` needs rendering"),
        ("{{ name[0] }}", 4, "an index `[…]` needs rendering"),
        ("{{ name.upper() }}", 4, "the call of `upper` needs rendering"),
        ("{{ count + 1 }}", 4, "the operator `+` needs rendering"),
        ("a\nb\n{% if name %}c{% endif %}", 6, "`{% if %}` on the variable `name`"),
        ("{% if name == 'x' %}c{% endif %}", 4, "a comparison of the variable `name`"),
        ("{{ 'a' if name else 'b' }}", 4, "`… if …` on the variable `name`"),
        ("{% for x in name %}{% endfor %}", 4, "`{% for %}` over the variable `name`"),
        ("{% for x in [1] %}{{ loop.index }}{% endfor %}", 4, "`.index` needs rendering"),
        ("{% if name is defined %}{% endif %}", 4, "the test `is defined` needs rendering"),
        ("{% set x | upper %}a{% endset %}", 4, "`{% set … | filter %}` needs rendering"),
        ("{{ ['a'] }}", 4, "a printed list needs rendering"),
        ("\n\n{% raw %}a\n{{name}}{% endraw %}", 7, "a literal `{{`"),
        ("{{ '{' }}{{ '{' }}", 4, "a literal `{{`"),
        ("{ {{ '{' }}{{ name }}", 4, "a `{` right before the variable `name`"),
        ("{{ 5 // 2 }}", 4, "the operator `//` needs rendering"),
        ("{% for x in ['a'] if x %}{% endfor %}", 4, "`{% for … if … %}`"),
        ("{% for a, b in [[1, 2]] %}{% endfor %}", 4, "several names set at once"),
    ],
)
def test_what_needs_rendering_is_named_with_its_place(source: str, line: int, what: str) -> None:
    error = explained(content(source))
    assert error is not None
    assert error.message.startswith(f"prompts/p/v1.jinja2:{line}: {what}")
    with pytest.raises(PlainTextError):
        reduced(content(source))


def test_a_partial_is_named_where_it_is_the_reason() -> None:
    version = VersionContent(
        "p",
        1,
        "prompts/p/v1.jinja2",
        source="{% include 'partials/loud/v2' %}",
        partials={"partials/loud/v2": "\n\n{{ name | upper }}"},
        variables={"name": STRING},
    )
    error = explained(version)
    assert error is not None
    assert error.message.startswith("prompts/partials/loud/v2.jinja2:3: the filter `upper`")
    assert explained(content("Hi {{ name }}")) is None


@pytest.mark.parametrize(
    ("schema", "why"),
    [
        ({"type": "string", "default": "x"}, "has a default"),
        ({"type": "number"}, "may be of type number"),
        ({"type": ["string", "null"]}, "may be of type null"),
        ({"type": "boolean"}, "may be of type boolean"),
        ({"enum": ["a", True]}, "may be of type bool"),
        ({"const": 1.5}, "may be of type float"),
        ({"enum": ["a", 3]}, ""),
        ({"type": ["string", "integer"], "maxLength": 3}, ""),
    ],
)
def test_values_that_clients_print_differently_are_refused(
    schema: dict[str, object], why: str
) -> None:
    error = explained(content("Hi {{ x }}", x=schema))
    assert (error is None) == (not why)
    assert error is None or f"the variable `x` {why}" in error.message
    assert explained(content("Hi", x=schema)) is None


def test_work_is_bounded() -> None:
    loops = "{% for a in L %}" * 6 + "x" + "{% endfor %}" * 6
    items = "[" + ",".join("1" for _ in range(20)) + "]"
    error = explained(content(f"{{% set L = {items} %}}" + loops))
    assert error is not None
    assert "too much work" in error.message
    doubled = "{% set a = 'xxxxxxxxxxxxxxxx' %}" + "{% set a = a ~ a %}" * 30 + "{{ a }}"
    error = explained(content(doubled))
    assert error is not None
    assert "grows over" in error.message


# --- For every template: filled in by Langfuse's own code it is what rendering gives ---

_TEXTS = st.text(alphabet="ab {}%#\n\"'-", max_size=6)
_NAMES = st.sampled_from(["name", "place", "count", "x", "y"])
_CONSTANTS = st.one_of(
    _TEXTS.map(lambda text: repr(text.replace("\n", " "))),
    st.sampled_from(["1", "2.5", "true", "false", "none", "'{'", "[name, 'b']", "[]"]),
)
_EXPRESSIONS = st.recursive(
    st.one_of(_NAMES, _CONSTANTS),
    lambda inner: st.one_of(
        st.tuples(inner, inner).map(lambda pair: f"({pair[0]} ~ {pair[1]})"),
        st.tuples(inner, inner, inner).map(lambda x: f"({x[0]} if {x[1]} else {x[2]})"),
        st.tuples(inner, inner).map(lambda pair: f"({pair[0]} and {pair[1]})"),
        st.tuples(inner, inner).map(lambda pair: f"({pair[0]} == {pair[1]})"),
        inner.map(lambda one: f"(not {one})"),
        inner.map(lambda one: f"{one} | upper"),
    ),
    max_leaves=4,
)
_RAW = _TEXTS.map(lambda text: "{% raw %}" + text + "{% endraw %}")
_INCLUDES = st.sampled_from([f"{{% include '{name}' %}}" for name in PARTIALS])
_PIECES = st.recursive(
    st.one_of(
        _TEXTS, _RAW, _INCLUDES, _EXPRESSIONS.map(lambda one: "{{ " + one + " }}"),
        st.tuples(_NAMES, _EXPRESSIONS).map(lambda x: f"{{% set {x[0]} = {x[1]} %}}"),
    ),
    lambda inner: st.one_of(
        st.lists(inner, max_size=4).map("".join),
        st.tuples(_EXPRESSIONS, inner, inner).map(
            lambda x: f"{{% if {x[0]} %}}{x[1]}{{% else %}}{x[2]}{{% endif %}}"
        ),
        st.tuples(_NAMES, _EXPRESSIONS, inner).map(
            lambda x: f"{{% for {x[0]} in {x[1]} %}}{x[2]}{{% endfor %}}"
        ),
        st.tuples(_NAMES, inner).map(lambda x: f"{{% set {x[0]} %}}{x[1]}{{% endset %}}"),
        st.tuples(_NAMES, _EXPRESSIONS, inner).map(
            lambda x: f"{{% with {x[0]} = {x[1]} %}}{x[2]}{{% endwith %}}"
        ),
    ),
    max_leaves=10,
)  # fmt: skip
_VALUES = st.fixed_dictionaries(
    {
        "name": st.text(alphabet="xy{}% \n", max_size=5),
        "place": st.text(max_size=5).filter(lambda text: "\0" not in text),
        "count": st.integers(-5, 5),
    }
)


_LENIENT = settings(suppress_health_check=[HealthCheck.filter_too_much, HealthCheck.too_slow])


@_LENIENT
@example(
    source="{% set name %}{% include 'partials/tone/v1' %}{% endset %}",
    values={"name": "", "place": "", "count": 0},
)
@given(source=st.lists(_PIECES, max_size=5).map("".join), values=_VALUES)
def test_filled_in_by_the_client_it_is_what_rendering_gives(
    source: str, values: dict[str, object]
) -> None:
    version = content(source)
    _expect_valid(version)
    try:
        text = reduced(version)
    except PlainTextError:
        return
    assert isinstance(text, str)
    try:
        rendered = render(version, values).text
    except RenderError:
        return  # a partial inside `{% set name %}` has no `name`: nothing to compare with
    assert TemplateParser.compile_template(text, values) == rendered


@_LENIENT
@given(
    bodies=st.lists(_PIECES, min_size=1, max_size=3),
    values=_VALUES,
)
def test_so_is_every_message_of_a_chat(bodies: list[str], values: dict[str, object]) -> None:
    chat = '{% chat role="user" %}'
    version = content("\n".join(f"{chat}{body}{{% endchat %}}" for body in bodies), "chat")
    _expect_valid(version)
    try:
        messages = reduced(version)
    except PlainTextError:
        return
    assert isinstance(messages, list)
    try:
        rendered = render(version, values).messages
    except RenderError:
        return  # as above
    filled = [TemplateParser.compile_template(one["content"], values) for one in messages]
    assert filled == [message.content for message in rendered]
