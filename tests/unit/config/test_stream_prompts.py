"""Which prompts a client hears of: as its token's globs say, and as it asked."""

from __future__ import annotations

from fnmatch import fnmatchcase

import pytest
from hypothesis import given
from hypothesis import strategies as st

from config.stream.prompts import Prompts, StreamQueryError, asked

_NAMES = st.text("ab/-.", min_size=1, max_size=6)
_GLOBS = st.text("ab/*?[]!-.", min_size=1, max_size=8)


@given(st.lists(_GLOBS, min_size=1, max_size=5), st.lists(_NAMES, max_size=10))
def test_globs_mean_what_they_mean_for_tokens(globs: list[str], names: list[str]) -> None:
    prompts = Prompts(globs)
    for name in names:
        assert (name in prompts) == any(fnmatchcase(name, glob) for glob in globs)


def test_without_globs_it_is_every_prompt() -> None:
    assert "anything/at-all" in Prompts()


def test_a_glob_of_stars_is_decided_at_once() -> None:
    assert "a" * 200 not in Prompts(["*a" * 90 + "*b"])


def test_a_query_names_prompts_and_where_to_go_on() -> None:
    prompts, last_id = asked("prompt=team/reply&prompt=support-*&last_event_id=12")
    assert [name in prompts for name in ("team/reply", "support-chat", "greeting")] == [
        *(True, True, False)
    ]
    assert last_id == "12"


def test_names_may_be_percent_encoded() -> None:
    prompts, _ = asked("prompt=team%2Freply&prompt=%2A-x")
    assert "team/reply" in prompts
    assert "a-x" in prompts


def test_two_thousand_names_are_few() -> None:
    prompts, _ = asked("&".join(f"prompt=p{number}" for number in range(2_000)))
    assert "p1999" in prompts
    assert "p2000" not in prompts


@pytest.mark.parametrize(
    ("query", "said"),
    [
        ("promt=x", "no parameter 'promt'"),
        ("prompt=", "cannot be the name of a prompt"),
        ("prompt=Greeting", "cannot be the name of a prompt"),
        ("prompt=%ff%00", "cannot be the name of a prompt"),
        ("prompt=" + "*" * 201, "longer than any"),
        ("last_event_id=1&last_event_id=2", "given twice"),
        ("&".join(f"prompt=p{number}" for number in range(2_001)), "at most 2000 names"),
        ("&".join(f"prompt=p{number}*" for number in range(101)), "100 globs"),
    ],
)
def test_what_makes_no_sense_is_refused_by_name(query: str, said: str) -> None:
    with pytest.raises(StreamQueryError, match=said.replace("'", ".")):
        asked(query)
