"""Where a tag should point, as people write it."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from assay.target import (
    Target,
    TargetInvalidError,
    VersionInvalidError,
    parse_target,
    parse_version,
)

NAMES = st.from_regex(r"[a-z0-9][a-z0-9._/-]{0,30}", fullmatch=True)


@pytest.mark.parametrize(("text", "number"), [("3", 3), ("v3", 3), ("v999999", 999_999)])
def test_a_version_is_a_number_with_or_without_v(text: str, number: int) -> None:
    assert parse_version(text) == number


@pytest.mark.parametrize("text", ["", "v", "v0", "0", "03", "V3", "v3 ", "v1000000", "v٣", "3.0"])
def test_everything_else_is_not_a_version(text: str) -> None:
    with pytest.raises(VersionInvalidError):
        parse_version(text)


@given(NAMES, NAMES, st.integers(1, 999_999), st.none() | NAMES, st.none() | st.integers(0, 999))
def test_what_is_written_is_what_is_meant(
    prompt: str, tag: str, version: int, model: str | None, weight: int | None
) -> None:
    text = f"{prompt}:{tag}=v{version}"
    text += f"@{model}" if model else ""
    text += f"%{weight}" if weight is not None else ""
    expected = Target(prompt, version, tag, model, weight)
    assert parse_target(text, tag="other", model=None) == expected


def test_what_is_left_out_is_filled_in() -> None:
    assert parse_target("a=3", tag="beta", model="m") == Target("a", 3, "beta", "m")


@pytest.mark.parametrize(
    "text", ["", "a", "a=", "=v1", "a:=v1", "a=v1@", "a=v1%", "a=v1%x", "a=b=1"]
)
def test_anything_else_says_how_it_is_written(text: str) -> None:
    with pytest.raises(TargetInvalidError, match="does not say where") as caught:
        parse_target(text, tag="stable", model=None)
    assert "NAME:TAG=v3@MODEL" in caught.value.hint


@given(st.text(max_size=40))
def test_no_text_breaks_the_parser(text: str) -> None:
    try:
        target = parse_target(text, tag="stable", model=None)
    except (TargetInvalidError, VersionInvalidError):
        return
    assert target.version >= 1
