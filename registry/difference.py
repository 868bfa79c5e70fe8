"""What changed between two versions: the text, and the contract with the application."""

from __future__ import annotations

import difflib
from dataclasses import asdict
from typing import Any

from registry.domain.contract import diff_contract
from registry.domain.version import VersionContent
from registry.models import PromptVersion


def difference(old: PromptVersion, new: PromptVersion) -> dict[str, Any]:
    """`text`, a unified diff of the templates, and `contract`, the changes a caller notices."""
    lines = difflib.unified_diff(
        old.template.splitlines(keepends=True),
        new.template.splitlines(keepends=True),
        fromfile=f"v{old.number}",
        tofile=f"v{new.number}",
    )
    changes = diff_contract(
        VersionContent.from_json(old.content), VersionContent.from_json(new.content)
    )
    return {"text": "".join(lines), "contract": [asdict(change) for change in changes]}
