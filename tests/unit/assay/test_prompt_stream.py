"""The event stream, cut anywhere, and whatever else somebody may send."""

from __future__ import annotations

import json
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from assay.prompts.stream import Known, Moved, Reset, Retry, StreamBrokenError, StreamReader

STREAM = (
    ": hello\n\n"
    "retry: 1500\n\n"
    'id: 6\nevent: ready\ndata: {"registry_revision":6}\n\n'
    'id: 7\nevent: moved\ndata: {"prompt":"team/é","tag":"stable","revision":1}\n\n'
    ": heartbeat\n\n"
    ": current\nid: 7\n\n"
    'id:8\r\ndata: {"prompt":\r\ndata: "b"}\r\n\r\n'
    "event: reset\nid: 9\ndata: {}\n\n"
    "colour: red\n\n"
    'id: 10\ndata: {"prompt":"c"}\n'
).encode()
SAID = [Retry(1.5), Known(6), Moved("team/é", 7), Known(7), Moved("b", 8), Reset(9)]


@given(st.lists(st.integers(0, len(STREAM))))
def test_chunks_may_end_anywhere(cuts: list[int]) -> None:
    ends = [0, *sorted(cuts), len(STREAM)]
    reader = StreamReader()
    assert [one for start, end in pairwise(ends) for one in reader.feed(STREAM[start:end])] == SAID


@pytest.mark.parametrize(
    "event",
    [
        "data: {}\nid: 1",
        'data: {"prompt":"a"}',
        'id: x\ndata: {"prompt":"a"}',
        "id: 1\ndata: [",
        "id: 1\ndata: 3",
        'id: 1\ndata: {"prompt":3}',
        "id: 1\ndata: " + "[" * 10_000,
        "event: reset",
    ],
)
def test_what_is_not_understood_is_a_reset(event: str) -> None:
    """It may have been the move of anything."""
    [said] = StreamReader().feed(f"{event}\n\n".encode())
    assert said == Reset(1 if "id: 1" in event else None)


def test_an_event_that_never_ends_or_is_no_text() -> None:
    with pytest.raises(StreamBrokenError, match="longer"):
        StreamReader().feed(b"data: " + b"x" * 70_000)
    reader = StreamReader()
    for _ in range(66):
        reader.feed(b"data: " + b"x" * 1_000 + b"\n")
    with pytest.raises(StreamBrokenError, match="longer"):
        reader.feed(b"data: x\n")
    with pytest.raises(StreamBrokenError, match="UTF-8"):
        StreamReader().feed(b"data: \xff\n\n")


def test_an_absurd_retry_is_bounded() -> None:
    [said] = StreamReader().feed(b"retry: 99999999999999999999\n")
    assert isinstance(said, Retry)
    assert said.seconds < 10**6
    assert StreamReader().feed(json.dumps("retry: -1").encode() + b"\nretry: soon\n") == []
