"""The mirror this installation is configured with."""

from __future__ import annotations

from django.conf import settings

from registry.mirror import Mirror


def configured() -> Mirror:
    """The mirror below the data folder. Close it, or use `with`. Raises MirrorRefusedError."""
    return Mirror(
        settings.DATA_DIR / "mirror",
        settings.REPOSITORY_URL,
        settings.REPOSITORY_REF,
        allowed_protocols=tuple(settings.REPOSITORY_PROTOCOLS),
    )
