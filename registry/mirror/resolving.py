"""Which commit is meant by the beginning of its id."""

from __future__ import annotations

import re

from registry.mirror.command import GitCommand
from registry.mirror.errors import CommitAmbiguousError, CommitInvalidError, CommitMissingError
from registry.mirror.fetching import ids_beginning
from registry.mirror.objects import ObjectReader

_DIGITS = re.compile(r"[0-9a-fA-F]{4,64}", re.ASCII)
#: Objects looked at to find the commits among those that begin alike.
_MOST_ALIKE = 1000


def check_digits(digits: str) -> None:
    """Raises CommitInvalidError for what is neither an id nor the beginning of one."""
    if not _DIGITS.fullmatch(digits):
        raise CommitInvalidError(f"{digits[:80]!r} is not the id of a commit")


def commit_beginning(git: GitCommand, store: str, objects: ObjectReader, digits: str) -> str:
    """The only commit of a store whose id begins so. Raises CommitMissingError,
    CommitAmbiguousError.
    """
    found = ids_beginning(git, store, digits.lower())
    heads = [(id_, objects.head(id_)) for id_ in found[:_MOST_ALIKE]]
    commits = [id_ for id_, head in heads if head is not None and head.kind == "commit"]
    if not commits:
        raise CommitMissingError(f"the mirror has no commit {digits}")
    if len(commits) > 1:
        raise CommitAmbiguousError(f"{len(commits)} commits begin with {digits}")
    return commits[0]
