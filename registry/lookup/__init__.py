"""Which prompt is live? From the database (`by_tag`), or from a process's snapshot (`Lookups`)."""

from __future__ import annotations

from registry.lookup.answering import Ask, Found, Lookups
from registry.lookup.body import said
from registry.lookup.by_commit import by_commit
from registry.lookup.keeper import LEASE_SECONDS, Freshness
from registry.lookup.many import MOST_ITEMS, Item, Live, batch, found, refused
from registry.lookup.reading import (
    Answer,
    by_tag,
    by_version,
    entry,
    expired_because,
    is_proven,
    standing,
    text,
)
from registry.lookup.reading_many import Shelf, bundle, live, shelf_for
from registry.lookup.reply import JSON, NO_STORE, Reply, Standing, caching, currency, matches, reply
from registry.lookup.values import CANARY, STABLE, Choice, Entry, Face, Pointer, Text, choose

__all__ = [
    "CANARY",
    "JSON",
    "LEASE_SECONDS",
    "MOST_ITEMS",
    "NO_STORE",
    "STABLE",
    "Answer",
    "Ask",
    "Choice",
    "Entry",
    "Face",
    "Found",
    "Freshness",
    "Item",
    "Live",
    "Lookups",
    "Pointer",
    "Reply",
    "Shelf",
    "Standing",
    "Text",
    "batch",
    "bundle",
    "by_commit",
    "by_tag",
    "by_version",
    "caching",
    "choose",
    "currency",
    "entry",
    "expired_because",
    "found",
    "is_proven",
    "live",
    "matches",
    "refused",
    "reply",
    "said",
    "shelf_for",
    "standing",
    "text",
]
