"""Reads from a process's snapshot: as the view answers them, or not at all."""

from __future__ import annotations

from typing import NamedTuple

from core.errors import InvalidError
from registry.dialects.langfuse import body
from registry.dialects.langfuse.wanted import Wanted, wanted
from registry.domain.plain import PlainTextError
from registry.lookup import Entry, Face, Lookups, Reply, reply

#: LiteLLM makes a request parameter of every key of `config`, and its own client of this SDK.
_LITELLM, _BEFORE_CONFIG_HAD_READERS = "litellm/", "2."


class Ask(NamedTuple):
    """A read as it came. `query` is raw; `token` the digest of the secret key."""

    name: str
    query: str
    token: str
    if_none_match: str = ""
    is_bare: bool = False


def answer(lookups: Lookups, ask: Ask, *, last_known: bool = False) -> Reply | None:
    """The answer; None for what the view must answer. `last_known` as for the registry's own."""
    try:
        want = wanted(ask.query)
    except InvalidError:
        return None
    found = lookups.find(ask.name, ask.token, last_known=last_known)
    made = _face(found.entry, want, is_bare=ask.is_bare) if found else None
    return reply(made, ask.if_none_match, found.standing) if found and made else None


def _face(entry: Entry, want: Wanted, *, is_bare: bool) -> Face | None:
    chosen = body.choice(entry, want)
    number = body.number(entry, want, chosen)
    text = entry.texts.get(number) if number is not None else None
    if text is None:
        return None
    # By the pointer that answers, so that a hundred buckets are two answers.
    asked = chosen.pointer.tag + ("?" if chosen.fallback else "") if chosen else text.number
    shape = (asked, "", "langfuse bare" if is_bare else "langfuse")
    known = entry.faces.get(shape)
    if known is not None:
        return known
    try:
        made = body.face(entry, text, chosen, bare=is_bare)
    except PlainTextError:
        return None
    entry.keep(shape, made)
    return made


def is_bare(user_agent: str, sdk_version: str) -> bool:
    """Whether `config` must hold nothing but what a model's server takes."""
    return user_agent.startswith(_LITELLM) or sdk_version.startswith(_BEFORE_CONFIG_HAD_READERS)
