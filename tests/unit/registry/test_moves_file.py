"""The last moves of a prompt's tags, as they stand in the repository."""

from __future__ import annotations

import json

from hypothesis import given
from hypothesis import strategies as st

from registry.domain.live import LiveTag
from registry.domain.moves_file import LastMove, moves_path, parse_moves, to_bytes
from registry.domain.names import is_prompt_name

MOVE = LastMove(
    tag="stable",
    version=3,
    model="tiny",
    weight=None,
    kind="overridden",
    sequence=2,
    registry_revision=17,
    actor="user:ada",
    reason="it had to be",
    at="2026-11-26T04:00:10+00:00",
)


def test_what_is_written_is_read_again() -> None:
    assert parse_moves("team/reply", to_bytes("team/reply", [MOVE])) == (MOVE,)
    assert parse_moves("team/other", to_bytes("team/reply", [MOVE])) == ()


def test_a_move_is_of_the_tag_only_where_it_brought_it() -> None:
    assert MOVE.is_of(LiveTag("team/reply", "stable", 3, "tiny"))
    assert not MOVE.is_of(LiveTag("team/reply", "stable", 4, "tiny"))
    assert not MOVE.is_of(LiveTag("team/reply", "stable", 3, "large"))
    assert not MOVE.is_of(LiveTag("team/reply", "beta", 3, "tiny"))


def test_the_file_is_in_no_prompts_way() -> None:
    assert moves_path("team/reply") == "certificates/team/reply/@moves.json"
    assert not is_prompt_name("team/reply/@moves.json")


@given(
    st.binary(max_size=200)
    | st.recursive(
        st.none() | st.integers() | st.text(max_size=5),
        lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner),
        max_leaves=5,
    ).map(lambda value: json.dumps(value).encode())
)
def test_whatever_the_file_holds_nothing_is_raised(data: bytes) -> None:
    assert parse_moves("team/reply", data) == ()
