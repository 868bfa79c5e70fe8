"""A whole running Assay, with the starter repository and tokens."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest

from assay import starter
from assay.client import Assay
from config.serve import Tree, TreeOptions, running

SCOPES = ("lookup", "read", "evaluate", "promote", "admin")
REPLACEMENTS = ("DATABASE_URL", "BROKER_URL", "ASSAY_MODEL_DEMO_URL")


@dataclass(frozen=True)
class Platform:
    """A running tree, its repository, and a client that may do everything."""

    tree: Tree
    repository: Path
    token: str

    def client(self) -> Assay:
        return Assay(self.tree.base_url, self.token)

    def run(
        self, *arguments: str, stdin: str = "", token: str = ""
    ) -> subprocess.CompletedProcess[str]:
        """The real `assay` command against this server, with the tests' token or another."""
        environment = {
            **self.tree.environment,
            "ASSAY_URL": self.tree.base_url,
            "ASSAY_TOKEN": token or self.token,
        }
        return subprocess.run(
            [str(Path(sys.executable).with_name("assay")), *arguments],
            env=environment,
            input=stdin,
            capture_output=True,
            text=True,
            timeout=300,
            check=False,
        )


@contextmanager
def platform(
    folder: Path,
    *,
    model_url: str | None = None,
    settings: Sequence[tuple[str, str]] = (),
    workers: int = 1,
) -> Iterator[Platform]:
    """Run Assay in `folder`. `model_url` replaces the demo model's server."""
    environment = {key: value for key, value in os.environ.items() if key not in REPLACEMENTS}
    repository = folder / "repository"
    if not repository.exists():
        starter.create(repository)
    environment |= {"ASSAY_REPOSITORY": str(repository), **dict(settings)}
    if model_url:
        environment["ASSAY_MODEL_DEMO_URL"] = model_url
    options = TreeOptions(data=folder / "data", port=0, workers=workers)
    with running(options, environment=environment) as tree:
        yield Platform(tree, repository, _token(tree))


def _token(tree: Tree) -> str:
    command = [str(Path(sys.executable).with_name("assay")), "token", "create", "tests", "--json"]
    for scope in SCOPES:
        command += ["--scope", scope]
    made = subprocess.run(
        command, env=dict(tree.environment), capture_output=True, text=True, check=True, timeout=60
    )
    token: str = json.loads(made.stdout)["token"]
    return token


@pytest.fixture
def whole_platform(tmp_path: Path) -> Iterator[Platform]:
    with platform(tmp_path) as started:
        yield started
