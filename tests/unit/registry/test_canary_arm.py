"""The draw of a key: sticky, only ever widened by more weight, independent, in proportion."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from registry.domain.canary_arm import Canary, draw, is_on_canary

KEYS = st.text(max_size=60)
WEIGHTS = st.integers(0, 100)
CANARIES = st.builds(
    Canary,
    st.sampled_from(["chat", "team/reply"]),
    st.integers(1, 50),
    st.sampled_from(["a" * 64, "b" * 64]),
    st.sampled_from(["", "m" * 64]),
)
_KEYS = [f"user-{number}" for number in range(20_000)]


@given(CANARIES, KEYS, WEIGHTS, WEIGHTS)
def test_more_weight_only_adds_keys(canary: Canary, key: str, one: int, other: int) -> None:
    low, high = sorted((one, other))
    assert is_on_canary(canary, key, low) <= is_on_canary(canary, key, high)


@given(CANARIES, KEYS)
def test_the_ends_of_the_scale_are_exact(canary: Canary, key: str) -> None:
    assert not is_on_canary(canary, key, 0)
    assert is_on_canary(canary, key, 100)


@given(CANARIES, CANARIES, KEYS)
def test_a_key_keeps_its_place_and_each_canary_draws_its_own(
    one: Canary, other: Canary, key: str
) -> None:
    assert draw(one, key) == draw(Canary(one.prompt, one.version, one.digest, one.model), key)
    assert (draw(one, key) == draw(other, key)) == (one == other)


def test_the_share_is_the_weight() -> None:
    canary = Canary("chat", 4, "d" * 64)
    for weight in (1, 10, 50, 99):
        share = sum(is_on_canary(canary, key, weight) for key in _KEYS) / len(_KEYS)
        # Five standard deviations of a fair draw; the keys are fixed, so this never wavers.
        assert abs(share - weight / 100) < 5 * (weight / 100 * (1 - weight / 100) / 20_000) ** 0.5


def test_two_canaries_share_no_more_keys_than_chance_gives() -> None:
    first, second = Canary("chat", 4, "d" * 64), Canary("chat", 5, "e" * 64)
    on_both = sum(is_on_canary(first, k, 30) and is_on_canary(second, k, 30) for k in _KEYS)
    assert abs(on_both / len(_KEYS) - 0.09) < 5 * (0.09 * 0.91 / 20_000) ** 0.5


def test_the_draw_is_written_down() -> None:
    """Clients compute it too: another result would move every user."""
    assert draw(Canary("chat", 4, "d" * 64, "m" * 64), "user-42") == 6654532659367155763
