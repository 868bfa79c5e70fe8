"""A synced repository with a chat, a folder and a canary, and callers of the dialects."""

from __future__ import annotations

from pathlib import Path

import pytest
from pytest_django.fixtures import Settings
from rest_framework.test import APIClient

from registry import sync
from tests.acceptance.dialects.prompts import FILES
from tests.integration.api.conftest import token_client
from tests.integration.registry.git_repositories import PromptRepository


@pytest.fixture
def repository(db: None, tmp_path: Path, settings: Settings) -> PromptRepository:
    """What the real SDKs are tried on, synced."""
    made = PromptRepository(tmp_path / "prompts").write(FILES)
    made.commit()
    settings.REPOSITORY_URL = made.url
    settings.REPOSITORY_PROTOCOLS = ("file",)
    settings.DATA_DIR = tmp_path / "data"
    sync.sync()
    return made


@pytest.fixture
def application(repository: PromptRepository) -> APIClient:
    """A token that may look up, nothing else."""
    return token_client("lookup")
