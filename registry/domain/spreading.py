"""Work on many files, cut into parts that do not need each other.

Who calls decides where the parts are worked on: one after the other here, or by several processes.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Protocol, TypeVar

#: Files in a part: large enough to be worth sending, small enough for the cores to end together.
PART = 2_000

Part = TypeVar("Part")
Result = TypeVar("Result")


class Spread(Protocol):
    """Like `map`: the results in the order of the parts. `work` and all values can be pickled."""

    def __call__(
        self, work: Callable[[Part], Result], parts: Iterable[Part], /
    ) -> Iterable[Result]:
        """What `work` makes of each part."""


def in_order(work: Callable[[Part], Result], parts: Iterable[Part], /) -> Iterable[Result]:
    """One part after the other, in this process."""
    return map(work, parts)


def parts_of(items: Sequence[Part]) -> Iterator[Sequence[Part]]:
    """Slices of at most `PART` items."""
    return (items[at : at + PART] for at in range(0, len(items), PART))
