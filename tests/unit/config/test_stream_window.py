"""A client hears every move after the revision it has, once and in order, or it is told `reset`."""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import UTC, datetime

from hypothesis import given, settings
from hypothesis import strategies as st

from config.stream.prompts import Prompts
from config.stream.reader import Reader
from config.stream.window import Window
from registry.domain.actor import Actor
from registry.lookup.loading import Token
from registry.lookup.moves import History, Move

_NAMES = ("one", "two", "three")
_ANYTHING = Token(1, None, None, may_look_up=True)


def move(revision: int, prompt: str = "one") -> Move:
    at = datetime(2026, 1, 1, tzinfo=UTC)
    return Move(revision, prompt, "stable", "promoted", revision, "tiny", None, revision, at)


def limited(*globs: str) -> Token:
    return Token(1, None, Actor("token:a", frozenset(), globs), may_look_up=True)


#: Of the database: when it was made, and a random part.
INCARNATION = "019abf3c2b104d0f11aa"


@dataclass
class Client:
    """What somebody heard. After `reset` it begins again with what is live by then."""

    reader: Reader
    heard: list[tuple[str, int]] = field(default_factory=list)

    def listen(self, token: Token = _ANYTHING, *, is_sure: bool = True) -> list[tuple[str, int]]:
        before = len(self.heard)
        while True:
            chunk = self.reader.next(token, is_sure=is_sure)
            self.heard += events(chunk)
            if not chunk and not self.reader.is_behind:
                return self.heard[before:]


def events(chunk: bytes) -> Iterable[tuple[str, int]]:
    for block in chunk.decode().split("\n\n")[:-1]:
        fields = dict(line.split(": ", 1) for line in block.split("\n"))
        data = json.loads(fields["data"])
        revision, _, incarnation = fields["id"].partition("-")
        assert int(revision) == data["registry_revision"]
        # A window that was never filled is of none.
        assert incarnation in {"", INCARNATION}
        yield fields["event"], int(revision)


def client(window: Window, last_id: str = "", wanted: Iterable[str] = ()) -> Client:
    return Client(Reader(window, Prompts(wanted), last_id))


def window_at(revision: int, most: int = 100) -> Window:
    window = Window(most)
    window.replace(History(INCARNATION, tuple(map(move, range(1, revision + 1))), 0))
    return window


def test_it_begins_with_where_it_begins() -> None:
    window = window_at(5)
    someone = client(window)
    assert someone.listen() == [("ready", 5)]
    window.add([move(6)])
    assert someone.listen() == [("tag.moved", 6)]


def test_it_goes_on_where_it_was() -> None:
    moved = [("tag.moved", revision) for revision in (3, 4, 5)]
    assert client(window_at(5), "2").listen() == [("ready", 2), *moved]
    assert client(window_at(5), "5").listen() == [("ready", 5)]
    assert len(client(window_at(5), "0").listen()) == 6


def test_more_than_is_sent_at_once_is_all_sent() -> None:
    window = window_at(3_000, most=5_000)
    someone = client(window, "0", ["three"])
    assert someone.listen() == [("ready", 0)]
    assert someone.reader.position == 3_000
    assert len(client(window, "0").listen()) == 3_001


def test_who_was_away_for_longer_than_is_kept_begins_anew() -> None:
    window = window_at(30, most=10)
    assert window.known_since == 20
    assert client(window, "20").listen()[0] == ("ready", 20)
    assert client(window, "19").listen() == [("reset", 30)]


def test_who_is_slow_begins_anew() -> None:
    window = window_at(1, most=10)
    slow = client(window, "1")
    slow.reader.next(_ANYTHING, is_sure=True)
    window.add(map(move, range(2, 40)))
    assert slow.listen() == [("reset", 39)]
    window.add([move(40)])
    assert slow.listen() == [("tag.moved", 40)]


def test_an_id_that_is_none() -> None:
    for nonsense in ("x", "-1", "1.0", "9" * 19, "²", " 3"):
        assert client(window_at(5), nonsense).listen() == [("reset", 5)]


def test_a_revision_from_the_future_is_waited_for_until_it_is_known_that_it_never_comes() -> None:
    window = window_at(5)
    early = client(window, "7")
    assert early.listen(is_sure=False) == [("ready", 7)]
    window.add([move(6), move(7), move(8)])
    assert early.listen(is_sure=True) == [("tag.moved", 8)]
    assert client(window, "99").listen(is_sure=True) == [("reset", 8)]


def test_another_history_is_told_to_everybody() -> None:
    window = window_at(5)
    someone = client(window)
    someone.listen()
    window.replace(History(INCARNATION, (move(1), move(2)), 0))
    assert someone.listen() == [("reset", 2)]
    window.add([move(3)])
    assert someone.listen() == [("tag.moved", 3)]


def test_a_token_that_is_given_other_prompts_begins_anew_with_them() -> None:
    window = Window()
    someone = client(window)
    someone.listen(limited("one"))
    window.add([move(1, "one"), move(2, "two")])
    assert someone.listen(limited("one")) == [("tag.moved", 1)]
    assert someone.listen(limited("two")) == [("reset", 2)]
    window.add([move(3, "one"), move(4, "two")])
    assert someone.listen(limited("two")) == [("tag.moved", 4)]


_STEP = st.one_of(
    st.tuples(st.just("move"), st.sampled_from(_NAMES)),
    st.tuples(st.just("listen"), st.just("")),
    st.tuples(st.just("reconnect"), st.just("")),
    st.tuples(st.just("restart"), st.just("")),
)


@settings(max_examples=100, deadline=None)
@given(st.lists(_STEP, max_size=60), st.sets(st.sampled_from(_NAMES)), st.integers(1, 8))
def test_nothing_is_lost_doubled_or_out_of_order(
    steps: list[tuple[str, str]], wanted: set[str], most: int
) -> None:
    """Whatever is moved, and however often the client or the listener goes away."""
    ledger: list[Move] = []
    window = Window(most)
    someone = client(window, "", wanted)
    someone.listen()
    known = 0  # what the client has, by its own account
    heard: list[int] = []
    for step, prompt in [*steps, ("listen", "")]:
        if step == "move":
            ledger.append(move(len(ledger) + 1, prompt))
            window.add(ledger[-1:])
        elif step == "reconnect":
            someone = client(window, str(known), wanted)
        elif step == "restart":
            kept = ledger[-most:]
            window = Window(most)
            window.replace(
                History(INCARNATION, tuple(kept), kept[0].revision - 1 if len(kept) == most else 0)
            )
            someone = client(window, str(known), wanted)
        else:
            for event, revision in someone.listen():
                assert revision >= known
                if event == "tag.moved":
                    assert revision > known
                    heard.append(revision)
                elif event == "reset":  # it fetches what is live: as good as having heard
                    heard += [m.revision for m in ledger[known:revision]]
                known = revision
    due = [m.revision for m in ledger if not wanted or m.prompt in wanted]
    assert [revision for revision in heard if revision in set(due)] == due
