"""`certificates/<prompt>/@moves.json`: the last move of each tag of a prompt, whatever proves it.

tags.yaml says what is live and not since when; from these files a rebuild knows the order. They
prove nothing, and no decision rests on them. No prompt can have a part of its name that begins with
`@`, so the file is in nobody's way.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import asdict, dataclass, fields
from typing import Any

from registry.domain.certificate_file import FOLDER
from registry.domain.json_file import MISTAKES, dump, listed, load, mapping, moment, number, text
from registry.domain.live import LiveTag

SCHEMA = "assay/moves/v1"
MOVES = "/@moves.json"
#: A registry that counts a move every millisecond gets there in a quarter of a million years. What
#: is beyond is a mistake, and would leave no numbers for the moves that follow.
MAX_REVISION = 2**53
_MOST = 100


@dataclass(frozen=True, slots=True)
class LastMove:
    """The ledger entry a tag is at. `registry_revision` is the registry's count of moves."""

    tag: str
    version: int
    model: str | None
    weight: int | None
    kind: str
    sequence: int
    registry_revision: int
    actor: str
    reason: str
    at: str

    def is_of(self, live: LiveTag) -> bool:
        """Whether the tag is still where this move brought it."""
        return (self.tag, self.version, self.model) == (live.tag, live.version, live.model)


def moves_path(prompt: str) -> str:
    """Where the moves of a prompt lie."""
    return f"{FOLDER}{prompt}{MOVES}"


def to_bytes(prompt: str, moves: Iterable[LastMove]) -> bytes:
    """The file; of more than 100 tags, those that moved last."""
    newest = sorted(moves, key=lambda move: -move.registry_revision)[:_MOST]
    listed = [asdict(move) for move in sorted(newest, key=lambda move: move.tag)]
    return dump({"schema": SCHEMA, "prompt": prompt, "moves": listed})


def parse_moves(prompt: str, data: bytes) -> tuple[LastMove, ...]:
    """What the file of `prompt` says; nothing when Assay would not have written it so."""
    try:
        top = mapping(load(data), {"schema", "prompt", "moves"})
        if (top["schema"], top["prompt"]) != (SCHEMA, prompt):
            return ()
        return tuple(_move(one) for one in listed(top["moves"]))
    except MISTAKES:
        return ()


def _move(value: Any) -> LastMove:
    known = mapping(value, {field.name for field in fields(LastMove)})
    for name in ("tag", "kind", "actor", "reason"):
        text(known[name])
    for name in ("version", "sequence", "registry_revision"):
        number(known[name])
    if known["registry_revision"] > MAX_REVISION:
        raise ValueError("no registry has seen so many moves")
    if known["model"] is not None:
        text(known["model"])
    weight = known["weight"]
    if weight is not None and (isinstance(weight, bool) or not isinstance(weight, int)):
        raise TypeError("a weight is a whole number")
    moment(known["at"])
    return LastMove(**known)
