"""A prompt as OpenFeature's clients read it: the same from the snapshot and from the database."""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import dataclass
from hashlib import sha256
from typing import Any

from core.errors import InvalidError
from registry import lookup
from registry.domain.canary_arm import LONGEST_KEY
from registry.domain.dots import dotted
from registry.lookup import CANARY, STABLE, Live, Reply, Standing

PREFIX = "prompt."
#: Asks for another tag than `stable`. Contexts hold applications' own attributes, so not `tag`.
_TAG = "assay.tag"


@dataclass(frozen=True, slots=True)
class Context:
    """Who asks: `key` is the targeting key, empty without one; `tag` is asked for by name."""

    key: str
    tag: str


def context(body: Any) -> Context:
    """The context in a request's body. Raises InvalidError."""
    found = body.get("context", {}) if isinstance(body, dict) else None
    if not isinstance(found, dict):
        raise InvalidError('the body is an object like {"context": {"targetingKey": "user-1"}}')
    key, tag = found.get("targetingKey", ""), found.get(_TAG, STABLE)
    if not isinstance(key, str) or len(key) > LONGEST_KEY:
        raise InvalidError(f"targetingKey is a text of at most {LONGEST_KEY} characters")
    if not isinstance(tag, str) or not tag:
        raise InvalidError(f"{_TAG} is the name of a tag")
    return Context(key, tag)


def one(flag: str, answer: Live, asked: Context, standing: Standing) -> Reply:
    """The evaluation of one flag; to a POST, so nobody keeps it."""
    body = b"".join(_evaluated(flag, answer, asked))
    return Reply(200, [lookup.NO_STORE, *lookup.currency(standing), lookup.JSON], body)


def every(answers: Iterable[Live], asked: Context, if_none_match: str, standing: Standing) -> Reply:
    """All flags, or 304 for who has them. A flag's value is taken as it was encoded."""
    hashed, parts = sha256(), []
    for answer in answers:
        pieces = _evaluated(PREFIX + dotted(answer.entry.name), answer, asked)
        hashed.update(b"\n".join((pieces[0], answer.face.etag.encode(), pieces[-1])))
        parts += [b",", *pieces]
    etag = f'"{hashed.hexdigest()[:32]}"'
    headers = [lookup.caching(standing), *lookup.currency(standing), ("ETag", etag)]
    if if_none_match and lookup.matches(if_none_match, etag):
        return Reply(304, headers, b"")
    body = b"".join((b'{"flags":[', *parts[1:], b"]}"))
    return Reply(200, [*headers, lookup.JSON], body)


def _evaluated(flag: str, answer: Live, asked: Context) -> tuple[bytes, ...]:
    pointer = answer.choice.pointer
    after = {
        "variant": pointer.tag,
        "reason": _reason(answer, asked),
        "metadata": {"version": pointer.version, "revision": pointer.sequence},
    }
    head = _json({"key": flag})[:-1] + b',"value":'
    return (head, *answer.face.body, b"," + _json(after)[1:])


def _reason(answer: Live, asked: Context) -> str:
    """SPLIT where the key decided between two arms, else STATIC.

    OpenFeature's own words: its providers refuse any other.
    """
    canary = answer.entry.pointers.get(CANARY)
    is_split = canary is not None and bool(canary.weight)
    return "SPLIT" if asked.tag == STABLE and asked.key and is_split else "STATIC"


def _json(value: Any) -> bytes:
    return json.dumps(value, ensure_ascii=False, separators=(",", ":")).encode()
