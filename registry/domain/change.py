"""What followers of the repository are told inside a sync."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime

from core.findings import Finding
from registry.domain.files import Files
from registry.domain.repository import ParsedRepository


@dataclass(frozen=True, slots=True)
class RepositoryChange:
    """One commit about to be applied. `parsed` leaves out what is broken."""

    commit: str
    files: Files
    parsed: ParsedRepository
    now: datetime


#: Joins the sync's transaction; returns what is wrong with its part of the repository.
Follower = Callable[[RepositoryChange], tuple[Finding, ...]]
