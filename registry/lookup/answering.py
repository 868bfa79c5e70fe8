"""The lookup without a framework: values in; status, headers and bytes out.

It answers what it can answer exactly as the REST view would, and nothing else.
"""

from __future__ import annotations

import time
from typing import NamedTuple
from urllib.parse import unquote_plus

from registry.domain.canary_arm import LONGEST_KEY
from registry.lookup.following import Follower
from registry.lookup.keeper import Freshness, Keeper
from registry.lookup.reply import Reply, Standing, reply
from registry.lookup.snapshot import Snapshot
from registry.lookup.values import STABLE

_KNOWN = frozenset({"tag", "version", "key"})
#: The form of the first minimal registry knows only this.
_KNOWN_TO_SEED = frozenset({"tag"})


class Ask(NamedTuple):
    """A lookup as it came. `query` is raw; `token` the digest of the bearer token.

    `seed`: in the form of the first minimal registry.
    """

    name: str
    query: str
    token: str
    if_none_match: str = ""
    seed: bool = False


class Lookups:
    """A process's snapshot of all that lookups need, and its keeper."""

    def __init__(self, follower: Follower | None = None) -> None:
        """Nothing is known until `start`."""
        self.snapshot = Snapshot()
        self.keeper = Keeper(self.snapshot, follower)

    def answer(self, ask: Ask, *, last_known: bool = False) -> Reply | None:
        """The answer; None for what somebody who reads the database must answer.

        `last_known` is for when that somebody could not: then an old answer, which says its age,
        is better than none.
        """
        freshness = self.keeper.freshness()
        if freshness is Freshness.UNSURE and not last_known:
            return None
        now = time.time()
        entry, token = self.snapshot.entries.get(ask.name), self.snapshot.tokens.get(ask.token)
        if entry is None or token is None or not token.allows(now, ask.name):
            return None
        is_stale = freshness is not Freshness.CURRENT or entry.is_doubtful
        if entry.is_doubtful and freshness is Freshness.CURRENT and not last_known:
            return None
        wanted = _wanted(ask.query, _KNOWN_TO_SEED if ask.seed else _KNOWN)
        if wanted is None:
            return None
        made = self.snapshot.face(entry, wanted[0], wanted[1], seed=ask.seed, now=now)
        if made is None:
            return None
        token.used_at = now
        return reply(made, ask.if_none_match, self._standing(now, is_stale=is_stale))

    def start(self) -> None:
        """Begin to follow the database."""
        self.keeper.start()

    def stop(self) -> None:
        """End the thread and its connection."""
        self.keeper.stop()

    def _standing(self, now: float, *, is_stale: bool) -> Standing:
        mirrored_at = self.snapshot.mirrored_at
        age = int(now - mirrored_at) if mirrored_at is not None else None
        return Standing(self.snapshot.revision, age, self.keeper.age() if is_stale else None)


def _wanted(query: str, known: frozenset[str]) -> tuple[str | int, str] | None:
    """The tag or version asked for, and the key. None for what is unusual or makes no sense."""
    if not query:
        return STABLE, ""
    found: dict[str, str] = {}
    for part in query.split("&"):
        name, equals, value = part.partition("=")
        if name not in known or name in found or not equals or not value.isascii():
            return None
        found[name] = unquote_plus(value) if "%" in value or "+" in value else value
    key = found.get("key", "")
    if len(key) > LONGEST_KEY or "\0" in query or "%00" in query or "\ufffd" in key:
        return None
    version = found.get("version")
    if not version:
        return found.get("tag") or STABLE, key
    digits = version.removeprefix("v")
    is_number = digits.isascii() and digits.isdigit() and len(digits) < 7
    return (int(digits), key) if is_number else None
