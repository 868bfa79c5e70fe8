"""The message of a commit that writes moves back."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

TRAILER = "Assay-Write-Back"
_MOVES_SHOWN = 50
_LINE_CHARS = 300
_SUBJECT_CHARS = 72


@dataclass(frozen=True, slots=True)
class WrittenMove:
    """A ledger entry in words. `before` and `after` are versions like `v3`; empty: none."""

    prompt: str
    tag: str
    before: str
    after: str
    model: str
    kind: str
    actor: str
    reason: str


def message_of(moves: Sequence[WrittenMove], revision: int) -> str:
    """Subject, a line for each move, and the trailer with the registry's revision.

    The trailer is for people: who can push can write it, so Assay goes by the commits it noted.
    """
    lines = [_line(move) for move in moves[:_MOVES_SHOWN]]
    if len(moves) > _MOVES_SHOWN:
        lines.append(f"- and {len(moves) - _MOVES_SHOWN} more")
    told = "\n".join(lines)
    return f"{_subject(moves)}\n\n{told}\n\n{TRAILER}: {revision}\n"


def _subject(moves: Sequence[WrittenMove]) -> str:
    if len(moves) == 1:
        [move] = moves
        where = f"at {move.after}" if move.after else "at nothing"
        subject = f"Point {move.prompt}:{move.tag} {where}."
        if len(subject) <= _SUBJECT_CHARS:
            return subject
    return f"Write back {len(moves)} {'move' if len(moves) == 1 else 'moves'} of tags."


def _line(move: WrittenMove) -> str:
    way = f"{move.before or 'nothing'} -> {move.after or 'nothing'}"
    on = f" on {move.model}" if move.model else ""
    why = f": {move.reason}" if move.reason else ""
    text = f"- {move.prompt}:{move.tag} {way}{on}, {move.kind} by {move.actor}{why}"
    # One line, whatever people wrote: a reason must not add trailers.
    return "".join(c if c.isprintable() else " " for c in text)[:_LINE_CHARS].rstrip()
