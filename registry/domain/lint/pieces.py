"""A template as a row of pieces: what every call shares, and what differs from call to call."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from registry.domain.template.environment import environment

#: Blocks that do not depend on the values given.
_STILL = frozenset({"chat", "endchat", "set", "endset", "with", "endwith", "raw", "endraw"})
_OPENS, _CLOSES = frozenset({"if", "for"}), frozenset({"endif", "endfor"})

_Token = tuple[int, str, str]


@dataclass(frozen=True, slots=True)
class Piece:
    """Text, or something that differs from call to call (`varies`, and `text` is empty).

    `line` is that of the template's own body; text of a partial stands where it is included, all of
    it on that line (`is_included`). `message` counts the chat blocks before it; `is_certain` is
    False inside `if` and `for`.
    """

    line: int
    text: str
    message: int = 0
    varies: bool = False
    is_certain: bool = True
    is_included: bool = False

    def lines(self) -> Iterator[tuple[int, str]]:
        """(line of the body, what stands on it with its line end), also where that is nothing."""
        *ended, last = self.text.split("\n")
        for at, text in enumerate([*(f"{line}\n" for line in ended), last]):
            yield self.line if self.is_included else self.line + at, text


def pieces(source: str, partials: Mapping[str, str]) -> Iterator[Piece]:
    """The pieces of a version that was parsed without findings, in order, includes written out."""
    message = depth = 0
    for line, words, text in _parts(source):
        if not words:
            yield Piece(line, text, message, is_certain=not depth)
        elif words[0] == "include":
            for piece in pieces(partials[words[1]], partials):
                certain = piece.is_certain and not depth
                yield Piece(line, piece.text, message, piece.varies, certain, is_included=True)
        elif words[0] not in _STILL | _CLOSES:
            yield Piece(line, "", message, varies=True, is_certain=not depth)
        message += bool(words) and words[0] == "endchat"
        depth += _step(words)


def _step(words: list[str]) -> int:
    if not words:
        return 0
    return (words[0] in _OPENS) - (words[0] in _CLOSES)


def _parts(source: str) -> Iterator[tuple[int, list[str], str]]:
    """(line, words, text): words of a tag, or no words and text; `{{ … }}` is the word ""."""
    tag: list[_Token] = []
    for token in environment().lexer.tokeniter(source, None):
        line, kind, value = token
        if kind in {"block_begin", "variable_begin"}:
            tag = [token]
        elif kind in {"block_end", "variable_end"}:
            yield tag[0][0], _words(tag), ""
            tag = []
        elif tag:
            tag.append(token)
        elif kind == "data":
            yield line, [], value


def _words(tag: list[_Token]) -> list[str]:
    if tag[0][1] == "variable_begin":
        return [""]
    return [value.strip("\"'") for _, kind, value in tag[1:] if kind in {"name", "string"}]
