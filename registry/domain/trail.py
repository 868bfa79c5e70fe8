"""The way back: what was live before, without what was rolled back since."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Step:
    """One ledger entry of a tag. `place` is what it points at; None points at nothing.

    `restores` is the entry a rollback restored; None for every other kind.
    """

    event: int
    place: tuple[int, int | None, int | None] | None
    restores: int | None = None


def trail(steps: Iterable[Step]) -> list[int]:
    """Entries a rollback goes back through, the live one last. `steps` is the whole chain in order.

    A rollback takes the trail back to what it restored, so a second rollback goes on from there
    instead of swinging to and fro. Moving to the same place again adds nothing to go back to.
    """
    way: list[Step] = []
    known: dict[int, Step] = {}
    for step in steps:
        known[step.event] = step
        restored = known[step.restores] if step.restores is not None else None
        if restored is not None and restored in way:
            del way[way.index(restored) + 1 :]
        elif way and way[-1].place == (restored or step).place:
            way[-1] = restored or step
        else:
            way.append(restored or step)
    return [step.event for step in way]
