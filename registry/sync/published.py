"""Versions that are published already need not be parsed again."""

from __future__ import annotations

from collections.abc import Collection

from registry.domain.version import VersionContent
from registry.models import PromptVersion


def published_contents(
    only: Collection[str] | None = None, but: Collection[str] = ()
) -> dict[tuple[str, str], VersionContent]:
    """`(path, blob id) -> content` of every version the database holds, or of these prompts.

    Not of files at the paths `but`: something was found about them, which is to be found again.
    """
    rows = PromptVersion.objects.values_list("path", "blob", "content")
    if only is not None:
        rows = rows.filter(prompt__name__in=only)
    return {
        (path, blob): VersionContent.from_json(content)
        for path, blob, content in rows.iterator(chunk_size=2000)
        if path not in but
    }
