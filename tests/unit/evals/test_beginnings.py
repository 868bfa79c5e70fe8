"""Who goes first of questions that begin alike."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from evals.domain.beginnings import LONG_CHARS, Beginnings, shared_chars

RULES = "r" * 3 * LONG_CHARS


def document(name: str, size: int = 3 * LONG_CHARS) -> str:
    return RULES + f"Document {name}: " + name * size


def test_the_first_of_each_document_waits_for_the_rules_and_the_rest_for_the_document() -> None:
    asked = Beginnings()
    first = [asked.add(f"{name}{n}", document(name) + f"Q{n}") for name in "ab" for n in range(3)]
    assert first == [None, "a0", "a0", "a0", "b0", "b0"]


def test_nobody_waits_for_what_is_short() -> None:
    asked = Beginnings()
    assert asked.add(1, "short") is None
    assert asked.add(2, "short") is None
    # Both documents begin with the rules; what they share beyond them would not pay.
    assert asked.add("a0", document("a", LONG_CHARS // 2) + "Q0") is None
    assert asked.add("b0", document("b", LONG_CHARS // 2) + "Q0") == "a0"
    assert asked.add("b1", document("b", LONG_CHARS // 2) + "Q1") == "a0"


def test_the_same_question_is_computed_once() -> None:
    asked = Beginnings()
    assert [asked.add(n, RULES) for n in range(3)] == [None, 0, 0]


def test_a_history_that_grows_waits_for_the_longest_part_that_was_asked() -> None:
    asked = Beginnings()
    turns = [RULES * n for n in range(1, 5)]
    assert [asked.add(len(turn), turn) for turn in turns] == [None, *(len(t) for t in turns[:-1])]


def test_what_is_long_ago_is_forgotten() -> None:
    asked = Beginnings()
    assert asked.add("old", RULES + "old") is None
    for number in range(600):
        asked.add(number, f"{number:04}" * LONG_CHARS)
    assert asked.add("new", RULES + "new") is None
    assert asked.add("newer", RULES + "newer") == "new"


@given(
    st.lists(
        st.lists(st.sampled_from("abc"), max_size=4).map(
            lambda parts: "".join(p * 6 for p in parts)
        ),
        max_size=40,
    )
)
def test_whoever_waits_waits_for_an_earlier_one_that_brings_nearly_all_there_is(
    texts: list[str],
) -> None:
    long = 6
    asked = Beginnings(long)
    for number, text in enumerate(texts):
        first = asked.add(number, text)
        best = max((shared_chars(text, earlier) for earlier in texts[:number]), default=0)
        if first is None:
            assert best < long or len(text) < long
        else:
            assert isinstance(first, int)
            assert first < number
            assert shared_chars(text, texts[first]) > best - long
            assert shared_chars(text, texts[first]) > 0


@given(st.text("ab", max_size=9), st.text("ab", max_size=9), st.text("ab", max_size=9))
def test_what_is_shared_is_all_that_is_shared(head: str, one: str, other: str) -> None:
    found = shared_chars(head + one, head + other)
    assert found >= len(head)
    assert (head + one)[:found] == (head + other)[:found]
    assert (head + one)[found : found + 1] != (head + other)[found : found + 1] or found == min(
        len(head + one), len(head + other)
    )
