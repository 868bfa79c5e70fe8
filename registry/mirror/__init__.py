"""A bare mirror of one branch of a prompt repository, read from its object database only.

The repository is hostile input (promise P9): there is never a checkout, so no symlink is followed
and no hook, filter or submodule runs. Git is started by `command.py` and nowhere else, with a
fixed argument list and an environment of its own. Needs Git 2.36 or newer.
"""

from __future__ import annotations

from registry.mirror.address import Address, check_branch, parse_address
from registry.mirror.command import load_git
from registry.mirror.comparing import Chosen
from registry.mirror.errors import (
    BlobMissingError,
    BlobTooBigError,
    BranchMissingError,
    BranchMovedError,
    CommitMissingError,
    EmptyRepositoryError,
    FileMissingError,
    MirrorDamagedError,
    MirrorRefusedError,
    MirrorTimeoutError,
    MirrorUnavailableError,
    NotMirroredError,
    PushRefusedError,
)
from registry.mirror.history import Step
from registry.mirror.mirror import Mirror
from registry.mirror.part import MirrorPart
from registry.mirror.tree import MirrorTree
from registry.mirror.values import (
    Author,
    CommitInfo,
    Entry,
    Fetched,
    MirrorAccess,
    MirrorLimits,
    object_id,
)

__all__ = [
    "Address",
    "Author",
    "BlobMissingError",
    "BlobTooBigError",
    "BranchMissingError",
    "BranchMovedError",
    "Chosen",
    "CommitInfo",
    "CommitMissingError",
    "EmptyRepositoryError",
    "Entry",
    "Fetched",
    "FileMissingError",
    "Mirror",
    "MirrorAccess",
    "MirrorDamagedError",
    "MirrorLimits",
    "MirrorPart",
    "MirrorRefusedError",
    "MirrorTimeoutError",
    "MirrorTree",
    "MirrorUnavailableError",
    "NotMirroredError",
    "PushRefusedError",
    "Step",
    "check_branch",
    "load_git",
    "object_id",
    "parse_address",
]
