"""Which prompts a client wants to hear of, and which its token lets it."""

from __future__ import annotations

import re
from collections.abc import Iterable
from fnmatch import translate
from urllib.parse import parse_qsl

from core.errors import InvalidError
from registry.domain.names import MAX_PROMPT_NAME, is_prompt_name

#: Names are found in a set, whatever their number. Globs are tried at every move.
_MOST_NAMES, _MOST_GLOBS = 2_000, 100
_KNOWN = frozenset({"prompt", "last_event_id"})
_IS_GLOB = re.compile(r"[*?\[]")


class StreamQueryError(InvalidError):
    """The query of a stream makes no sense."""

    code = "stream_query"


class Prompts:
    """The prompts that globs cover: all of them, when there are no globs."""

    def __init__(self, globs: Iterable[str] = ()) -> None:
        """Each a name, or a glob as a token's."""
        globs = frozenset(globs)
        self._names = frozenset(glob for glob in globs if not _IS_GLOB.search(glob))
        patterns = sorted(globs - self._names)
        self._pattern = re.compile("|".join(map(translate, patterns))) if patterns else None
        self._are_all = not globs

    def __contains__(self, name: str) -> bool:
        """Whether the prompt is one of them."""
        if self._are_all or name in self._names:
            return True
        return self._pattern is not None and self._pattern.match(name) is not None


def asked(query: str) -> tuple[Prompts, str]:
    """The prompts and the `last_event_id` of a query. Raises StreamQueryError."""
    pairs = parse_qsl(query, keep_blank_values=True, errors="replace")
    if unknown := sorted({name for name, _ in pairs} - _KNOWN):
        raise StreamQueryError(
            f"a stream has no parameter {unknown[0][:100]!r}", hint="it has prompt, last_event_id"
        )
    ids = [value for name, value in pairs if name == "last_event_id"]
    if len(ids) > 1:
        raise StreamQueryError("last_event_id is given twice")
    globs = {value for name, value in pairs if name == "prompt"}
    for glob in globs:
        _check(glob)
    many = sum(1 for glob in globs if _IS_GLOB.search(glob))
    if many > _MOST_GLOBS or len(globs) - many > _MOST_NAMES:
        raise StreamQueryError(
            f"a stream takes at most {_MOST_NAMES} names and {_MOST_GLOBS} globs of prompts",
            hint="leave `prompt` out and take what concerns you, or open several streams",
        )
    return Prompts(globs), "".join(ids)


def _check(glob: str) -> None:
    if _IS_GLOB.search(glob):
        if len(glob) > MAX_PROMPT_NAME:
            raise StreamQueryError(f"prompt={glob[:40]!r}… is longer than any prompt's name")
    elif not is_prompt_name(glob):
        raise StreamQueryError(
            f"prompt={glob[:100]!r} cannot be the name of a prompt",
            hint="names are of a-z 0-9 . _ - and /; globs have * ? or [ ]",
        )
