"""How the cases of a run went, alone and beside the live version."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

#: Differences of means of repeats carry rounding; less than this is none.
_NOTHING = 1e-12


@dataclass(frozen=True, slots=True)
class CaseTally:
    """How the repeats of one case went. passes + failures + errors = repeats that have a result.

    `critical_failures` counts the repeats in which a critical check failed; each of them is one of
    `failures` too.
    """

    key: str
    critical: bool
    repeats_expected: int
    passes: int
    failures: int
    errors: int
    critical_failures: int

    @property
    def results(self) -> int:
        """Repeats that have a result."""
        return self.passes + self.failures + self.errors

    @property
    def mean(self) -> float:
        """Share of the repeats that passed; meaningful when nothing is missing."""
        return self.passes / self.repeats_expected


@dataclass(frozen=True, slots=True)
class PairedCase:
    """One case answered by both arms: shares of its repeats that passed, 0 to 1.

    `repeats` are the answers of each arm; cases with the same `cluster` stand or fall together
    (one document, one conversation, one template). A case of its own has its key as cluster.
    """

    key: str
    cluster: str
    candidate: float
    baseline: float
    repeats: int

    @property
    def difference(self) -> float:
        """Candidate minus baseline: negative where the candidate is worse."""
        return self.candidate - self.baseline


@dataclass(frozen=True, slots=True)
class Flips:
    """How many went worse and how many better than with the live version."""

    worse: int
    better: int


def flips(pairs: Sequence[PairedCase]) -> Flips:
    """Case by case."""
    return _signs(pair.difference for pair in pairs)


def flips_of_clusters(pairs: Sequence[PairedCase]) -> Flips:
    """Each cluster once, by the sign of its sum: only these are independent of each other."""
    sums: dict[str, float] = {}
    for pair in pairs:
        name = pair.cluster or pair.key
        sums[name] = sums.get(name, 0.0) + pair.difference
    return _signs(sums.values())


def _signs(gaps: Iterable[float]) -> Flips:
    listed = list(gaps)
    return Flips(sum(gap < -_NOTHING for gap in listed), sum(gap > _NOTHING for gap in listed))
