from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from registry.domain import documents
from registry.domain.documents import load
from registry.domain.positions import Mark

#: Pieces that make most of YAML's syntax when thrown together.
PIECES = (
    "a", "key", "x y", ": ", ":", "\n", "\n  ", "\n    ", "\n- ", "- ", "[", "]", "{", "}", ", ",
    ",", "'", '"', "#", " #", " | \n", "|\n  ", ">\n  ", "|-\n  ", "?", "&a ", "*a", "!x ", "!",
    "é", "1", "0x1f", "1.5", "null", "true", "~", "\\", "\\n", "\\x41", "-", "%", "@", "`", "=",
    "<<: ", "a: ", "b: ", "\nc: ", '"q"', "'s'", "''", "...", "---", "://", "  ", "\t", "&", "*",
)  # fmt: skip


def test_scalars_follow_the_core_schema_of_yaml_1_2() -> None:
    text = """
country: no
answer: yes
day: 2026-01-01
time: 12:30
octal: 0o17
not_octal: 017
hex: 0x1F
float: 1e3
none: ~
empty:
quoted: "1"
folded: >
  one
  two
"""
    assert load(text).value == {
        "country": "no",
        "answer": "yes",
        "day": "2026-01-01",
        "time": "12:30",
        "octal": 15,
        "not_octal": 17,
        "hex": 31,
        "float": 1000.0,
        "none": None,
        "empty": None,
        "quoted": "1",
        "folded": "one two\n",
    }


def test_every_value_and_key_knows_its_place() -> None:
    document = load("a:\n  - {b: 1, c: [x, y]}\n", first_line=2)
    assert document.mark(("a", 0, "c", 1)) == Mark(3, 19)
    assert document.key_mark(("a", 0, "c")) == Mark(3, 12)
    assert document.mark(("a", 0, "nowhere", "else")) == Mark(3, 5)


@pytest.mark.parametrize(
    ("text", "code", "line", "column"),
    [
        ("a: 1\nb: 2\na: 3", "yaml_duplicate_key", 3, 1),
        ("a: {b: 1, b: 2}", "yaml_duplicate_key", 1, 11),
        ("a: &x [*x]", "yaml_alias", 1, 8),
        ("a: *nothing", "yaml_alias", 1, 4),
        ("a: !!python/object:os.system x", "yaml_tag", 1, 4),
        ("a: !env SECRET", "yaml_tag", 1, 4),
        ("a: .inf", "yaml_number", 1, 4),
        ("a: .NaN", "yaml_number", 1, 4),
        ("a: 1e999", "yaml_number", 1, 4),
        ("a: " + "9" * 5000, "yaml_number", 1, 4),
        ("1: a", "yaml_key", 1, 1),
        ("? [a]\n: b", "yaml_key", 1, 3),
        ("a: b\n---\nc: d", "yaml", 2, 1),
        ("%YAML 1.1\n---\na: b", "yaml", 2, 1),
        ("a: 1\nb: [", "yaml", 2, 5),
        ("ok: 1\na: \x01", "yaml", 2, 4),
        ('a: "\\0"', "yaml_character", 1, 4),
        ('a: "\\ud800"', "yaml_character", 1, 4),
        ("a: " + "[" * 30 + "]" * 30, "yaml_depth", 1, 27),
    ],
    ids=range(19),
)
def test_what_is_refused_and_where(text: str, code: str, line: int, column: int) -> None:
    problem = load(text).problem
    assert problem is not None
    assert (problem.code, problem.mark) == (code, Mark(line, column))


def test_an_alias_bomb_is_counted_in_full() -> None:
    bomb = "a0: &a0 [x, x, x]\n" + "".join(
        f"a{i}: &a{i} [*a{i - 1}, *a{i - 1}, *a{i - 1}]\n" for i in range(1, 40)
    )
    problem = load(bomb).problem
    assert problem is not None
    assert problem.code == "yaml_too_many_values"


def test_an_honest_alias_is_expanded() -> None:
    assert load("a: &x {b: 1}\nc: *x").value == {"a": {"b": 1}, "c": {"b": 1}}


@settings(max_examples=300)
@given(st.lists(st.sampled_from(PIECES), max_size=12).map("".join))
def test_the_fast_parser_agrees_with_ruamel(text: str) -> None:
    quick, slow = documents._load(text, 1, 1000), documents._load_slowly(text, 1, 1000)
    assert quick == slow


@settings(max_examples=300)
@given(st.one_of(st.text(), st.lists(st.sampled_from(PIECES), max_size=30).map("".join)))
def test_no_text_makes_the_parser_raise(text: str) -> None:
    document = load(text)
    assert document.problem is None or document.value is None
