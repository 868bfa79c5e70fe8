"""The answer's bytes and their ETag: the same from the snapshot and from the database."""

from __future__ import annotations

import json
from collections.abc import Mapping
from hashlib import sha256
from typing import Any

from registry.domain.flattening import plain_text
from registry.lookup.values import CANARY, STABLE, Choice, Face, Text


def encoded_text(
    number: int,
    content: Mapping[str, Any],
    template: str,
    digest: str,
    commit: str,
    blob: str,
    published_at: float = 0.0,
) -> Text:
    """A version's part of every body. `content` holds `type`, `variables` and `parameters`."""
    tail = _open_end(
        {
            "type": content["type"],
            "template": template,
            "variables": content["variables"],
            "parameters": content["parameters"],
            "digest": digest,
            "commit": commit,
        }
    )
    return Text(
        number,
        digest,
        commit,
        blob,
        tail,
        sha256(tail).digest(),
        has_blocks="chat" in template,
        description=content.get("description", ""),
        published_at=published_at,
    )


def said(text: Text) -> dict[str, Any]:
    """What a version's encoded part says: `type`, `template`, `variables`, `parameters`."""
    content: dict[str, Any] = json.loads(b"{" + text.tail)
    return content


def face(
    name: str, text: Text, choice: Choice | None, *, orphaned: bool, now: float, seed: bool = False
) -> Face | None:
    """The answer at `now` (seconds since 1970); `choice` None: asked for by number.

    `seed` is the form of the first minimal registry. None: that form cannot express it.
    """
    tail, tail_digest = text.tail, text.tail_digest
    if seed and text.has_blocks:
        flat = _flat(tail)
        if flat is None:
            return None
        tail, tail_digest = flat, sha256(flat).digest()
    # The tail goes on where the head ends.
    head = b"{" + _open_end(_head(name, text.number, choice, orphaned, now, seed=seed))[:-1] + b","
    proof = choice.pointer.proof if choice else None
    ends = proof.until if proof and not proof.failure(now) else None
    return Face((head, tail), _etag(head, tail_digest, choice), text, ends)


def _etag(head: bytes, tail_digest: bytes, choice: Choice | None) -> str:
    """A strong validator. The revision before the dash is what If-Match compares.

    It is left out where another tag than the one asked for answers: it would be that tag's.
    """
    bytes_seen = sha256(head + tail_digest).hexdigest()[:16]
    if choice is None or not choice.is_own:
        return f'"{bytes_seen}"'
    return f'"{choice.pointer.sequence}-{bytes_seen}"'


def _head(
    name: str, number: int, choice: Choice | None, orphaned: bool, now: float, *, seed: bool
) -> dict[str, Any]:
    pointer = choice.pointer if choice else None
    failure = pointer.proof.failure(now) if pointer and pointer.proof else ""
    is_proven = bool(pointer and pointer.proof and not failure)
    warnings = [f"{name} is no longer in the repository"] if orphaned else []
    if pointer and not is_proven:
        version, how = f"{name}@v{number}", pointer.evidence.replace("_", " ")
        warnings.append(
            f"the certificate of {version} has expired: {failure}"
            if pointer.proof
            else f"{version} was {how}, never certified"
        )
    model = pointer.model if pointer else None
    return {
        "name": name,
        "tag": pointer.tag if pointer else None,
        "arm": pointer.tag if pointer and pointer.tag in (STABLE, CANARY) else None,
        "version": f"v{number}" if seed else number,
        "model": model
        and {
            "name": model.name,
            "served_id": model.served_id,
            "revision": model.revision,
            "digest": model.digest,
        },
        "weight": pointer.weight if pointer else None,
        "revision": pointer.sequence if pointer else None,
        "registry_revision": pointer.registry_revision if pointer else None,
        "fallback": bool(choice and choice.fallback),
        "proven": is_proven,
        "warnings": warnings,
    }


def _open_end(value: Mapping[str, Any]) -> bytes:
    """The object's JSON without its first brace."""
    text = json.dumps(value, ensure_ascii=False, separators=(",", ":"), allow_nan=False)
    return text[1:].encode()


def _flat(tail: bytes) -> bytes | None:
    """The tail with the only message's text as its template; None when there are several."""
    value = json.loads(b"{" + tail)
    value["template"] = plain_text(value["template"])
    return None if value["template"] is None else _open_end(value)
