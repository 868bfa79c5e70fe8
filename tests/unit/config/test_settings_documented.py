from __future__ import annotations

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[3]
READ = re.findall(
    r'env\.\w+\(\s*"((?:ASSAY|LANGFUSE)_[A-Z_]+|DATABASE_URL|BROKER_URL)"',
    "".join(part.read_text() for part in sorted((ROOT / "config/settings").glob("*.py"))),
)


@pytest.mark.parametrize("name", READ)
def test_every_setting_is_in_the_readme_or_on_the_page_about_deploying(name: str) -> None:
    pages = [(ROOT / page).read_text() for page in ("README.md", "docs/deploy.md")]
    assert any(f"`{name}" in page or f"{name}=" in page for page in pages)


def test_the_search_finds_settings() -> None:
    assert len(READ) > 15
