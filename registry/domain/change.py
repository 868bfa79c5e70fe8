"""What followers of the repository are told inside a sync."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime

from core.findings import Finding
from registry.domain.files import Files
from registry.domain.repository import ParsedRepository


class WholeNeededError(Exception):
    """A commit reaches further than the prompts it was thought to: look at all of it."""


@dataclass(frozen=True, slots=True)
class Locality:
    """What a commit can make differ when it reaches a few prompts only.

    `prompts` are those whose files changed, or a partial, a model or an entry of tags.yaml that
    they have, and all that something was found about; `paths` are all files that changed;
    `findings` is all that was found in the commit before.
    """

    prompts: frozenset[str]
    paths: frozenset[str]
    findings: tuple[Finding, ...]


@dataclass(frozen=True, slots=True)
class RepositoryChange:
    """One commit about to be applied. `parsed` leaves out what is broken.

    With a `locality`, `parsed` holds its prompts alone, and `files` lists their folders, those of
    partials and of the files that changed, and the top one; everything else is as it was, and may
    be read by its path.
    """

    commit: str
    files: Files
    parsed: ParsedRepository
    now: datetime
    locality: Locality | None = None


#: Joins the sync's transaction; returns what is wrong with its part of the repository. Of a local
#: change, what was found outside the folders that are listed stays true: it is kept. Raises
#: WholeNeededError when that, or anything else, would be wrong.
Follower = Callable[[RepositoryChange], tuple[Finding, ...]]
