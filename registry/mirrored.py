"""The mirror this installation is configured with."""

from __future__ import annotations

from django.conf import settings

from registry.mirror import Mirror


def configured() -> Mirror:
    """The mirror below the data folder. Close it, or use `with`. Raises MirrorRefusedError."""
    return _mirror("mirror")


def proposals() -> Mirror:
    """The same repository once more, for commits that are only proposed: what is served is looked
    up in a store that never held one of theirs.
    """
    return _mirror("proposals")


def _mirror(folder: str) -> Mirror:
    return Mirror(
        settings.DATA_DIR / folder,
        settings.REPOSITORY_URL,
        settings.REPOSITORY_REF,
        allowed_protocols=tuple(settings.REPOSITORY_PROTOCOLS),
    )
