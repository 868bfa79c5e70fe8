"""What a read asks for, from its query string."""

from __future__ import annotations

import re
from dataclasses import dataclass
from urllib.parse import parse_qsl

from core.errors import InvalidError
from registry.lookup import CANARY, STABLE

#: Langfuse's name for what is live.
PRODUCTION = "production"
#: Its name for the newest version; nobody can move it, here as there.
LATEST = "latest"
_KNOWN = frozenset({"label", "version", "resolve"})
_BUCKET = re.compile(r"(production|stable)@([0-9]{1,2})")
_NUMBER = re.compile(r"[0-9]{1,6}")


@dataclass(frozen=True, slots=True)
class Wanted:
    """A version by number, the newest (`tag` is LATEST), or what a tag points at.

    `bucket` 0 to 99 goes to the canary when it is below the canary's weight; None: no canary.
    """

    tag: str = STABLE
    number: int | None = None
    bucket: int | None = None

    @property
    def label(self) -> str:
        """As the caller may have written it."""
        return label_of(self.tag)


def label_of(tag: str) -> str:
    """The label by which Langfuse's clients know a tag."""
    return PRODUCTION if tag == STABLE else tag


def tag_of(label: str) -> str:
    """The tag that a label means."""
    return STABLE if label == PRODUCTION else label


def wanted(query: str) -> Wanted:
    """Read `label=`, `version=`, `resolve=`. Raises InvalidError for what makes no sense."""
    found: dict[str, str] = {}
    for name, value in parse_qsl(query, keep_blank_values=True):
        if name not in _KNOWN or name in found:
            known = ", ".join(sorted(_KNOWN))
            raise InvalidError(f"the query may have each of {known} once, not {name[:60]!r}")
        found[name] = value
    # Includes are part of a version here, so there is nothing that could be left unresolved.
    if found.get("resolve", "true") not in {"true", "false"}:
        raise InvalidError("resolve is true or false")
    label, version = found.get("label", ""), found.get("version", "")
    if label and version:
        raise InvalidError("ask for a label or for a version, not for both")
    if version:
        if _NUMBER.fullmatch(version) is None:
            raise InvalidError(f"version={version[:60]!r} is not a version number")
        return Wanted(number=int(version))
    return _by_label(label)


def _by_label(label: str) -> Wanted:
    if "@" not in label:
        return Wanted(tag_of(label) if label else STABLE)
    drawn = _BUCKET.fullmatch(label)
    if drawn is None:
        raise InvalidError(
            f"label={label[:60]!r} is not a label",
            hint="the canary is drawn by production@BUCKET, with a bucket from 0 to 99",
        )
    return Wanted(STABLE, bucket=int(drawn[2]))


__all__ = ["CANARY", "LATEST", "PRODUCTION", "STABLE", "Wanted", "label_of", "tag_of", "wanted"]
