"""What became of a case, from how its repeats came out."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from evals.domain.case_change import CaseCounts, Change

COUNTS = st.integers(0, 3)


def counted(*outcomes: tuple[str, str | None]) -> CaseCounts:
    """From (candidate, live) for each repeat; live is None or skipped where it was not asked."""
    own, live = [o for o, _ in outcomes], [o for _, o in outcomes]
    words = ("pass", "fail", "error")
    return CaseCounts(*(own.count(w) for w in words), *(live.count(w) for w in words))


@pytest.mark.parametrize(
    ("outcomes", "change"),
    [
        ([("fail", "pass")], "regressed"),
        ([("pass", "fail")], "fixed"),
        ([("pass", "pass"), ("fail", "pass")], "regressed"),
        ([("pass", "fail"), ("fail", "pass")], "flaky"),
        ([("pass", None), ("fail", None)], "flaky"),
        ([("error", "pass")], "error"),
        ([("pass", "error")], "error"),
        ([("fail", "skipped")], "failing"),
        ([("pass", "skipped")], "passing"),
        ([("fail", "fail")], "failing"),
        ([("fail", None)], "failing"),
    ],
)
def test_what_became_of_a_case(outcomes: list[tuple[str, str | None]], change: str) -> None:
    assert counted(*outcomes).change(is_self_comparison=False) == change


def test_a_version_beside_itself_only_flips() -> None:
    assert counted(("fail", "pass")).change(is_self_comparison=True) == "flaky"


@given(st.builds(CaseCounts, COUNTS, COUNTS, COUNTS, COUNTS, COUNTS, COUNTS))
def test_exchanging_the_arms_turns_regressions_into_fixes(counts: CaseCounts) -> None:
    turned = CaseCounts(
        counts.baseline_passes,
        counts.baseline_failures,
        counts.baseline_errors,
        counts.passes,
        counts.failures,
        counts.errors,
    )
    opposite = {Change.REGRESSED: Change.FIXED, Change.FIXED: Change.REGRESSED}
    change = counts.change(is_self_comparison=False)
    if change in opposite:
        assert turned.change(is_self_comparison=False) == opposite[change]
    else:
        assert turned.change(is_self_comparison=False) not in opposite
