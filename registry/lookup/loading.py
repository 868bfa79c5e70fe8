"""Read what lookups are answered from. Plain SQL: the ORM takes ten times as long."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

from registry.domain.actor import Actor, Scope
from registry.lookup.body import encoded_text
from registry.lookup.values import Entry, Model, Pointer, Proof, Text


class Cursor(Protocol):
    """The part of a database cursor used here."""

    @property
    def connection(self) -> Any:
        """psycopg's."""

    def execute(self, sql: str, parameters: Sequence[Any] = ...) -> Any:
        """Send a statement."""

    def fetchall(self) -> list[Any]:
        """Every row of its result."""


@dataclass(slots=True)
class Token:
    """A credential that is not revoked. Times are seconds since 1970."""

    pk: int
    expires_at: float | None
    prompts: Actor | None
    may_look_up: bool
    used_at: float = 0.0
    noted_at: float = 0.0

    def allows(self, now: float, prompt: str | None = None) -> bool:
        """Whether it may look up at `now`: this prompt, when one is named."""
        if not self.may_look_up or self.has_expired(now):
            return False
        return prompt is None or self.prompts is None or self.prompts.sees(prompt)

    def has_expired(self, now: float) -> bool:
        """Whether its time is over."""
        return self.expires_at is not None and self.expires_at <= now


@dataclass(frozen=True, slots=True)
class Changes:
    """What was committed since the last look, and where the registry stands now.

    `seen` is where the next look begins; `revision` is of `incarnation`; `mirrored_at` is when the
    repository last answered.
    """

    seen: str
    incarnation: str
    revision: int
    mirrored_at: float | None
    prompts: frozenset[int]
    tokens: bool
    everything: bool


# Rows whose transaction had not ended in the snapshot of the last look, and has in this one's.
# Exactly those: transaction ids are not in the order of commits, but snapshots know who had ended.
_CHANGES = """
SELECT pg_current_snapshot()::text, state.incarnation, state.revision,
       (SELECT extract(epoch FROM fetched_at)::float8
          FROM registry_mirrorstate ORDER BY id LIMIT 1),
       ARRAY(SELECT DISTINCT COALESCE(prompt_id::text, what) FROM registry_servedchange
              WHERE xid >= pg_snapshot_xmin(%s::pg_snapshot)
                AND NOT pg_visible_in_snapshot(xid, %s::pg_snapshot))
  FROM registry_registrystate state
"""
_TOKENS = """
SELECT digest, id, extract(epoch FROM expires_at)::float8, name, scopes, prompts,
       COALESCE(extract(epoch FROM last_used_at)::float8, 0)
  FROM registry_apitoken WHERE revoked_at IS NULL
"""
# A rollback stands on the evidence of what it restores, however often that was done.
_POINTERS = """
SELECT p.id, p.name, p.orphaned, (SELECT revision FROM registry_registrystate),
       p.description, extract(epoch FROM p.created_at)::float8, t.name,
       v.number, v.digest, e.sequence, e.registry_revision,
       e.weight, m.name, m.pin ->> 'served_id', m.pin ->> 'revision', m.digest, proof.kind,
       c.id, extract(epoch FROM c.valid_until)::float8, c.expired_at IS NOT NULL, c.expired_reason
  FROM registry_prompt p
  LEFT JOIN registry_tag t ON t.prompt_id = p.id
  LEFT JOIN registry_tagevent e ON e.id = t.event_id AND e.version_id IS NOT NULL
  LEFT JOIN registry_promptversion v ON v.id = e.version_id
  LEFT JOIN registry_modelversion m ON m.id = e.model_id
  LEFT JOIN LATERAL (
    WITH RECURSIVE back AS (
      SELECT e.kind, e.restores_id, e.certificate_id
      UNION ALL
      SELECT x.kind, x.restores_id, x.certificate_id
        FROM back JOIN registry_tagevent x ON x.id = back.restores_id
       WHERE back.kind = 'rolled_back')
    SELECT kind, certificate_id FROM back
     WHERE kind <> 'rolled_back' OR restores_id IS NULL LIMIT 1) proof ON e.id IS NOT NULL
  LEFT JOIN registry_certificate c ON c.id = proof.certificate_id
 WHERE p.id = ANY(%s)
"""
_VERSIONS = """
SELECT id, prompt_id, number, digest, commit, blob, extract(epoch FROM published_at)::float8
  FROM registry_promptversion WHERE prompt_id = ANY(%s)
"""
# One expression: each use of a large value unpacks it again.
_TEXTS = """
SELECT id, (content - '{source,partials}'::text[])::text, template
  FROM registry_promptversion WHERE id = ANY(%s)
"""


@dataclass(frozen=True, slots=True)
class Missing:
    """A version whose text is not in the snapshot yet."""

    pk: int
    prompt: int
    number: int
    digest: str
    commit: str
    blob: str
    published_at: float


def changes(cursor: Cursor, seen: str) -> Changes:
    """What was committed since `seen`; `seen` empty: nothing, just where to begin."""
    # Without a beginning every row is older than the end of this very statement's snapshot.
    cursor.execute(_CHANGES, [seen or _END_OF_TIME] * 2)
    [(seen, incarnation, revision, mirrored_at, found)] = cursor.fetchall()
    names = set(found)
    prompts = frozenset(int(one) for one in names - {"tokens", "everything"})
    tokens = "tokens" in names or "everything" in names
    return Changes(seen, incarnation, revision, mirrored_at, prompts, tokens, "everything" in names)


_END_OF_TIME = "9223372036854775806:9223372036854775806:"


def tokens(cursor: Cursor) -> dict[str, Token]:
    """Every token that is not revoked, by the digest of its secret."""
    cursor.execute(_TOKENS)
    return {
        digest: Token(
            pk,
            expires_at,
            Actor(f"token:{name}", frozenset(), tuple(globs)) if globs else None,
            Scope.LOOKUP.value in scopes,
            noted_at=used_at,
        )
        for digest, pk, expires_at, name, scopes, globs, used_at in cursor.fetchall()
    }


def prompt_ids(cursor: Cursor) -> list[int]:
    """Every prompt."""
    cursor.execute("SELECT id FROM registry_prompt ORDER BY id")
    return [pk for (pk,) in cursor.fetchall()]


def entries(
    cursor: Cursor, prompts: Sequence[int], known: Mapping[str, Entry]
) -> tuple[dict[str, Entry], list[Missing]]:
    """The prompts as they are now, and the versions that `known` has no text of.

    Texts never change, so those in `known` are kept. What is live has its text in the result. All
    pointers are of one moment: one statement reads them.
    """
    cursor.execute(_POINTERS, [list(prompts)])
    found: dict[int, Entry] = {}
    for pk, name, orphaned, revision, description, created_at, tag, *pointed in cursor.fetchall():
        entry = found.setdefault(
            pk,
            Entry(pk, name, orphaned, revision, description=description, created_at=created_at),
        )
        if pointed[0] is not None:
            entry.pointers[tag] = _pointer(tag, pointed)
    cursor.execute(_VERSIONS, [list(prompts)])
    missing = []
    for row in cursor.fetchall():
        version = Missing(*row)
        # Later than the first statement: a prompt may have been made in between.
        if version.prompt in found:
            entry = found[version.prompt]
            entry.newest = max(entry.newest, version.number)
            if not _keep(entry, version, known):
                missing.append(version)
    live = {(e.pk, p.version) for e in found.values() for p in e.pointers.values()}
    wanted = [one for one in missing if (one.prompt, one.number) in live]
    for version, text in texts(cursor, wanted):
        found[version.prompt].texts[version.number] = text
    rest = [one for one in missing if (one.prompt, one.number) not in live]
    return {entry.name: entry for entry in found.values()}, rest


def _keep(entry: Entry, version: Missing, known: Mapping[str, Entry]) -> bool:
    """Take over the text that is there already. By content: ids can begin anew after a rebuild."""
    old = known.get(entry.name)
    text = old.texts.get(version.number) if old else None
    same = (version.digest, version.commit, version.blob, version.published_at)
    if text is None or (text.digest, text.commit, text.blob, text.published_at) != same:
        return False
    entry.texts[version.number] = text
    return True


def texts(cursor: Cursor, versions: Iterable[Missing]) -> list[tuple[Missing, Text]]:
    """The encoded texts of versions."""
    by_id = {one.pk: one for one in versions}
    if not by_id:
        return []
    cursor.execute(_TEXTS, [list(by_id)])
    read = []
    for pk, content, template in cursor.fetchall():
        one, said = by_id[pk], json.loads(content)
        of_git = (one.digest, one.commit, one.blob)
        text = encoded_text(one.number, said, template, *of_git, one.published_at)
        read.append((one, text))
    return read


def _pointer(tag: str, row: Sequence[Any]) -> Pointer:
    version, digest, sequence, revision, weight, model, served_id, pin_revision, pin = row[:9]
    kind, certificate, until, is_expired, reason = row[9:]
    return Pointer(
        tag=tag,
        version=version,
        version_digest=digest,
        sequence=sequence,
        registry_revision=revision,
        model=Model(model, served_id, pin_revision, pin) if model is not None else None,
        weight=weight,
        evidence=kind,
        proof=Proof(until, (reason or "it has expired") if is_expired else "")
        if certificate is not None
        else None,
    )
