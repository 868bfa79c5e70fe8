"""The lookup without a framework: values in; status, headers and bytes out.

It answers what it can answer exactly as the REST view would, and nothing else.
"""

from __future__ import annotations

import time
from collections.abc import Iterable, Sequence
from typing import NamedTuple
from urllib.parse import unquote_plus

from registry.domain.canary_arm import LONGEST_KEY
from registry.lookup.following import Follower
from registry.lookup.keeper import Freshness, Keeper
from registry.lookup.loading import Token
from registry.lookup.many import MOST_ITEMS, Bundle, Item, Live, batch, found
from registry.lookup.presence import Presence
from registry.lookup.reply import Reply, Standing, reply
from registry.lookup.snapshot import Snapshot
from registry.lookup.values import STABLE, Entry, choose

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


class Found(NamedTuple):
    """A prompt in the snapshot, how current that is, and the time it was asked (since 1970)."""

    entry: Entry
    standing: Standing
    now: float


class Lookups:
    """A process's snapshot of all that lookups need, and its keeper."""

    def __init__(self, listener: str, follower: Follower | None = None) -> None:
        """Nothing is known until `start`. `listener` is what others call it: `web` or `stream`."""
        self.snapshot = Snapshot()
        self.keeper = Keeper(self.snapshot, Presence(listener), follower)

    def answer(self, ask: Ask, *, last_known: bool = False) -> Reply | None:
        """The answer; None for what somebody who reads the database must answer.

        `last_known` is for when that somebody could not: then an old answer, which says its age,
        is better than none.
        """
        wanted = _wanted(ask.query, _KNOWN_TO_SEED if ask.seed else _KNOWN)
        found = self.find(ask.name, ask.token, last_known=last_known) if wanted else None
        if wanted is None or found is None:
            return None
        made = self.snapshot.face(found.entry, *wanted, seed=ask.seed, now=found.now)
        if made is None:
            return None
        return reply(made, ask.if_none_match, found.standing)

    def find(self, name: str, token_digest: str, *, last_known: bool = False) -> Found | None:
        """A prompt that the token may look up; None and `last_known` as in `answer`."""
        freshness = self._freshness(last_known=last_known)
        if freshness is None:
            return None
        now = time.time()
        entry, token = self.snapshot.entries.get(name), self.snapshot.tokens.get(token_digest)
        if entry is None or token is None or not token.allows(now, name):
            return None
        is_stale = freshness is not Freshness.CURRENT or entry.is_doubtful
        if entry.is_doubtful and freshness is Freshness.CURRENT and not last_known:
            return None
        token.used_at = now
        return Found(entry, self._standing(now, is_stale=is_stale), now)

    def is_in_doubt(self, name: str) -> bool:
        """Whether something about the prompt changed and is being read."""
        entry = self.snapshot.entries.get(name)
        return entry is not None and entry.is_doubtful

    def find_among(
        self, names: Iterable[str], token_digest: str, *, last_known: bool = False
    ) -> Found | None:
        """As `find`, where several names may be meant; None when there is not exactly one."""
        # Before the snapshot is read: another of them may have been published a moment ago.
        self.keeper.freshness()
        token, now = self.snapshot.tokens.get(token_digest), time.time()
        known = [name for name in names if name in self.snapshot.entries]
        seen = [name for name in known if token is not None and token.allows(now, name)]
        return self.find(seen[0], token_digest, last_known=last_known) if len(seen) == 1 else None

    def batch(
        self, items: Sequence[Item], token_digest: str, *, last_known: bool = False
    ) -> Reply | None:
        """Many lookups as of one moment; None when one of them is for the database to answer."""
        known = self.known(token_digest, last_known=last_known)
        if known is None or not 0 < len(items) <= MOST_ITEMS:
            return None
        pieces = []
        for item in items:
            entry = known.entries.get(item.name)
            if entry is None or not known.may_answer(entry):
                return None
            face = self.snapshot.face(entry, item.asked, item.key, seed=False, now=known.now)
            if face is None:
                return None
            pieces.append(found(item, face))
        known.token.used_at = known.now
        return batch(pieces, known.standing)

    def bundle(
        self, tag: str, token_digest: str, if_none_match: str = "", *, last_known: bool = False
    ) -> Reply | None:
        """What a tag answers for every prompt the token sees; None when the database must say."""
        known = self.known(token_digest, last_known=last_known)
        answers = self.live(known, tag) if known else None
        if known is None or answers is None or (not answers and tag != STABLE):
            return None
        return Bundle(tag, answers).reply(if_none_match, known.standing)

    def live(self, known: Known, tag: str, key: str = "") -> list[Live] | None:
        """What `tag` answers for every prompt that has it and the token sees, by name.

        None when one of them is for the database to answer.
        """
        answers = []
        for entry in known.visible():
            choice = choose(entry.name, entry.pointers, tag, key)
            face = choice and self.snapshot.face(entry, tag, key, seed=False, now=known.now)
            if not known.may_answer(entry) or (choice is not None and face is None):
                return None
            if choice is not None and face is not None:
                answers.append(Live(entry, choice, face))
        known.token.used_at = known.now
        return answers

    def start(self) -> None:
        """Begin to follow the database."""
        self.keeper.start()

    def stop(self) -> None:
        """End the thread and its connection."""
        self.keeper.stop()

    def known(self, token_digest: str, *, last_known: bool = False) -> Known | None:
        """One state of the registry; None when the token is not good or nothing sure is known."""
        freshness = self._freshness(last_known=last_known)
        token, now = self.snapshot.tokens.get(token_digest), time.time()
        if freshness is None or token is None or not token.allows(now):
            return None
        is_stale = freshness is not Freshness.CURRENT or last_known
        # In this order: an entry read later than the revision is newer, and is told by its own.
        standing = self._standing(now, is_stale=is_stale)
        return Known(dict(self.snapshot.entries), token, now, standing)

    def _freshness(self, *, last_known: bool) -> Freshness | None:
        """Whether the snapshot may answer, and how; None when it may not."""
        freshness = self.keeper.freshness()
        is_sure = freshness is not Freshness.UNSURE
        return freshness if is_sure or (last_known and self.keeper.is_loaded) else None

    def _standing(self, now: float, *, is_stale: bool) -> Standing:
        mirrored_at = self.snapshot.mirrored_at
        age = int(now - mirrored_at) if mirrored_at is not None else None
        return Standing(*self.snapshot.stand, age, self.keeper.age() if is_stale else None)


class Known(NamedTuple):
    """What one answer to many questions is made of: the entries are a copy of one moment."""

    entries: dict[str, Entry]
    token: Token
    now: float
    standing: Standing

    def visible(self) -> list[Entry]:
        """The prompts that the token sees, in the order of names."""
        seen = self.token.prompts
        names = sorted(self.entries) if seen is None else seen.visible(sorted(self.entries))
        return [self.entries[name] for name in names]

    def may_answer(self, entry: Entry) -> bool:
        """Whether the token sees the prompt, and the entry is as it was at the revision."""
        if self.token.prompts is not None and not self.token.prompts.sees(entry.name):
            return False
        if self.standing.stale is not None:
            return True
        return not entry.is_doubtful and entry.revision <= self.standing.registry_revision


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
