"""Going back, step by step."""

from __future__ import annotations

import pytest

from registry.domain.trail import Step, trail


def _chain(text: str) -> list[Step]:
    """`a b <1 -` : point at a, at b, roll back to entry 1, clear."""
    steps: list[Step] = []
    for event, word in enumerate(text.split(), start=1):
        if word.startswith("<"):
            restored = steps[int(word[1:]) - 1]
            steps.append(Step(event, restored.place, restored.event))
        else:
            steps.append(Step(event, None if word == "-" else (ord(word), None, None)))
    return steps


@pytest.mark.parametrize(
    ("chain", "expected"),
    [
        ("", []),
        ("a", [1]),
        ("a b c", [1, 2, 3]),
        ("a b <1", [1]),
        ("a b c <2 <1", [1]),
        ("a b <1 c", [1, 4]),
        ("a b b", [1, 3]),  # the newer entry has the newer evidence
        ("a b <1 b", [1, 4]),
        ("a b <1 a", [4]),
        ("a b c <1 <3", [1, 3]),  # back to what was rolled back, by name
        ("a - ", [1, 2]),
        ("a - b", [1, 2, 3]),
    ],
)
def test_the_way_back(chain: str, expected: list[int]) -> None:
    assert trail(_chain(chain)) == expected
