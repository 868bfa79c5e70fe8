"""Much of the prompt stands behind its first variable and could stand before it.

Model servers keep the beginning of prompts that they have seen: what all calls share is then read
once and costs little afterwards (vLLM's automatic prefix caching; hosted models bill it at a part
of the price). What they share ends at the first variable. The finding gives the share of the
prompt's own text that stands before it, what reordering would make of it, and which lines to move;
it appears when at least 100 tokens and a quarter of the text would be won. Tokens are estimated at
4 characters each, whatever the model; the share needs no tokenizer. What varies by `if` or `for`,
and messages after the one with the first variable, stay where they are.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from core.findings import Finding
from registry.domain.lint.pieces import Piece, pieces, tokens
from registry.domain.lint.rule import Rule
from registry.domain.lint.subject import Subject, reread
from registry.domain.version import VersionContent

MIN_TOKENS = 100
MIN_GAIN = 0.25
_LINES_NAMED = 6


@dataclass(frozen=True)
class PrefixScore:
    """What calls of a version share, counted in characters of its own text.

    `first_line` is the body's line of the first variable, None without one; `movable` maps lines
    behind it to the characters that could stand before it.
    """

    total: int
    before: int
    first_line: int | None
    movable: dict[int, int]

    @property
    def share(self) -> float:
        """From 0 to 1; a prompt without text shares all there is."""
        return self.before / self.total if self.total else 1.0

    @property
    def possible(self) -> float:
        """The share with every movable line moved."""
        return (self.before + sum(self.movable.values())) / self.total if self.total else 1.0


def prefix_score(version: VersionContent) -> PrefixScore:
    """Measure a version. White space around tags is not looked at: it changes no share by much."""
    row = list(pieces(version.source, version.partials))
    total = sum(len(piece.text) for piece in row)
    index = next((i for i, piece in enumerate(row) if piece.varies), None)
    if index is None:
        return PrefixScore(total, total, None, {})
    before = sum(len(piece.text) for piece in row[:index])
    return PrefixScore(total, before, row[index].line, _movable(row[index], row[index:]))


def _movable(first: Piece, behind: Iterable[Piece]) -> dict[int, int]:
    """Line -> characters, of the lines in the same message on which nothing varies."""
    found: dict[int, int] = defaultdict(int)
    bound: set[int] = set()
    for piece in behind:
        if piece.message != first.message:
            break
        if piece.varies or not piece.is_certain:
            bound |= {piece.line + at for at in range(piece.text.count("\n") + 1)}
            continue
        for at, text in enumerate(piece.text.split("\n")):
            found[piece.line + at] += len(text) + 1 if text.strip() else 0
    return {line: count for line, count in found.items() if count and line not in bound}


def check(subject: Subject) -> Iterator[Finding]:
    """The newest version of each prompt, at its first variable."""
    for _, version in subject.newest():
        score = prefix_score(version)
        gain = score.possible - score.share
        moved = tokens(sum(score.movable.values()))
        if score.first_line is None or moved < MIN_TOKENS or gain < MIN_GAIN:
            continue
        read = reread(subject.head.files, version)
        offset = read[1].first_line - 1 if read else 0
        line = score.first_line + offset
        message = (
            f"{score.share:.0%} of the text stands before the first variable; a server's prefix "
            f"cache cannot share the rest."
        )
        named = _ranges([number + offset for number in sorted(score.movable)])
        hint = (
            f"moving line {named} (about {moved:,} tokens) above line {line} makes it "
            f"{score.possible:.0%}"
        )
        yield Finding(version.path, line, 1, RULE.severity, RULE.id, message, hint)


def _ranges(lines: list[int]) -> str:
    """`3-5, 9`."""
    runs: list[list[int]] = []
    for line in lines:
        if runs and line == runs[-1][1] + 1:
            runs[-1][1] = line
        else:
            runs.append([line, line])
    shown = [f"{a}-{b}" if b > a else f"{a}" for a, b in runs[:_LINES_NAMED]]
    return ", ".join(shown) + (", …" if len(runs) > _LINES_NAMED else "")


RULE = Rule("prefix_cache", "warning", __doc__, check)
