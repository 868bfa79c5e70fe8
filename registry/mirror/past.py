"""What files were before: the contents that the history of a commit still holds."""

from __future__ import annotations

from collections.abc import Sequence

from registry.mirror.command import GitCommand
from registry.mirror.errors import MirrorDamagedError
from registry.mirror.fetching import said_by
from registry.mirror.values import object_id

_SECONDS = 60
_LISTING_BYTES = 64 * 1_048_576


def blobs_ever(
    git: GitCommand, store: str, commit: str, paths: Sequence[str]
) -> dict[str, tuple[str, ...]]:
    """The blobs that files at or below `paths` ever were, newest first, by path; each once, under
    the path it was found at first. Raises MirrorDamagedError, MirrorRefusedError (too many).
    """
    args = ["rev-list", "--objects", "--full-history", "--end-of-options", object_id(commit), "--"]
    listed = git.run(
        ["--git-dir=" + store, *args, *paths], seconds=_SECONDS, stdout_bytes=_LISTING_BYTES
    )
    if listed.status != 0:
        raise MirrorDamagedError(f"the history of {commit} cannot be read: {said_by(listed)}")
    found: dict[str, list[str]] = {}
    for line in listed.text.split("\n"):
        # A commit has no path; a tree has one too, which no file can have at the same time.
        id_, _, path = line.partition(" ")
        if path:
            found.setdefault(path, []).append(object_id(id_))
    return {path: tuple(ids) for path, ids in found.items()}
