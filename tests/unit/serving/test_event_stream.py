"""The event stream parser: the rules of the HTML standard, whatever the network's chunk borders."""

from __future__ import annotations

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from serving.errors import ModelAnswerError
from serving.sse import EventStream, ServerEvent

#: Text that can stand in one field: no line ends.
lines = st.text(st.characters(exclude_characters="\r\n", exclude_categories=["Cs"]), max_size=12)
line_ends = st.sampled_from(["\n", "\r", "\r\n"])


def read(*chunks: bytes) -> list[ServerEvent]:
    events = EventStream()
    return [event for chunk in chunks for event in events.feed(chunk)]


def data_of(stream: bytes) -> list[str]:
    return [event.data for event in read(stream)]


@st.composite
def written_streams(draw: st.DrawFn) -> tuple[list[ServerEvent], bytes]:
    """Events, and one of the many ways to write them down."""
    events, written = [], draw(st.sampled_from(["", "\ufeff"]))
    for _ in range(draw(st.integers(0, 4))):
        name, data = draw(lines), draw(st.lists(lines, min_size=1, max_size=3))
        events.append(ServerEvent(name, "\n".join(data)))
        fields = [f"event: {name}", *(f"data: {line}" for line in data)]
        noise = draw(st.lists(st.sampled_from([":", ": ping", "id: 3", "retry: 9", "x", "x:y"])))
        written += "".join(field + draw(line_ends) for field in (*noise, *fields))
        written += draw(st.sampled_from(["\r", "\r\n"]))  # CR and LF would be one line end
    return events, written.encode()


@given(written_streams(), st.lists(st.integers(0, 400)))
def test_events_are_read_back_whatever_the_line_ends_and_chunk_borders(
    written: tuple[list[ServerEvent], bytes], cuts: list[int]
) -> None:
    events, stream = written
    borders = [0, *sorted(min(cut, len(stream)) for cut in cuts), len(stream)]
    chunks = [stream[a:b] for a, b in pairwise(borders)]
    assert read(*chunks) == read(stream) == events


@given(st.binary(max_size=300), st.integers(0, 300))
def test_any_bytes_are_read_or_refused_and_a_cut_changes_nothing(stream: bytes, at: int) -> None:
    def outcome(*chunks: bytes) -> list[ServerEvent] | str:
        try:
            return read(*chunks)
        except ModelAnswerError as error:
            return error.message

    assert outcome(stream[:at], stream[at:]) == outcome(stream)


@pytest.mark.parametrize(
    ("stream", "data"),
    [
        (b"data: a\n\n", ["a"]),
        (b"data:a\n\n", ["a"]),
        (b"data:  a\n\n", [" a"]),
        (b"data: YHOO\ndata: +2\ndata: 10\n\n", ["YHOO\n+2\n10"]),
        (b": comment\n\ndata: a\n\n", ["a"]),
        (b"data\n\ndata\ndata\n\ndata:", ["", "\n"]),
        (b"data: a", []),
        (b"data: a\n", []),
        (b"id: 1\n\n", []),
        (b"datum: a\n\n", []),
        (b"data: a\r\r", ["a"]),
        (b"data: a\x0b\x1cb\n\n", ["a\x0b\x1cb"]),
    ],
)
def test_the_standard_s_examples(stream: bytes, data: list[str]) -> None:
    assert data_of(stream) == data


def test_line_separators_of_unicode_end_no_line() -> None:
    assert data_of("data: a\u2028b\u0085c\n\n".encode()) == ["a\u2028b\u0085c"]


def test_bytes_that_are_not_utf8_are_refused_and_not_replaced() -> None:
    with pytest.raises(ModelAnswerError, match="not UTF-8"):
        read(b"data: \xff\n\n")


def test_a_long_line_in_small_chunks_is_put_together_once() -> None:
    pieces = [b"data: ", *[b"x" * 100] * 10_000, b"\n", b"\n"]
    [event] = read(*pieces)
    assert len(event.data) == 1_000_000
