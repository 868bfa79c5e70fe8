"""What MLflow's queries ask for, of a prompt from the snapshot or from the database."""

from __future__ import annotations

from collections.abc import Mapping

from core.errors import InvalidError
from registry.errors import TagUnknownError, VersionUnknownError
from registry.lookup import Entry, choose

#: MLflow's own alias for the newest version; nobody can move it, here as there.
_LATEST = "latest"


def parameter(query: Mapping[str, str], name: str) -> str:
    """What the query says for `name`. Raises InvalidError when it does not."""
    text = query.get(name, "")
    if not text:
        raise InvalidError(f"the query needs {name}=")
    return text


def by_alias(entry: Entry, query: Mapping[str, str]) -> int:
    """The number of the version that an alias stands for.

    Raises InvalidError for an unknown alias, VersionUnknownError without any version.
    """
    alias = parameter(query, "alias")
    if alias == _LATEST and entry.newest:
        return entry.newest
    if alias == _LATEST:
        raise VersionUnknownError(f"{entry.name} has no version yet")
    choice = choose(entry.name, entry.pointers, alias, "")
    if choice is None:
        raise InvalidError(TagUnknownError.among(entry.name, alias, entry.pointers).message)
    return choice.pointer.version


def by_number(_entry: Entry, query: Mapping[str, str]) -> int:
    """The number of a version. Raises InvalidError for what is none."""
    text = parameter(query, "version")
    if not (text.isascii() and text.isdigit() and len(text) < 7):
        raise InvalidError(f"version={text[:60]!r} is not a version number")
    return int(text)
