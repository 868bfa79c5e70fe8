"""Files of a commit found by what they hold: by Git, which reads ten thousands in a moment."""

from __future__ import annotations

from collections.abc import Iterable

from registry.mirror.command import GitCommand
from registry.mirror.errors import MirrorDamagedError
from registry.mirror.fetching import said_by
from registry.mirror.values import object_id

_SECONDS = 60
_LISTED_BYTES = 64 * 1_048_576


def paths_containing(
    git: GitCommand, store: str, commit: str, words: Iterable[str], under: str
) -> tuple[str, ...]:
    """The paths of files below the folder `under` (`prompts/`) that hold one of `words`, each of
    which is one line.

    Raises MirrorDamagedError, MirrorTimeoutError, MirrorRefusedError (too many).
    """
    args = ["grep", "-l", "-z", "-a", "-F", "--full-name", "-f", "-", object_id(commit)]
    found = git.run(
        ["--git-dir=" + store, *args, "--", under],
        seconds=_SECONDS,
        stdout_bytes=_LISTED_BYTES,
        stdin="".join(f"{word}\n" for word in words).encode(),
    )
    if found.status not in (0, 1):  # 1: none does
        raise MirrorDamagedError(f"the files of {commit} cannot be searched: {said_by(found)}")
    names = found.stdout.decode("utf-8", "backslashreplace").split("\0")
    return tuple(name.removeprefix(f"{commit}:") for name in names if name)
