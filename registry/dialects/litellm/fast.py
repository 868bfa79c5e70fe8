"""Pinned versions from a process's snapshot, for when the database does not answer."""

from __future__ import annotations

from typing import NamedTuple
from urllib.parse import parse_qsl

from core.errors import AssayError
from registry.dialects import known
from registry.dialects.litellm import pinned
from registry.lookup import Lookups, Reply


class Ask(NamedTuple):
    """A read as it came. `query` is raw; `token` the digest of the token."""

    query: str
    token: str


def answer(lookups: Lookups, ask: Ask, *, last_known: bool = False) -> Reply | None:
    """The last known; None while the view can read the database, and for what it refuses."""
    if not last_known:
        return None
    try:
        asked = pinned.only(dict(parse_qsl(ask.query, keep_blank_values=True)), "prompt_id")
        name, number = pinned.pinned(asked)
        found = lookups.find(name, ask.token, last_known=True)
        text = found.entry.texts.get(number) if found else None
        return known.sent(pinned.body(asked, text), found.standing) if found and text else None
    except AssayError:
        return None
