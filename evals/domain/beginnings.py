"""Which of two questions goes first when they begin alike.

A server with a prefix cache computes what prompts share once, if the first of them is through its
prefill before the others come. What is worth waiting for is only what no earlier question has
brought into the cache already: the second question about a document waits for the first about that
document, which waits for the very first with the same instructions.
"""

from __future__ import annotations

from bisect import bisect_left, insort
from collections.abc import Hashable
from dataclasses import dataclass

#: Characters that two questions must share, and no earlier one with both, before waiting pays: what
#: a request costs in any case is worth some hundred tokens. A cache holds whole blocks (16 tokens
#: on GPUs, 128 on CPUs), so this is two blocks at least.
LONG_CHARS = 1_000
#: What is remembered. A question that is forgotten is computed anew sooner than waited for.
_MOST_QUESTIONS = 256
_MOST_CHARS = 4_000_000


@dataclass(frozen=True, slots=True)
class _Asked:
    ticket: Hashable
    text: str
    #: The number of the question it went after.
    after: int | None


class Beginnings:
    """The questions that one server was asked lately."""

    def __init__(self, long_chars: int = LONG_CHARS) -> None:
        self.long_chars = long_chars
        self._asked: dict[int, _Asked] = {}
        self._sorted: list[tuple[str, int]] = []
        self._chars = 0
        self._next = 0

    def add(self, ticket: Hashable, text: str) -> Hashable | None:
        """Note a question. Returns the ticket of the earlier one to wait for: the first that brings
        nearly all into the cache that any of them shares with this one. None: none shares enough.
        """
        if len(text) < self.long_chars:
            return None
        first = self._first_like(text)
        self._remember(_Asked(ticket, text, first))
        return None if first is None else self._asked[first].ticket

    def _first_like(self, text: str) -> int | None:
        shared, nearest = self._nearest(text)
        if shared < self.long_chars:
            return None
        after = self._asked[nearest].after
        while after in self._asked:
            # What is left beyond this one is too short to be waited for.
            if shared_chars(text, self._asked[after].text) <= shared - self.long_chars:
                break
            nearest, after = after, self._asked[after].after
        return nearest

    def _nearest(self, text: str) -> tuple[int, int]:
        """How much of the text the likest question shares, and its number. In sorted order nothing
        is liker than a neighbour.
        """
        place = bisect_left(self._sorted, (text, -1))
        beside = self._sorted[max(0, place - 1) : place + 1]
        return max(((shared_chars(text, other), n) for other, n in beside), default=(0, 0))

    def _remember(self, asked: _Asked) -> None:
        self._asked[self._next] = asked
        insort(self._sorted, (asked.text, self._next))
        self._next += 1
        self._chars += len(asked.text)
        # The newest stays, however long: its neighbours come next.
        while len(self._asked) > 1 and self._is_full:
            oldest = next(iter(self._asked))
            text = self._asked.pop(oldest).text
            del self._sorted[bisect_left(self._sorted, (text, oldest))]
            self._chars -= len(text)

    @property
    def _is_full(self) -> bool:
        return len(self._asked) > _MOST_QUESTIONS or self._chars > _MOST_CHARS


def shared_chars(one: str, other: str) -> int:
    """The length of the longest common beginning."""
    low, high = 0, min(len(one), len(other))
    while low < high:
        middle = (low + high + 1) // 2
        if one[low:middle] == other[low:middle]:
            low = middle
        else:
            high = middle - 1
    return low
