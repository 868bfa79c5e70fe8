from __future__ import annotations

import resource

import pytest

from core.errors import InvalidError, RefusedError
from registry.domain.template.render import Rendered, render
from registry.domain.version import VersionContent
from tests.unit.registry.template.hostile import BOMBS, ESCAPES


def text_prompt(source: str) -> VersionContent:
    return VersionContent("p", 1, "prompts/p/v1.jinja2", source=source, variables={"x": {}})


@pytest.mark.parametrize("source", ESCAPES)
def test_a_template_cannot_reach_what_is_not_data(source: str) -> None:
    with pytest.raises((InvalidError, RefusedError)) as refusal:
        render(text_prompt(source), {"x": "abc"})
    loot = ("<class", "<built-in", "<function", "<bound", "<module", "0x", "root:")
    assert not any(word in refusal.value.message for word in loot)


@pytest.mark.parametrize("source", BOMBS)
def test_a_bomb_is_refused_before_it_grows(source: str) -> None:
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    with pytest.raises((InvalidError, RefusedError)):
        render(text_prompt(source), {"x": "abc"})
    grown_kib = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before
    assert grown_kib < 128 * 1024


@pytest.mark.parametrize(
    "value",
    ["{{ 7*7 }}", "{% raw %}", "{% endraw %}{{ x }}", "{# c #}", "{{ ''.__class__ }}", "<b>&'"],
)
def test_a_value_is_text_and_never_a_template(value: str) -> None:
    for source in ("{{ x }}", "{% raw %}{% endraw %}{{ x }}", "{% set y = x %}{{ y }}"):
        assert render(text_prompt(source), {"x": value}).text == value


def test_raw_blocks_keep_their_braces() -> None:
    source = "{% raw %}{{ x }}{% endraw %}{{ x }}"
    assert render(text_prompt(source), {"x": "abc"}).text == "{{ x }}abc"


def test_a_data_key_named_like_a_method_is_data() -> None:
    content = text_prompt("{{ x.items }} {{ x.format }} {{ x['__class__'] }}")
    values = {"x": {"items": "a", "format": "b", "__class__": "c"}}
    assert render(content, values).text == "a b c"


class Sneaky(str):
    __slots__ = ()


@pytest.mark.parametrize(
    "value",
    [
        object(),
        Sneaky("a"),
        (1,),
        {1: "a"},
        {"a": object()},
        b"bytes",
        {1},
        float("nan"),
        2**64,
        "\0",
    ],
)
def test_only_plain_json_data_goes_in(value: object) -> None:
    with pytest.raises(InvalidError) as refusal:
        render(text_prompt("{{ x }}"), {"x": value})
    [error] = refusal.value.fields["errors"]
    assert error["pointer"].startswith("/x")


def test_cyclic_and_deep_values_are_refused() -> None:
    cyclic: list[object] = []
    cyclic.append(cyclic)
    with pytest.raises(InvalidError, match="nested too deep"):
        render(text_prompt("{{ x }}"), {"x": cyclic})


def test_harmless_templates_of_every_kind_still_work() -> None:
    source = (
        "{% for k, v in x.items() if v %}{{ loop.index }}{{ k|upper }}={{ v|join('+') }};"
        "{% else %}none{% endfor %}"
        "{% set n = x.a|length %}{{ n * 2 }}{{ '-' * 3 }}{{ n if n > 1 else 'few' }}"
        "{% with y = 'q' %}{{ y ~ n }}{% endwith %}{{ range(2)|list }}{{ x|tojson }}"
    )
    result = render(text_prompt(source), {"x": {"a": ["p", "q"], "b": []}})
    assert isinstance(result, Rendered)
    assert result.text == '1A=p+q;4---2q2[0, 1]{"a": ["p", "q"], "b": []}'
