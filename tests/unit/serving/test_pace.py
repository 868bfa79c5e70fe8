"""How many requests at once: half of them when the server balks, one more after a whole round."""

from __future__ import annotations

import math

from hypothesis import strategies as st
from hypothesis.stateful import Bundle, RuleBasedStateMachine, consumes, invariant, rule

from serving.seats import Pace


def round_of_successes(pace: Pace) -> None:
    for sent_in in [pace.sent() for _ in range(pace.limit)]:
        pace.succeeded(sent_in)


def test_it_begins_with_what_the_endpoint_declares_and_stays_there() -> None:
    pace = Pace(8)
    for _ in range(3):
        round_of_successes(pace)
    assert pace.limit == 8


def test_a_whole_round_that_is_turned_away_halves_once() -> None:
    pace = Pace(8)
    for sent_in in [pace.sent() for _ in range(8)]:
        pace.balked(sent_in, 0.0)
    assert pace.limit == 4


def test_the_next_round_may_halve_again_down_to_one() -> None:
    pace = Pace(8)
    limits = []
    for _ in range(5):
        pace.balked(pace.sent(), 0.0)
        limits.append(pace.limit)
    assert limits == [4, 2, 1, 1, 1]


def test_every_whole_round_of_successes_brings_one_back() -> None:
    pace = Pace(4)
    pace.balked(pace.sent(), 0.0)
    limits = [pace.limit]
    for _ in range(3):
        round_of_successes(pace)
        limits.append(pace.limit)
    assert limits == [2, 3, 4, 4]


def test_successes_from_before_the_halving_prove_nothing_about_what_is_left() -> None:
    pace = Pace(8)
    old = [pace.sent() for _ in range(8)]
    pace.balked(old.pop(), 0.0)
    for sent_in in old:
        pace.succeeded(sent_in)
    assert pace.limit == 4


def test_the_server_may_ask_for_a_pause_but_not_for_an_endless_one() -> None:
    pace = Pace(2, longest_pause_seconds=60)
    pace.balked(pace.sent(), 100.0, 7.0)
    assert (pace.pause_seconds(100.0), pace.pause_seconds(106.0)) == (7.0, 1.0)
    assert pace.pause_seconds(108.0) == 0.0
    pace.balked(pace.sent(), 200.0, 86_400.0)
    assert pace.pause_seconds(200.0) == 60.0


def test_a_shorter_wish_does_not_cut_a_longer_one() -> None:
    pace = Pace(2)
    pace.balked(pace.sent(), 0.0, 10.0)
    pace.balked(pace.sent(), 1.0, 1.0)
    assert pace.pause_seconds(1.0) == 9.0


class PaceMachine(RuleBasedStateMachine):
    """Any order of sendings, successes and complaints, late ones too."""

    sent = Bundle("sent")

    @rule(ceiling=st.integers(1, 100))
    def begin(self, ceiling: int) -> None:
        self.pace = Pace(ceiling)
        self.now = 0.0

    def __init__(self) -> None:
        super().__init__()
        self.begin(16)

    @rule(target=sent)
    def send(self) -> int:
        return self.pace.sent()

    @rule(sent_in=consumes(sent))
    def succeed(self, sent_in: int) -> None:
        before = self.pace.limit
        self.pace.succeeded(sent_in)
        assert self.pace.limit in {before, before + 1}

    @rule(sent_in=consumes(sent), wish=st.none() | st.floats(0, 1e9))
    def balk(self, sent_in: int, wish: float | None) -> None:
        before, is_newest = self.pace.limit, sent_in == self.pace.sent()
        self.pace.balked(sent_in, self.now, wish)
        assert self.pace.limit == (max(1, before // 2) if is_newest else before)
        assert self.pace.sent() != sent_in

    @rule(seconds=st.floats(0, 100))
    def wait(self, seconds: float) -> None:
        self.now += seconds

    @rule()
    def recover(self) -> None:
        """However bad it was, a server that is well again gets all of it back."""
        for _ in range(self.pace.ceiling):
            round_of_successes(self.pace)
        assert self.pace.limit == self.pace.ceiling

    @invariant()
    def stays_within_bounds(self) -> None:
        assert 1 <= self.pace.limit <= self.pace.ceiling
        pause = self.pace.pause_seconds(self.now)
        assert 0.0 <= pause <= self.pace.longest_pause_seconds + 1e-6
        assert math.isfinite(pause)


TestPaceMachine = PaceMachine.TestCase
