"""Much of the prompt stands behind its first variable and could stand before it.

Model servers keep the beginning of prompts that they have seen: what all calls share is then read
once and costs little afterwards (vLLM's automatic prefix caching; hosted models bill it at a part
of the price). What they share ends at the first variable. The finding gives the share of the
prompt's own tokens that stand before it, what reordering would make of it, and which lines to move;
it appears when at least 100 tokens and a quarter of them would be won. Tokens are counted by the
tokenizer of the prompt's model where it can be had, else estimated; the finding says which. What
varies by `if` or `for`, and messages after the one with the first variable, stay where they are.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from core.findings import Finding
from registry.domain.lint.pieces import Piece, pieces
from registry.domain.lint.rule import Rule
from registry.domain.lint.subject import Subject, reread
from registry.domain.token_count import Counted, most_tokens
from registry.domain.version import VersionContent

MIN_TOKENS = 100
MIN_GAIN = 0.25
_LINES_NAMED = 6


@dataclass(frozen=True)
class Prefix:
    """A version's own text: what every call shares at its beginning, what could be moved there,
    and the rest.

    `first_line` is the body's line of the first variable, None without one; `lines` are those that
    could stand before it.
    """

    before: str
    movable: str
    rest: str
    first_line: int | None
    lines: tuple[int, ...] = ()

    @property
    def texts(self) -> tuple[str, str, str]:
        """What is to be counted for a score."""
        return self.before, self.movable, self.rest


@dataclass(frozen=True, slots=True)
class PrefixScore:
    """The tokens of the three parts of a version's text; `how` says how they were counted."""

    before: int
    movable: int
    rest: int
    how: str

    @property
    def share(self) -> float:
        """What stands before the first variable, 0 to 1; a prompt without text shares all of it."""
        return self._of_all(self.before)

    @property
    def possible(self) -> float:
        """The share with every movable line moved."""
        return self._of_all(self.before + self.movable)

    def _of_all(self, part: int) -> float:
        total = self.before + self.movable + self.rest
        return part / total if total else 1.0


def prefix_of(version: VersionContent) -> Prefix:
    """The parts of a version. White space around tags is not looked at: it changes little."""
    row = list(pieces(version.source, version.partials))
    index = next((i for i, piece in enumerate(row) if piece.varies), None)
    if index is None:
        return Prefix("".join(piece.text for piece in row), "", "", None)
    movable, rest = _sorted(row[index:])
    return Prefix(
        before="".join(piece.text for piece in row[:index]),
        movable="".join(text for _, text in movable),
        rest=rest,
        first_line=row[index].line,
        lines=tuple(sorted({line for line, _ in movable})),
    )


def scores(counted: Counted) -> list[PrefixScore]:
    """A score for each prefix whose `texts` were counted, one after the other."""
    one_by_one = iter(counted.tokens)
    of_three = zip(one_by_one, one_by_one, one_by_one, strict=True)
    return [PrefixScore(before, movable, rest, counted.how) for before, movable, rest in of_three]


def _sorted(behind: list[Piece]) -> tuple[list[tuple[int, str]], str]:
    """(line, text) of what can be moved: whole lines, in the message of the first variable, on
    which nothing varies; and all other text.
    """
    message = behind[0].message
    bound: set[int] = set()
    parts: list[tuple[int, str]] = []
    for piece in behind:
        lines = list(piece.lines())
        parts += lines
        if piece.varies or not piece.is_certain or piece.message != message:
            bound.update(line for line, _ in lines)
    said = {line for line, text in parts if text.strip()} - bound
    movable = [(line, text) for line, text in parts if line in said and text]
    return movable, "".join(text for line, text in parts if line not in said)


def check(subject: Subject) -> Iterator[Finding]:
    """The newest version of each prompt, at its first variable."""
    found = [
        (prompt.name, version, prefix)
        for prompt, version in subject.newest()
        if most_tokens((prefix := prefix_of(version)).movable) >= MIN_TOKENS
    ]
    models = subject.head.models
    counts = subject.count([(models.get(name), prefix.texts) for name, _, prefix in found])
    for (_, version, prefix), counted in zip(found, counts, strict=True):
        [score] = scores(counted)
        if score.movable >= MIN_TOKENS and score.possible - score.share >= MIN_GAIN:
            yield _finding(subject, version, prefix, score)


def _finding(
    subject: Subject, version: VersionContent, prefix: Prefix, score: PrefixScore
) -> Finding:
    assert prefix.first_line is not None  # else nothing was movable
    read = reread(subject.head.files, version)
    offset = read[1].first_line - 1 if read else 0
    line = prefix.first_line + offset
    message = (
        f"{score.share:.0%} of the tokens stand before the first variable; a server's prefix "
        f"cache cannot share the rest."
    )
    named = _ranges([number + offset for number in prefix.lines])
    hint = (
        f"moving line {named} ({score.movable:,} tokens, {score.how}) above line {line} makes it "
        f"{score.possible:.0%}"
    )
    return Finding(version.path, line, 1, RULE.severity, RULE.id, message, hint)


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
