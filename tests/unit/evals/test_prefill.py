"""How much prefill a cache saved, told from times to the first token."""

from __future__ import annotations

import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from evals.domain.prefill import FEWEST_CASES, PrefillSaved, Timed, prefill_saved


def answers(
    cases: int = 40, *, per_token: float = 0.5, noise: float = 5.0, seed: int = 1, group: int = 5
) -> list[Timed]:
    """Of 400 tokens each; the first of a group is computed, the others but for 20 tokens."""
    chance = random.Random(seed)
    found = []
    for number in range(cases):
        cached = 0 if number % group == 0 else 380
        ttft = 30 + per_token * (400 - cached) + chance.gauss(0, noise)
        found.append(Timed(f"c{number}", ttft, 400, cached))
    return found


def test_what_was_cached_costs_what_computed_tokens_cost() -> None:
    found = prefill_saved(answers(noise=0.0))
    assert isinstance(found, PrefillSaved)
    assert found.ms_per_token == pytest.approx(0.5)
    assert found.seconds == pytest.approx(32 * 380 * 0.5 / 1000)
    assert found.interval == pytest.approx((found.seconds, found.seconds))


def test_the_interval_holds_the_truth_as_often_as_it_says() -> None:
    truth = 40 * 380 * 0.5 / 1000
    held = 0
    for seed in range(300):
        found = prefill_saved(answers(50, noise=40.0, seed=1_000_003 * seed))
        assert isinstance(found, PrefillSaved)
        held += found.interval[0] <= truth <= found.interval[1]
    assert 0.93 <= held / 300 <= 0.99


@pytest.mark.parametrize(
    ("told", "why"),
    [
        ([], "0 cases have times"),
        (answers(FEWEST_CASES - 1), f"{FEWEST_CASES} are needed"),
        (answers(group=1), "as many tokens"),
        (answers(group=100), "all but one"),
        (answers(per_token=0.0, noise=40.0, seed=2), "do not show it"),
        (answers(per_token=-0.5), "do not show it"),
    ],
)
def test_what_cannot_be_told_is_said_with_its_reason(told: list[Timed], why: str) -> None:
    found = prefill_saved(told)
    assert isinstance(found, str)
    assert why in found


def test_repeats_of_a_case_are_one_witness() -> None:
    once = prefill_saved(answers(noise=20.0))
    thrice = prefill_saved([answer for answer in answers(noise=20.0) for _ in range(3)])
    assert isinstance(once, PrefillSaved)
    assert isinstance(thrice, PrefillSaved)
    assert thrice.ms_per_token == pytest.approx(once.ms_per_token)
    assert thrice.interval == pytest.approx([3 * bound for bound in once.interval])


@given(
    st.lists(
        st.builds(
            Timed,
            st.sampled_from("abcdefghijklmno"),
            st.floats(0, 1e6),
            st.integers(0, 10**6),
            st.integers(0, 10**6),
        ),
        max_size=20,
    )
)
def test_whatever_a_server_says_there_is_an_estimate_or_a_reason(told: list[Timed]) -> None:
    found = prefill_saved(told)
    if isinstance(found, PrefillSaved):
        assert 0 < found.interval[0] <= found.seconds <= found.interval[1] or found.seconds == 0
        assert found.ms_per_token > 0
    else:
        assert found
