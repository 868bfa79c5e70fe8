"""Two arms on the same cases, built from how many cases flipped."""

from __future__ import annotations

from evals.domain.gate import CaseTally, PairedCase
from tests.unit.evals.builders import tally


def pair(key: str, candidate: float, baseline: float, repeats: int = 1) -> PairedCase:
    return PairedCase(key, key, candidate, baseline, repeats)


def pairs(worse: int, better: int, cases: int, wrong: int = 0) -> list[PairedCase]:
    """c0… : `worse` only the live version has right, then `better` only the candidate, then
    `wrong` nobody, then both.
    """
    sides = [(0.0, 1.0)] * worse + [(1.0, 0.0)] * better + [(0.0, 0.0)] * wrong
    sides += [(1.0, 1.0)] * (cases - len(sides))
    return [pair(f"c{i}", *side) for i, side in enumerate(sides)]


def tallies_of(arms: list[PairedCase]) -> list[CaseTally]:
    """The candidate's own results, as the pairs have them."""
    return [
        tally(
            one.key,
            round(one.candidate * one.repeats),
            one.repeats - round(one.candidate * one.repeats),
        )
        for one in arms
    ]
