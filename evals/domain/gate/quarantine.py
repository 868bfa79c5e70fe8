"""Quarantined cases: known to be flaky, looked after by somebody, until a day.

A quarantined case never makes a run look better. What it passed does not count, as if the case
were not there; what it failed counts as failed in every repeat; whichever of the two is worse for
the case at hand. Its failures of critical checks and its errors count like those of any other. In
the comparison it counts where the candidate did worse in it than the live version, and is left
out otherwise. After its day it is a case like any other again.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace

from evals.domain.gate.evidence import Evidence, Quarantine
from evals.domain.gate.tally import CaseTally, PairedCase
from evals.domain.percent import plural
from evals.domain.statistics import StatisticsInputError


@dataclass(frozen=True, slots=True)
class Counted:
    """What is left to weigh, and what to say about the rest."""

    tallies: tuple[CaseTally, ...]
    pairs: tuple[PairedCase, ...] | None
    sentences: tuple[str, ...]


def without_credit(tallies: Sequence[CaseTally], evidence: Evidence) -> Counted:
    """Take the credit of quarantined cases away."""
    held, expired = _split(evidence)
    keys = {one.key for one in held}
    pairs = evidence.pairs
    if pairs is not None:
        pairs = tuple(_counted_pairs(pairs, keys))
    return Counted(
        tuple(_counted_tallies(tallies, keys)), pairs, tuple(_sentences(tallies, held, expired))
    )


def _split(evidence: Evidence) -> tuple[list[Quarantine], list[Quarantine]]:
    """In force, and expired."""
    if not evidence.quarantine:
        return [], []
    now = evidence.now
    if now is None:
        raise StatisticsInputError("a quarantine has an end, so it takes the time to judge it")
    held = [one for one in evidence.quarantine if now < one.expires]
    return held, [one for one in evidence.quarantine if now >= one.expires]


def _counted_tallies(tallies: Sequence[CaseTally], held: set[str]) -> Iterable[CaseTally]:
    for tally in tallies:
        if tally.key not in held:
            yield tally
        elif tally.failures:
            yield replace(tally, passes=0, failures=tally.results)


def _counted_pairs(pairs: Sequence[PairedCase], held: set[str]) -> Iterable[PairedCase]:
    for pair in pairs:
        if pair.key not in held:
            yield pair
        elif pair.difference < 0:
            yield replace(pair, candidate=0.0)


def _sentences(
    tallies: Sequence[CaseTally], held: Sequence[Quarantine], expired: Sequence[Quarantine]
) -> Iterable[str]:
    present = {tally.key for tally in tallies}
    named = [_named(one) for one in held if one.key in present]
    if named:
        yield (
            f"{plural(len(named), 'case')} in quarantine, where a pass counts for nothing and a "
            f"failure counts: {'; '.join(named)}"
        )
    over = [_named(one) for one in expired if one.key in present]
    if over:
        yield f"the quarantine has ended for {plural(len(over), 'case')}: {'; '.join(over)}"


def _named(one: Quarantine) -> str:
    return f"{one.key} ({one.owner}, until {one.expires:%Y-%m-%d})"
