"""What takes long only the first time."""

from __future__ import annotations

from registry.mirror import MirrorLimits, load_git
from registry.sync.basis import basis


def prepare() -> None:
    """Load what the first sync of this process, or of one forked from it, would wait for."""
    load_git()
    basis(MirrorLimits())
