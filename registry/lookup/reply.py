"""Status, headers and body of an answer, for whatever protocol carries them."""

from __future__ import annotations

from typing import NamedTuple

from registry.lookup.values import Face

# A cache may keep the answer of its own caller, and must ask before it uses it: rollback is
# instant, and what one token may see is nobody else's. Nothing stale is kept at all.
_FRESH = ("Cache-Control", "private, no-cache")
NO_STORE = ("Cache-Control", "no-store")
JSON = ("Content-Type", "application/json")


class Reply(NamedTuple):
    """What is sent. No body with 304."""

    status: int
    headers: list[tuple[str, str]]
    body: bytes


class Standing(NamedTuple):
    """How current an answer is. Times are seconds.

    Revisions are compared within one `incarnation` of the database; a greater one is a later one.
    `mirror_age` is since the prompt repository last answered (None: never); `stale` is since the
    database last did (None: it answers).
    """

    incarnation: str
    registry_revision: int
    mirror_age: int | None
    stale: int | None = None


def reply(face: Face, if_none_match: str, standing: Standing) -> Reply:
    """The answer, or 304 when the caller has it already."""
    headers = [
        caching(standing),
        ("ETag", face.etag),
        ("Assay-Commit", face.text.commit),
        ("Assay-Blob", face.text.blob),
        *currency(standing),
    ]
    if if_none_match and matches(if_none_match, face.etag):
        return Reply(304, headers, b"")
    headers.append(JSON)
    return Reply(200, headers, face.body[0] + face.body[1])


def caching(standing: Standing) -> tuple[str, str]:
    """What caches may do with an answer."""
    return _FRESH if standing.stale is None else NO_STORE


def currency(standing: Standing) -> list[tuple[str, str]]:
    """The headers that say how current an answer is."""
    headers = [
        ("Assay-Registry-Revision", str(standing.registry_revision)),
        ("Assay-Registry-Incarnation", standing.incarnation),
    ]
    if standing.mirror_age is not None:
        headers.append(("Assay-Mirror-Age", str(standing.mirror_age)))
    if standing.stale is not None:
        headers.append(("Assay-Stale", str(standing.stale)))
    return headers


def matches(if_none_match: str, etag: str) -> bool:
    """RFC 9110, 13.1.2: weak comparison with every tag of the list."""
    if if_none_match == etag:
        return True
    if if_none_match.strip() == "*":
        return True
    return any(one.strip().removeprefix("W/") == etag for one in if_none_match.split(","))
