"""Move tags. The only writer of tags and of the ledger, on every path into Assay.

Each public function is one transaction: lock the tag, compare the expected revision, find the
evidence, append the ledger entry, step the tag to it. The database checks all of it again
(constraints of `models.ledger`, triggers of migration 0002) and sends the NOTIFY itself.
No Git, broker, worker or model server is needed for any of them.
"""

from __future__ import annotations

from registry.promotion.adopting import adopt
from registry.promotion.comparing import is_live
from registry.promotion.ledger import next_registry_revision
from registry.promotion.moving import (
    clear,
    clear_canary,
    override,
    promote,
    release,
    set_canary,
)
from registry.promotion.recalling import recall
from registry.promotion.restoring import rollback
from registry.promotion.values import (
    CANARY,
    STABLE,
    Adoption,
    Entry,
    Kind,
    RecalledMove,
    TagMove,
    Target,
)

__all__ = [
    "CANARY",
    "STABLE",
    "Adoption",
    "Entry",
    "Kind",
    "RecalledMove",
    "TagMove",
    "Target",
    "adopt",
    "clear",
    "clear_canary",
    "is_live",
    "next_registry_revision",
    "override",
    "promote",
    "recall",
    "release",
    "rollback",
    "set_canary",
]
