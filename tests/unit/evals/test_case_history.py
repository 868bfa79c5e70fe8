"""What a case's outcomes in run after run make it."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from evals.domain.case_history import CaseClass, CaseRun, CaseStanding, standing

START = datetime(2026, 1, 1, tzinfo=UTC)
LETTERS = {"p": "pass", "f": "fail", "e": "error"}


def run(
    version: int, outcomes: str, *, model: str = "m", suite: str = "s", day: int = 0
) -> CaseRun:
    return CaseRun(
        run=UUID(int=day),
        version=version,
        at=START + timedelta(days=day),
        fingerprint=model,
        suite=suite,
        outcomes=tuple(LETTERS[letter] for letter in outcomes),
    )


def history(*runs: CaseRun) -> CaseStanding:
    """Oldest first, a day apart."""
    days = [
        CaseRun(one.run, one.version, START + timedelta(days=n), *_rest(one))
        for n, one in enumerate(runs)
    ]
    return standing(days)


def _rest(one: CaseRun) -> tuple[str, str, tuple[str, ...]]:
    return one.fingerprint, one.suite, one.outcomes


@pytest.mark.parametrize(
    ("runs", "kind", "since"),
    [
        ([run(1, "p")], CaseClass.STABLE, None),
        ([run(1, "ff"), run(2, "ff")], CaseClass.STABLE, None),
        ([run(1, "pf")], CaseClass.FLAKY, None),
        ([run(1, "p"), run(1, "f")], CaseClass.FLAKY, None),
        ([run(1, "p"), run(2, "f")], CaseClass.REGRESSED, 2),
        ([run(1, "f"), run(2, "p")], CaseClass.FIXED, 2),
        ([run(1, "p"), run(2, "f"), run(3, "f")], CaseClass.REGRESSED, 2),
        ([run(1, "p"), run(2, "f"), run(3, "p")], CaseClass.FIXED, 3),
        # What differs in a version that is not the newest is flaky all the same.
        ([run(1, "pf"), run(2, "pp")], CaseClass.FLAKY, None),
        # The old version measured again, afterwards, is not the newest one.
        ([run(2, "f"), run(1, "p")], CaseClass.REGRESSED, 2),
        # Another model, or another suite, may come to another result without being flaky.
        ([run(1, "p"), run(1, "f", model="n")], CaseClass.REGRESSED, 1),
        ([run(1, "f"), run(1, "p", suite="t")], CaseClass.FIXED, 1),
        # Errors say nothing about the case.
        ([run(1, "e")], CaseClass.UNJUDGED, None),
        ([], CaseClass.UNJUDGED, None),
        ([run(1, "pe"), run(2, "e"), run(3, "p")], CaseClass.STABLE, None),
    ],
)
def test_classes(runs: list[CaseRun], kind: CaseClass, since: int | None) -> None:
    assert history(*runs) == CaseStanding(kind, since)


_RUNS = st.lists(
    st.builds(
        run,
        st.integers(1, 3),
        st.text("pfe", min_size=1, max_size=3),
        model=st.sampled_from("mn"),
        suite=st.sampled_from("st"),
        day=st.integers(0, 30),
    ),
    max_size=8,
    unique_by=lambda one: one.at,
)


@given(_RUNS, st.randoms())
def test_the_order_in_which_runs_are_told_does_not_matter(
    runs: list[CaseRun], random: object
) -> None:
    shuffled = list(runs)
    random.shuffle(shuffled)  # type: ignore[attr-defined]
    assert standing(shuffled) == standing(runs)


@given(_RUNS)
def test_every_history_has_one_class_that_fits_its_outcomes(runs: list[CaseRun]) -> None:
    found = standing(runs)
    seen = {outcome for one in runs for outcome in one.judged}
    both = {CaseClass.FLAKY, CaseClass.REGRESSED, CaseClass.FIXED}
    assert (found.kind in both) == (len(seen) == 2)
    assert (found.kind == CaseClass.UNJUDGED) == (not seen)
    assert (found.since is not None) == (found.kind in {CaseClass.REGRESSED, CaseClass.FIXED})
