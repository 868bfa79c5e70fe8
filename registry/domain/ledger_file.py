"""`certificates/@ledger/000001.jsonl`, …: every move of every tag, a line each, oldest first.

tags.yaml says what is live; these files say how it came there. The write-back appends what they do
not hold yet and changes no line. No prompt can have a part of its name that begins with `@`, so the
folder is in nobody's way. Nothing is signed: the lines are worth as much as the right to push.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass

from core.findings import Finding
from registry.domain.certificate_file import FOLDER
from registry.domain.files import Files
from registry.domain.json_file import MISTAKES, reason
from registry.domain.live_writing import Key
from registry.domain.told_move import ToldMove, parse_move

LEDGER = f"{FOLDER}@ledger/"
_FILE = re.compile(re.escape(LEDGER) + r"([0-9]{6})\.jsonl", re.ASCII)
#: Each commit writes its last file anew, so that stays small.
_FILE_BYTES = 65_536


@dataclass(frozen=True, slots=True)
class ToldLedger:
    """What the files say. `is_whole` when nothing in them is odd: then a tag that they do not name
    was never set.
    """

    moves: tuple[ToldMove, ...]
    findings: tuple[Finding, ...]

    @property
    def is_whole(self) -> bool:
        """Whether there is a ledger, and all of it could be read."""
        return bool(self.moves) and not self.findings


def ledger_paths(paths: Iterable[str]) -> list[str]:
    """The files of the ledger among these, the oldest first."""
    return sorted(path for path in paths if _FILE.fullmatch(path))


def read_ledger(files: Files) -> ToldLedger:
    """Every move the files tell. Revisions grow: where one does not, an older state of the database
    was put back, and what was told from there on counts no more.
    """
    moves: list[ToldMove] = []
    findings: list[Finding] = []
    for path in ledger_paths(files.paths()):
        read, mistakes = moves_in(files.read(path))
        if mistakes:
            line, why = mistakes[0]
            more = f" (and {len(mistakes) - 1} more)" if len(mistakes) > 1 else ""
            findings.append(_finding(path, line, f"line {line}{more} is no ledger entry: {why}"))
        for move in read:
            kept = len(moves)
            while kept and moves[kept - 1].revision >= move.revision:
                kept -= 1
            if overtaken := len(moves) - kept:
                told = f"{overtaken} moves before revision {move.revision} were overtaken by it"
                findings.append(_finding(path, 0, told))
                del moves[kept:]
            moves.append(move)
    return ToldLedger(tuple(moves), (*findings, *_gaps(moves)))


def moves_in(data: bytes) -> tuple[list[ToldMove], list[tuple[int, str]]]:
    """The moves of one file; the lines that are none, with the reason."""
    moves, mistakes = [], []
    for at, line in enumerate(data.split(b"\n"), start=1):
        if not line:
            continue
        try:
            moves.append(parse_move(line))
        except MISTAKES as error:
            mistakes.append((at, reason(error)))
    return moves, mistakes


def appended(files: Files, paths: Collection[str], moves: Iterable[ToldMove]) -> dict[str, bytes]:
    """`path -> content` of the files that change when `moves` follow what `paths` hold."""
    held = ledger_paths(paths)
    at = held[-1] if held else f"{LEDGER}000001.jsonl"
    before = files.read(at) if held else b""
    # Somebody may have cut it off, and two entries on one line would both be lost.
    ended = before if before.endswith(b"\n") or not before else before + b"\n"
    contents = {at: bytearray(ended)}
    for move in moves:
        line = move.to_line() + b"\n"
        if contents[at] and len(contents[at]) + len(line) > _FILE_BYTES:
            at = _next(at)
            contents[at] = bytearray()
        contents[at] += line
    return {path: bytes(content) for path, content in contents.items() if content != before}


def _next(path: str) -> str:
    found = _FILE.fullmatch(path)
    assert found is not None
    return f"{LEDGER}{int(found[1]) + 1:06}.jsonl"


def _gaps(moves: Sequence[ToldMove]) -> Iterable[Finding]:
    """A finding for each tag of which a move is missing."""
    last: dict[Key, int] = {}
    missing: dict[Key, int] = {}
    for move in moves:
        if move.sequence != last.get(move.key, 0) + 1:
            missing.setdefault(move.key, move.revision)
        last[move.key] = move.sequence
    for (prompt, tag), revision in missing.items():
        told = f"a move of {prompt}:{tag} before revision {revision} is missing"
        yield _finding(LEDGER.rstrip("/"), 0, told)


def _finding(path: str, line: int, message: str) -> Finding:
    hint = "the history of this file has it as it was written"
    return Finding(path, line, 0, "warning", "ledger_not_whole", message, hint)
