"""How far two measurements are apart."""

from __future__ import annotations

import math
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from serving.distance import ProbeAnswer, logprob_distance, text_distance

logprobs = st.dictionaries(
    st.sampled_from([f"{number:02x}" for number in range(12)]),
    st.floats(-20, 0, allow_nan=False),
    max_size=8,
)
answers = st.builds(ProbeAnswer, st.just("p"), st.integers(1, 2), st.sampled_from("ab"), logprobs)
measurements = st.lists(answers, min_size=3, max_size=3)

HELD = {"61": -0.5, "62": -1.5, "63": -3.0}


def probe(logprobs: dict[str, float], prompt_tokens: int = 9, text: str = "a") -> ProbeAnswer:
    return ProbeAnswer("p", prompt_tokens, text, logprobs)


def apart(one: dict[str, float], other: dict[str, float]) -> float:
    return logprob_distance([probe(one)], [probe(other)])


@given(measurements, measurements)
def test_both_distances_are_symmetric_and_never_negative(
    one: list[ProbeAnswer], other: list[ProbeAnswer]
) -> None:
    for distance in (logprob_distance, text_distance):
        assert distance(one, other) == distance(other, one) >= 0


@given(st.lists(answers.filter(lambda a: bool(a.logprobs)), min_size=1, max_size=3))
def test_a_measurement_is_no_distance_from_itself(one: list[ProbeAnswer]) -> None:
    assert logprob_distance(one, one) == text_distance(one, one) == 0


@given(
    st.lists(answers.filter(lambda a: bool(a.logprobs)), min_size=1, max_size=3),
    st.floats(0, 5),
    st.data(),
)
def test_numbers_that_all_move_by_at_most_so_much_are_at_most_so_far(
    one: list[ProbeAnswer], most: float, data: st.DataObject
) -> None:
    moved = [
        replace(
            a, logprobs={t: v + data.draw(st.floats(-most, most)) for t, v in a.logprobs.items()}
        )
        for a in one
    ]
    assert logprob_distance(one, moved) <= most + 1e-9


@given(logprobs.filter(lambda held: len(held) > 2), st.floats(0, 1))
def test_a_token_that_drops_out_of_the_list_at_its_end_changes_nothing(
    held: dict[str, float], below: float
) -> None:
    least = min(held, key=lambda token: held[token])
    newcomer = {"ff": min(v for t, v in held.items() if t != least)}
    swapped = {t: v for t, v in held.items() if t != least} | newcomer
    bound = newcomer["ff"] - held[least]
    assert apart(held, swapped) <= bound + 1e-9


def test_the_mean_is_over_all_tokens_of_all_probes() -> None:
    moved = HELD | {"61": -0.8}
    assert apart(HELD, moved) == pytest.approx(0.1)
    twice = logprob_distance([probe(HELD), probe(HELD)], [probe(HELD), probe(moved)])
    assert twice == pytest.approx(0.05)


def test_a_missing_token_counts_with_its_distance_to_the_other_lists_smallest_value() -> None:
    other = {"62": -1.5, "63": -3.0, "64": -4.0}
    # "61" at -0.5 is at most -4.0 there; "64" at -4.0 may be just that here.
    assert apart(HELD, other) == pytest.approx(3.5 / 4)


def test_too_little_in_common_is_infinitely_far() -> None:
    strangers = {"71": -0.5, "72": -1.5, "63": -3.0}
    assert apart(HELD, strangers) == math.inf
    assert apart(HELD, {}) == math.inf
    assert logprob_distance([], []) == math.inf


def test_a_probe_without_log_probabilities_is_left_out_while_most_have_them() -> None:
    full, hole = [probe(HELD)] * 4, [probe({}), *[probe(HELD)] * 3]
    assert logprob_distance(full, hole) == 0
    assert logprob_distance(full, [probe({}), *hole[:3]]) == math.inf


def test_one_prompt_token_more_is_another_model() -> None:
    assert logprob_distance([probe(HELD)], [probe(HELD, 10)]) == math.inf
    assert text_distance([probe(HELD)], [probe(HELD, 10)]) == math.inf


def test_words_count_by_their_share() -> None:
    one = [probe({}, text=text) for text in "abcd"]
    other = [probe({}, text=text) for text in "abcx"]
    assert text_distance(one, other) == 0.25
