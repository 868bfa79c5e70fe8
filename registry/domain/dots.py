"""Prompt names for clients whose names cannot have folders: `support/chat` is `support.chat`.

Names may have dots of their own, so one dotted name can mean several prompts.
"""

from __future__ import annotations

from itertools import product

#: 64 prompts to look for. A name with more dots has to be asked for with its slashes.
_MOST_DOTS = 6


def dotted(name: str) -> str:
    """The name without folders."""
    return name.replace("/", ".")


def meant_by(name: str) -> tuple[str, ...]:
    """Every prompt name that `name` may stand for, itself first."""
    first, *rest = name.split(".")
    if len(rest) > _MOST_DOTS:
        return (name,)
    joined = product("./", repeat=len(rest))
    return tuple(
        first + "".join(mark + part for mark, part in zip(marks, rest, strict=True))
        for marks in joined
    )
