"""A flattened version renders in plain Jinja2 to what the version renders to here."""

from __future__ import annotations

import jinja2
import pytest

from registry.domain.flattening import flatten, plain_text
from registry.domain.template.render import render
from registry.domain.version import VersionContent

_PARTIALS = {
    "partials/tone/v1": "Be {{ tone }}.\n",
    "partials/outer/v1": "[{% include 'partials/tone/v1' %}]\n\n",
    "partials/setter/v1": "{% set tone = 'loud' %}{{ tone }}",
}


@pytest.mark.parametrize(
    "source",
    [
        "no includes {{ tone }}\n",
        'A {% include "partials/tone/v1" %} B',
        'A  {%- include "partials/tone/v1" -%}  B\n',
        'A\n{% include "partials/outer/v1" %}\nB\n\n',
        '{% include "partials/setter/v1" %} {{ tone }}',
        '{% raw %}{% include "partials/tone/v1" %}{% endraw %}{{ tone }}',
        '{# {% include "partials/tone/v1" %} #}{{ tone }}',
        '{% if tone %}{% include "partials/tone/v1" %}{% endif %}',
        "{{ '{% include x %}' }}",
        "{%- if tone -%}  x  {%- endif -%}  y",
    ],
)
def test_plain_jinja_renders_the_same(source: str) -> None:
    content = VersionContent(
        "p", 1, "x", variables={"tone": {"type": "string"}}, source=source, partials=_PARTIALS
    )
    here = render(content, {"tone": "calm"}).text
    assert jinja2.Template(flatten(source, _PARTIALS)).render(tone="calm") == here


def test_a_template_without_includes_is_served_as_it_was_written() -> None:
    source = "a {#- note -#} {{- x -}}  {% for i in y %}\n{{ i }}{% endfor %}\n"
    assert jinja2.Template(flatten(source, {})).render(x=1, y=[1]) == jinja2.Template(
        source
    ).render(x=1, y=[1])


@pytest.mark.parametrize(
    ("template", "plain"),
    [
        ("Hi {{ x }}\n", "Hi {{ x }}\n"),
        ("{% if x %}Hi{% endif %}", "{% if x %}Hi{% endif %}"),
        ('{% chat role="system" -%}\nHi {{ x }}.\n{%- endchat %}\n', "Hi {{ x }}."),
        (
            (
                '{# note #}{% chat role="system" %}A{% if x %}B{% endif %}{% endchat %}'
                '\n{% placeholder "history" %}\n'
            ),
            "A{% if x %}B{% endif %}",
        ),
        ('{% chat role="system" %}A{% endchat %}{% chat role="user" %}B{% endchat %}', None),
        ('{% for i in y %}{% chat role="user" %}B{% endchat %}{% endfor %}', None),
        ('{% chat role="user" %}B{% endchat %}{% if x %}{% endif %}', None),
        ("", ""),
    ],
)
def test_a_client_without_chat_gets_the_only_message_or_nothing(
    template: str, plain: str | None
) -> None:
    assert plain_text(template) == plain
