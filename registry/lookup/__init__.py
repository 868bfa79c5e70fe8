"""Which prompt is live? From the database (`by_tag`), or from a process's snapshot (`Lookups`)."""

from __future__ import annotations

from registry.lookup.answering import Ask, Lookups
from registry.lookup.by_commit import by_commit
from registry.lookup.keeper import LEASE_SECONDS, Freshness
from registry.lookup.many import MOST_ITEMS, Item, batch, found, refused
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
from registry.lookup.reading_many import Shelf, bundle, shelf_for
from registry.lookup.reply import Reply, Standing, reply
from registry.lookup.values import CANARY, STABLE, Choice, Entry, Face, Pointer, Text, choose

__all__ = [
    "CANARY",
    "LEASE_SECONDS",
    "MOST_ITEMS",
    "STABLE",
    "Answer",
    "Ask",
    "Choice",
    "Entry",
    "Face",
    "Freshness",
    "Item",
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
    "choose",
    "entry",
    "expired_because",
    "found",
    "is_proven",
    "refused",
    "reply",
    "shelf_for",
    "standing",
    "text",
]
