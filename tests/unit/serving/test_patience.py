"""How long to wait before the next try."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from serving.patience import Patience

seconds = st.floats(0.001, 1000)


@given(st.integers(1, 30), st.none() | seconds, seconds, seconds)
def test_longer_every_time_as_long_as_the_server_asks_for_and_never_too_long(
    attempt: int, asked_for: float | None, first: float, longest: float
) -> None:
    patience = Patience(first_wait_seconds=first, longest_wait_seconds=longest)
    waited = patience.wait_seconds(attempt, asked_for)
    own = first * 2.0 ** (attempt - 1)
    assert min(longest, max(0.75 * own, asked_for or 0.0)) <= waited
    assert waited <= min(longest, max(1.25 * own, asked_for or 0.0))
