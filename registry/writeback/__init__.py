"""Moves of tags, written back into the repository: tags.yaml and the certificates they stand on.

The move stands whether or not this works. What is written is the state of the ledger at that
moment, so several moves that wait are one commit, and doing it twice makes no difference.
"""

from __future__ import annotations

from registry.writeback.service import write_back
from registry.writeback.status import WriteBackStatus, status

__all__ = ["WriteBackStatus", "status", "write_back"]
