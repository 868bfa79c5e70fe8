"""Versions that are published already need not be parsed again."""

from __future__ import annotations

from registry.domain.version import VersionContent
from registry.models import PromptVersion


def published_contents() -> dict[tuple[str, str], VersionContent]:
    """`(path, blob id) -> content` of every version the database holds."""
    rows = PromptVersion.objects.values_list("path", "blob", "content")
    return {
        (path, blob): VersionContent.from_json(content)
        for path, blob, content in rows.iterator(chunk_size=2000)
    }
