"""Many answers in one body, taken from one state of the registry. No database here."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from hashlib import sha256
from typing import Any, NamedTuple

from registry.lookup.reply import JSON, NO_STORE, Reply, Standing, caching, currency, matches
from registry.lookup.values import Choice, Entry, Face

#: More in one request is refused; all prompts together are a bundle.
MOST_ITEMS = 500


class Item(NamedTuple):
    """One lookup of a batch. `asked` is a tag or a version's number."""

    name: str
    asked: str | int
    key: str = ""
    if_none_match: str = ""


class Live(NamedTuple):
    """What a tag answers for a prompt: the pointer that does, and the encoded answer."""

    entry: Entry
    choice: Choice
    face: Face


def found(item: Item, face: Face) -> bytes:
    """The JSON of an answer: what the single lookup would have answered, or 304 without it."""
    head = {"name": item.name, "status": 200, "etag": face.etag}
    if item.if_none_match and matches(item.if_none_match, face.etag):
        return _json({**head, "status": 304})
    return _json(head)[:-1] + b',"prompt":' + b"".join(face.body) + b"}"


def refused(item: Item, problem: Mapping[str, Any]) -> bytes:
    """The JSON of an error: the problem of the single lookup."""
    return _json({"name": item.name, "status": problem["status"], "problem": problem})


def batch(items: Iterable[bytes], standing: Standing) -> Reply:
    """The answer to a batch, in the order of its questions. It is a POST's: nobody keeps it."""
    now = {"incarnation": standing.incarnation, "registry_revision": standing.registry_revision}
    head = _json(now)[:-1] + b',"items":['
    headers = [NO_STORE, *currency(standing), JSON]
    return Reply(200, headers, head + b",".join(items) + b"]}")


@dataclass(frozen=True, slots=True)
class Bundle:
    """What a tag answers for every prompt that has it, in the order of names."""

    tag: str
    answers: Sequence[Live]

    @property
    def registry_revision(self) -> int:
        """The greatest among its pointers, so that it changes only when an answer does."""
        return max((one.choice.pointer.registry_revision for one in self.answers), default=0)

    def etag(self, incarnation: str) -> str:
        """A strong validator: every answer's own covers its bytes."""
        parts = "\n".join([incarnation, self.tag, *(one.face.etag for one in self.answers)])
        return f'"{sha256(parts.encode()).hexdigest()[:32]}"'

    def reply(self, if_none_match: str, standing: Standing) -> Reply:
        """The bundle, or 304. Its `digest` is the SHA-256 of `prompts` as compact JSON in UTF-8."""
        etag = self.etag(standing.incarnation)
        headers = [caching(standing), *currency(standing), ("ETag", etag)]
        if if_none_match and matches(if_none_match, etag):
            return Reply(304, headers, b"")
        # One copy of what may be fifty megabytes, no more.
        parts = [part for one in self.answers for part in (b",", *one.face.body)]
        prompts = [b"[", *parts[1:], b"]"]
        hashed = sha256()
        for part in prompts:
            hashed.update(part)
        head = {
            "tag": self.tag,
            "incarnation": standing.incarnation,
            "registry_revision": self.registry_revision,
            "digest": hashed.hexdigest(),
            "count": len(self.answers),
        }
        body = b"".join((_json(head)[:-1], b',"prompts":', *prompts, b"}"))
        return Reply(200, [*headers, JSON], body)


def _json(value: Any) -> bytes:
    return json.dumps(value, ensure_ascii=False, separators=(",", ":")).encode()
