from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from core.findings import Finding
from registry.domain.parsing import parse_version
from registry.domain.version import VersionContent
from tests.unit.registry.test_documents import PIECES

PATH = "prompts/support/v1.jinja2"
PARTIALS = {
    "partials/tone/v1": "Be {{ tone }}.",
    "partials/broken/v1": "{% endif %}",
    "partials/a/v1": '{% include "partials/b/v1" %}',
    "partials/b/v1": '{% include "partials/a/v1" %}',
    **{f"partials/deep/v{n}": f'{{% include "partials/deep/v{n + 1}" %}}' for n in range(1, 9)},
    "partials/deep/v9": "end",
    "partials/fan/v1": "x" * 9000,
    "partials/fan/v2": '{% include "partials/fan/v1" %}' * 500,
}
GOOD = """\
---
description: Answers customers.
type: chat
variables:
  ticket: {type: string, maxLength: 4000}
  tone: {type: string, enum: [friendly, formal], default: friendly}
parameters: {temperature: 0, max_tokens: 8, stop: END, seed: 1}
---
{% chat role="system" %}You are kind. {% include "partials/tone/v1" %}{% endchat %}
{% placeholder "history" %}
{% chat role="user" %}{{ ticket }}{% endchat %}
"""


def parse(text: str | bytes) -> tuple[VersionContent | None, tuple[Finding, ...]]:
    data = text.encode() if isinstance(text, str) else text
    return parse_version("support", 1, PATH, data, PARTIALS)


def content_of(text: str | bytes) -> VersionContent:
    content, findings = parse(text)
    assert content is not None, findings
    return content


def findings_of(text: str | bytes) -> list[tuple[int, int, str]]:
    return [(f.line, f.column, f.code) for f in parse(text)[1]]


def test_a_good_file_is_read_whole() -> None:
    content, findings = parse(GOOD)
    assert findings == ()
    assert content == VersionContent(
        name="support",
        number=1,
        path=PATH,
        type="chat",
        description="Answers customers.",
        variables={
            "ticket": {"type": "string", "maxLength": 4000},
            "tone": {"type": "string", "enum": ["friendly", "formal"], "default": "friendly"},
        },
        parameters={"temperature": 0.0, "max_tokens": 8, "seed": 1, "stop": ["END"]},
        source=GOOD.split("---\n", 2)[2],
        first_line=GOOD.split("---\n", 2)[1].count("\n") + 3,
        partials={"partials/tone/v1": "Be {{ tone }}."},
    )


def test_a_file_without_front_matter_is_all_body() -> None:
    content = content_of("Just text.\n---\nmore\n")
    assert (content.type, content.source) == ("text", "Just text.\n---\nmore\n")


def test_windows_line_ends_and_byte_order_marks_do_not_change_the_address() -> None:
    plain = content_of(GOOD)
    assert content_of(GOOD.replace("\n", "\r\n")).digest == plain.digest
    assert content_of(b"\xef\xbb\xbf" + GOOD.encode()).digest == plain.digest
    assert content_of(GOOD.replace("temperature: 0,", "temperature: 0.0,")).digest == plain.digest


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (b"ok\n\xff", [(2, 1, "file_not_utf8")]),
        (b"ok\na\0b", [(2, 2, "file_has_nul")]),
        (b"x" * 262_145, [(0, 0, "file_too_large")]),
        ("---\ntype: chat\n", [(1, 1, "front_matter_unclosed")]),
        ("---\ntype: [\n---\n", [(3, 1, "yaml")]),
        ("---\n- a\n---\n", [(2, 1, "wrong_type")]),
        ("---\ntpye: chat\n---\nx", [(2, 1, "unknown_key")]),
        ("---\ntype: shout\n---\nx", [(2, 7, "bad_value")]),
        ("---\nvariables: {x: 3}\n---\n{{ x }}", [(2, 16, "schema_invalid")]),
        ("---\nvariables: {x: {type: strin}}\n---\n{{ x }}", [(2, 23, "schema_invalid")]),
        ("---\nvariables: {x: {$ref: y}}\n---\n{{ x }}", [(2, 17, "schema_keyword")]),
        ("---\nvariables: {x: {pattern: '(a'}}\n---\n{{ x }}", [(2, 26, "schema_pattern")]),
        ("---\nvariables: {x: {pattern: '(?=a)b'}}\n---\n{{ x }}", [(2, 26, "schema_pattern")]),
        (
            "---\nvariables: {x: {type: string, default: 3}}\n---\n{{ x }}",
            [(2, 40, "default_invalid")],
        ),
        ("---\nvariables: {self: {}}\n---\n", [(2, 13, "bad_name"), (2, 13, "unused_variable")]),
        ("---\nvariables: {x: {}}\n---\nhi", [(2, 13, "unused_variable")]),
        ("hi\nticket {{ ticket }}", [(2, 11, "undeclared_variable")]),
        ("---\nparameters: {temperature: hot}\n---\n", [(2, 27, "wrong_type")]),
        ("---\nparameters: {temperature: 3}\n---\n", [(2, 27, "bad_value")]),
        ("---\nparameters: {max_tokens: true}\n---\n", [(2, 26, "wrong_type")]),
        ("---\nparameters: {guided_json: {}}\n---\n", [(2, 14, "unknown_key")]),
        ("---\nparameters: {stop: [1]}\n---\n", [(2, 20, "wrong_type")]),
        (
            "---\nparameters: {response_format: {type: json_schema}}\n---\n",
            [(2, 31, "missing_key")],
        ),
        ("a\n{{ 'x' | nope }}", [(2, 10, "template_refused")]),
        ("a\n{% macro m() %}{% endmacro %}", [(2, 4, "template_refused")]),
        ("a\n{% if %}", [(2, 1, "template_syntax")]),
        ("a\n{{ open", [(2, 1, "template_syntax")]),
        ("{% chat role='user' %}{% endchat %}", [(1, 4, "chat_in_text")]),
        ("{% placeholder 'x' %}", [(1, 4, "chat_in_text")]),
        (
            "---\ntype: chat\n---\n\n  stray {# c #}\n",
            [(5, 3, "text_outside_chat"), (4, 1, "chat_empty")],
        ),
        ("---\ntype: chat\n---\n{% chat role='boss' %}{% endchat %}", [(4, 1, "template_syntax")]),
        ("---\ntype: chat\n---\n", [(4, 1, "chat_empty")]),
        (
            (
                "---\ntype: chat\n---\n{% chat role='user' %}\n"
                "{% chat role='user' %}{% endchat %}{% endchat %}"
            ),
            [(5, 4, "chat_nested")],
        ),
        ("a\n{% include 'partials/none/v1' %}", [(2, 4, "include_missing")]),
        ("a\n{% include 'partials/tone' %}", [(2, 4, "include_not_fixed")]),
        ("a\n{% include '../../etc/passwd' %}", [(2, 4, "include_not_fixed")]),
        ("a\n{% include 'partials/tone/v1' ignore missing %}", [(2, 4, "include_not_fixed")]),
        ("a\n{% include 'partials/../v1' %}", [(2, 4, "include_not_fixed")]),
        ("a\n{% include 'partials/a/v1' %}", [(2, 4, "include_cycle")]),
        ("a\n{% include 'partials/deep/v4' %}", [(2, 4, "include_too_deep")]),
        ("a\n{% include 'partials/broken/v1' %}", [(2, 4, "include_broken")]),
        ("a\n{% include 'partials/fan/v2' %}", [(1, 1, "template_too_large")]),
        ("a\n{% include 'partials/tone/v1' %}", [(2, 4, "undeclared_variable")]),
    ],
    ids=range(43),
)
def test_findings_say_what_is_wrong_and_where(
    text: str | bytes, expected: list[tuple[int, int, str]]
) -> None:
    assert findings_of(text) == sorted(expected)


def test_an_include_five_deep_is_the_last_that_is_read() -> None:
    content = content_of("{% include 'partials/deep/v5' %}")
    assert sorted(content.partials) == [f"partials/deep/v{n}" for n in range(5, 10)]


def test_names_a_template_makes_itself_need_no_declaration() -> None:
    content = content_of(
        "---\nvariables: {xs: {}, tone: {}}\n---\n"
        "{% set n = xs|length %}{{ n }}{% for x in xs if x %}{{ loop.index }}{{ x }}{% endfor %}"
        "{% with y = n %}{{ y }}{% endwith %}{% for i in range(3) %}{{ i }}{% endfor %}"
        "{% include 'partials/tone/v1' %}"
    )
    assert set(content.variables) == {"xs", "tone"}


def test_a_loop_variable_does_not_exist_after_its_loop() -> None:
    loop = "{% for x in xs %}{{ x }}{% endfor %}"
    text = f"---\nvariables: {{xs: {{}}}}\n---\n{loop}\n{{{{ x }}}}{{{{ loop.index }}}}"
    assert findings_of(text) == [(5, 4, "undeclared_variable"), (5, 11, "undeclared_variable")]


def test_a_warning_leaves_the_content() -> None:
    content, findings = parse("---\nvariables: {x: {type: string}}\n---\nhi")
    assert content is not None
    assert [finding.severity for finding in findings] == ["warning"]


@settings(max_examples=200)
@given(
    st.one_of(
        st.binary(max_size=200),
        st.lists(st.sampled_from((*PIECES, "---\n", "{{ ", " }}", "{% ", " %}", "type: chat\n")))
        .map("".join)
        .map(lambda text: f"---\n{text}\n---\n{text}".encode()),
    )
)
def test_parsing_never_raises(data: bytes) -> None:
    content, findings = parse(data)
    assert content is not None or findings
    if content is not None:
        assert VersionContent.from_json(content.to_json()) == content


IDENTITY: dict[str, Any] = {
    "type": "chat",
    "variables": {"x": {"type": "string"}},
    "parameters": {"seed": 1},
    "source": "a",
    "partials": {"partials/a/v1": "b"},
}
json_values = st.recursive(
    st.none() | st.booleans() | st.integers(-9, 9) | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=3), inner),
    max_leaves=5,
)


@given(st.sampled_from(sorted(IDENTITY)), st.dictionaries(st.text(max_size=5), json_values))
def test_the_address_changes_with_every_field_that_counts(key: str, other: dict[str, Any]) -> None:
    one = VersionContent("p", 1, "a", **IDENTITY)
    value: Any = "text" if key == "type" else f"b{other}" if key == "source" else other
    changed = VersionContent("p", 1, "a", **(IDENTITY | {key: value}))
    assert (changed.digest == one.digest) == (changed == one)


def test_the_address_ignores_name_number_path_and_description() -> None:
    one = VersionContent("p", 1, "a", **IDENTITY)
    other = VersionContent("q", 2, "b", description="d", **IDENTITY)
    assert one.digest == other.digest
    assert VersionContent.from_json(other.to_json()) == other
