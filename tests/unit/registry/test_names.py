from __future__ import annotations

import pytest

from registry.domain.names import is_name, is_prompt_name, is_variable_name, version_number


@pytest.mark.parametrize("text", ["a", "support-chat", "3.1", "a_b", "x" * 100])
def test_good_names(text: str) -> None:
    assert is_name(text)
    assert is_prompt_name(text)
    assert is_prompt_name(f"team/{text}")


@pytest.mark.parametrize(
    "text", ["", "A", "-a", ".a", "a b", "a\n", "é", "x" * 101, "a/../b", "a//b", "/a", "a/", ".."]
)
def test_bad_names(text: str) -> None:
    assert not is_name(text)
    assert not is_prompt_name(text)


def test_a_prompt_name_has_at_most_200_characters() -> None:
    assert is_prompt_name("a" * 99 + "/" + "b" * 100)
    assert not is_prompt_name("a" * 100 + "/" + "b" * 100)


@pytest.mark.parametrize("text", ["loop", "self", "range", "_x", "a-b", "1a", "true", "é", "x\n"])
def test_words_a_variable_cannot_have(text: str) -> None:
    assert not is_variable_name(text)


@pytest.mark.parametrize(
    ("text", "number"),
    [("v1", 1), ("v999999", 999_999), ("v0", None), ("v01", None), ("1", None), ("v1\n", None)],
)
def test_version_numbers(text: str, number: int | None) -> None:
    assert version_number(text) == number


@pytest.mark.parametrize("name", ["team/history", "a/b/versions", "x/canary"])
def test_a_prompt_cannot_hide_a_resource_of_another(name: str) -> None:
    assert not is_prompt_name(name)
    assert is_prompt_name(name.rpartition("/")[2])
