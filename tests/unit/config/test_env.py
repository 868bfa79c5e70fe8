"""Readers of the environment: typed, and nonsense is refused by name."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from django.core.exceptions import ImproperlyConfigured
from hypothesis import given
from hypothesis import strategies as st

from config import env

NAME = "ASSAY_TEST_VALUE"
TEXT = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"), max_size=30)


def given_value(value: str | None) -> pytest.MonkeyPatch:
    """The variable set, or not; undo it."""
    patched = pytest.MonkeyPatch()
    if value is None:
        patched.delenv(NAME, raising=False)
    else:
        patched.setenv(NAME, value)
    return patched


@pytest.mark.parametrize("value", [None, ""])
def test_unset_and_empty_are_the_default(value: str | None) -> None:
    patched = given_value(value)
    assert env.text(NAME) == ""
    assert env.text(NAME, "x") == "x"
    assert env.boolean(NAME, default=True) is True
    assert env.integer(NAME, 7, low=1, high=9) == 7
    assert env.words(NAME, ("a",)) == ("a",)
    assert env.choice(NAME, "a", ("a", "b")) == "a"
    assert env.secret(NAME, "s") == "s"
    patched.undo()


@pytest.mark.parametrize(
    ("value", "meaning"),
    [
        *((value, True) for value in ("1", "true", "YES", "On")),
        *((value, False) for value in ("0", "false", "NO", "Off")),
    ],
)
def test_booleans(value: str, meaning: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(NAME, value)
    assert env.boolean(NAME, default=not meaning) is meaning


@pytest.mark.parametrize("value", ["2", "t", "y", "ture", " ", "None", "enabled", "1 "])
def test_what_is_no_boolean_is_refused(value: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(NAME, value)
    with pytest.raises(ImproperlyConfigured, match=f"{NAME}=.* is not a boolean"):
        env.boolean(NAME, default=False)


@given(st.integers(-50, 50))
def test_integers_within_their_bounds(number: int) -> None:
    patched = given_value(str(number))
    if -10 <= number <= 10:
        assert env.integer(NAME, 0, low=-10, high=10) == number
    else:
        with pytest.raises(ImproperlyConfigured, match=f"{NAME}={number} is outside -10…10"):
            env.integer(NAME, 0, low=-10, high=10)
    patched.undo()


@pytest.mark.parametrize("value", ["x", "1.0", "1e3", "0x10", "--1", "1 000", "∞"])
def test_what_is_no_integer_is_refused(value: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(NAME, value)
    with pytest.raises(ImproperlyConfigured, match="is not a whole number"):
        env.integer(NAME, 0, low=0, high=10)


def test_words_without_blanks(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(NAME, " a.example , ,b.example,")
    assert env.words(NAME, ("default",)) == ("a.example", "b.example")
    monkeypatch.setenv(NAME, " , ")
    assert env.words(NAME, ("default",)) == ()


def test_a_choice_is_exact(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(NAME, "Production")
    with pytest.raises(ImproperlyConfigured, match="is not one of local, production"):
        env.choice(NAME, "local", ("local", "production"))


@given(TEXT)
def test_text_is_kept_as_it_is(value: str) -> None:
    patched = given_value(value)
    assert env.text(NAME) == value
    assert env.secret(NAME) == value
    patched.undo()


def test_a_secret_may_lie_in_a_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    file = tmp_path / "secret"
    file.write_text("  s3cret é\n", encoding="utf-8")
    monkeypatch.delenv(NAME, raising=False)
    monkeypatch.setenv(f"{NAME}_FILE", str(file))
    assert env.secret(NAME, "default") == "s3cret é"


def test_a_secret_in_two_places_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    file = tmp_path / "secret"
    file.write_text("one", encoding="utf-8")
    monkeypatch.setenv(NAME, "MARKED")
    monkeypatch.setenv(f"{NAME}_FILE", str(file))
    with pytest.raises(
        ImproperlyConfigured, match=f"set {NAME} or {NAME}_FILE, not both"
    ) as caught:
        env.secret(NAME)
    assert "MARKED" not in str(caught.value)


@pytest.mark.parametrize("content", [None, b"\xff\xfe", b"", b" \n"])
def test_a_secret_file_that_says_nothing_is_refused(
    content: bytes | None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Falling back to the default would start with a secret nobody chose."""
    file = tmp_path / "secret"
    if content is not None:
        file.write_bytes(content)
    monkeypatch.delenv(NAME, raising=False)
    monkeypatch.setenv(f"{NAME}_FILE", str(file))
    with pytest.raises(ImproperlyConfigured, match=f"{NAME}_FILE="):
        env.secret(NAME, "default")


def test_matching_takes_whole_names_only(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("ASSAY_MODEL_A_URL", "ASSAY_MODEL_A_URL_2", "X_ASSAY_MODEL_A_URL"):
        monkeypatch.setenv(name, "http://a")
    found = env.matching(r"ASSAY_MODEL_[A-Z0-9_]+_URL")
    assert "ASSAY_MODEL_A_URL" in found
    assert not found.keys() & {"ASSAY_MODEL_A_URL_2", "X_ASSAY_MODEL_A_URL"}
    assert set(found) <= set(os.environ)


@pytest.mark.parametrize(
    ("value", "found"),
    [
        ("", ""),
        ("https://langfuse.example.org/", "https://langfuse.example.org"),
        ("http://[::1]:3000/base", "http://[::1]:3000/base"),
    ],
)
def test_an_address_has_no_slash_at_its_end(
    value: str, found: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(NAME, value)
    assert env.address(NAME) == found


@pytest.mark.parametrize(
    "value",
    [
        "langfuse.example.org",
        "ftp://langfuse.example.org",
        "https://",
        "https://ada:MARKED@langfuse.example.org",
        "https://langfuse.example.org?key=MARKED",
        "https://langfuse.example.org:99999",
        "https://[::1",
    ],
)
def test_what_is_no_address_is_refused_and_not_repeated(
    value: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(NAME, value)
    with pytest.raises(ImproperlyConfigured, match=NAME) as caught:
        env.address(NAME)
    assert "MARKED" not in str(caught.value)
