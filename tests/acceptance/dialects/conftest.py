"""One running Assay for all dialects: look, and change nothing in it."""

from __future__ import annotations

import json
import urllib.parse
import urllib.request
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from tests.acceptance.conftest import Platform, platform
from tests.acceptance.dialects.prompts import FILES
from tests.integration.registry.git_repositories import PromptRepository

HERE = Path(__file__).parent


@pytest.hookimpl(tryfirst=True)  # before -m looks at the markers
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        if item.path.is_relative_to(HERE):
            item.add_marker("sdk")
            # An SDK's servers are started once: its tests stay in one process.
            item.add_marker(pytest.mark.xdist_group(item.path.parent.name))


@dataclass(frozen=True)
class Registry:
    """A running Assay with the prompts of `prompts.py`. `token` may look up, nothing else."""

    platform: Platform
    token: str

    @property
    def url(self) -> str:
        return self.platform.tree.base_url

    def token_for(self, name: str, *, scopes: Sequence[str], prompts: Sequence[str] = ()) -> str:
        """A new token called `name`."""
        options = [option for scope in scopes for option in ("--scope", scope)]
        options += [option for glob in prompts for option in ("--prompt", glob)]
        made = self.platform.run("token", "create", name, *options, "--json")
        assert made.returncode == 0, made.stderr
        token: str = json.loads(made.stdout)["token"]
        return token

    def native(self, name: str, **query: str | int) -> dict[str, Any]:
        """What our own lookup says."""
        address = f"{self.url}/api/v1/prompts/{name}?{urllib.parse.urlencode(query)}"
        bearer = {"Authorization": f"Bearer {self.token}"}
        with urllib.request.urlopen(urllib.request.Request(address, headers=bearer)) as answer:
            body: dict[str, Any] = json.load(answer)
            return body


@pytest.fixture(scope="session")
def registry(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Registry]:
    """Assay without a model server, its prompts synced."""
    folder = tmp_path_factory.mktemp("registry")
    PromptRepository(folder / "repository").write(FILES).commit()
    with platform(folder, model_url="http://127.0.0.1:9/v1") as started:
        synced = started.run("sync")
        assert synced.returncode == 0, synced.stderr
        registry = Registry(started, started.token)
        yield Registry(started, registry.token_for("sdk", scopes=["lookup"]))
