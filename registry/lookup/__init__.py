"""Which prompt is live? From the database (`by_tag`), or from a process's snapshot (`Lookups`)."""

from __future__ import annotations

from registry.lookup.answering import Ask, Lookups
from registry.lookup.keeper import LEASE_SECONDS, Freshness
from registry.lookup.reading import (
    Answer,
    by_tag,
    by_version,
    expired_because,
    is_proven,
    standing,
)
from registry.lookup.reply import Reply, Standing, reply
from registry.lookup.values import CANARY, STABLE

__all__ = [
    "CANARY",
    "LEASE_SECONDS",
    "STABLE",
    "Answer",
    "Ask",
    "Freshness",
    "Lookups",
    "Reply",
    "Standing",
    "by_tag",
    "by_version",
    "expired_because",
    "is_proven",
    "reply",
    "standing",
]
