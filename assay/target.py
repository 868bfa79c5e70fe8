"""Where a tag should point, as a value and as people write it on the command line."""

from __future__ import annotations

import re
from dataclasses import dataclass

from core.errors import InvalidError

_VERSION = re.compile(r"v?([1-9][0-9]{0,5})", re.ASCII)
_TARGET = re.compile(
    r"(?P<prompt>[^:=@%]+)(?::(?P<tag>[^:=@%]+))?=(?P<version>v?[0-9]+)"
    r"(?:@(?P<model>[^:=@%]+))?(?:%(?P<weight>[0-9]{1,3}))?",
    re.ASCII,
)


class TargetInvalidError(InvalidError):
    """This does not say where a tag should point."""

    code = "target_invalid"
    hint = "write NAME=v3, or NAME:TAG=v3@MODEL, and %10 at the end for a canary of 10 percent"


class VersionInvalidError(InvalidError):
    """This is not a version."""

    code = "version_invalid"
    hint = "write v3 or 3"


@dataclass(frozen=True, slots=True)
class Target:
    """Where a tag should point.

    `model` None means the prompt's own; `weight` (percent) is for `canary` only;
    `expected_revision` refuses the move when somebody else was faster.
    """

    prompt: str
    version: int
    tag: str = "stable"
    model: str | None = None
    weight: int | None = None
    expected_revision: int | None = None


def parse_version(text: str) -> int:
    """The integer of `v3` or `3`. Raises VersionInvalidError."""
    found = _VERSION.fullmatch(text)
    if not found:
        raise VersionInvalidError(f"{text!r} is not a version")
    return int(found[1])


def parse_target(text: str, *, tag: str, model: str | None) -> Target:
    """`NAME[:TAG]=VERSION[@MODEL][%WEIGHT]`; what is left out is `tag` and `model`.

    Raises TargetInvalidError, VersionInvalidError.
    """
    found = _TARGET.fullmatch(text)
    if not found:
        raise TargetInvalidError(f"{text!r} does not say where a tag should point")
    return Target(
        prompt=found["prompt"],
        version=parse_version(found["version"]),
        tag=found["tag"] or tag,
        model=found["model"] or model,
        weight=int(found["weight"]) if found["weight"] else None,
    )
