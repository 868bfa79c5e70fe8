"""Rendering behind a wall: every batch in a child process that cannot hurt this one."""

from __future__ import annotations

from registry.rendering.jail import (
    Jail,
    Limits,
    RenderFailure,
    RenderJob,
    RenderUnavailableError,
    keep_one_ready,
    render_batch,
)

__all__ = [
    "Jail",
    "Limits",
    "RenderFailure",
    "RenderJob",
    "RenderUnavailableError",
    "keep_one_ready",
    "render_batch",
]
