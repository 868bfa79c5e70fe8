"""By what a commit was read: only what reads as it did may build on what was found then."""

from __future__ import annotations

import hashlib
import sys
import sysconfig
from collections.abc import Collection
from functools import cache
from pathlib import Path

from django.conf import settings

from core.digest import digest
from registry.mirror import MirrorLimits

_ROOT = Path(__file__).resolve().parents[2]


def basis(limits: MirrorLimits) -> str:
    """A digest of the code that follows repositories, what it is installed with, and its limits."""
    followers = sorted(settings.REPOSITORY_FOLLOWERS)
    packages = {"core", "registry", *(path.partition(".")[0] for path in followers)}
    return digest([_code(frozenset(packages)), followers, repr(limits)])


@cache
def _code(packages: Collection[str]) -> str:
    """Once a process: its code stays what it was."""
    told = hashlib.sha256(sys.version.encode())
    for name in sorted(path.name for path in _site().glob("*.dist-info")):
        told.update(name.encode())
    for package in sorted(packages):
        for path in sorted((_ROOT / package).rglob("*.py")):
            told.update(path.read_bytes())
    return told.hexdigest()


def _site() -> Path:
    return Path(sysconfig.get_path("purelib"))
