"""What changed between two versions: the text, and the contract with the application."""

from __future__ import annotations

from dataclasses import asdict
from typing import Any

from registry.domain.contract import diff_contract
from registry.domain.text_diff import unified
from registry.domain.version import VersionContent
from registry.models import PromptVersion


def difference(old: PromptVersion, new: PromptVersion) -> dict[str, Any]:
    """`text`, a unified diff of the templates, and `contract`, the changes a caller notices."""
    text = unified(old.template, new.template, before=f"v{old.number}", after=f"v{new.number}")
    changes = diff_contract(
        VersionContent.from_json(old.content), VersionContent.from_json(new.content)
    )
    return {"text": text, "contract": [asdict(change) for change in changes]}
