"""A real vLLM for every test here, started once. `make test-vllm` makes what it needs.

The tests that start further servers (about 50 seconds each) are marked `slow` too.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from config.celery import app as celery_app
from config.embedded import model, ports
from registry.domain.actor import Actor, Role
from serving.launch import Launch
from tests.vllm import install, models
from tests.vllm.server import Recipe, Server

#: 46 blocks of 128 tokens, for 8 requests at once. The weights are of the packaged file.
KV_BYTES = 256 * 2**20
HERE = Path(__file__).parent


@pytest.hookimpl(tryfirst=True)  # before -m looks at the markers
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        if item.path.is_relative_to(HERE):
            item.add_marker("vllm")


@pytest.fixture(scope="session")
def environment() -> Path:
    """The virtual environment that vLLM is installed in; the test is skipped without it."""
    if not install.is_ready(install.ENVIRONMENT):
        pytest.skip("vLLM is not installed for these tests: run `make test-vllm`")
    return install.ENVIRONMENT


@pytest.fixture(scope="session")
def smollm2(environment: Path) -> Path:
    """The demo model as a folder that vLLM can serve."""
    return models.converted(environment, model.weights())


@pytest.fixture(scope="session")
def recipe(environment: Path, smollm2: Path, tmp_path_factory: pytest.TempPathFactory) -> Recipe:
    """The demo model, pinned, in float32 on one core."""
    launch = Launch(
        model=str(smollm2),
        served_name="smollm2",
        revision=models.revision(smollm2),
        engine_version=install.version(environment),
        dtype="float32",
        max_context=2048,
        max_sequences=8,
        kv_cache_bytes=KV_BYTES,
        shutdown_seconds=30,
        release="smollm2-r1",
        host=ports.LOOPBACK,
        port=ports.free_port(),
    )
    return Recipe(launch, environment, tmp_path_factory.mktemp("vllm") / "server.log")


class Running:
    """The server of the session. `restart` replaces it by another of the same recipe."""

    def __init__(self, recipe: Recipe) -> None:
        self.recipe = recipe
        self.url = recipe.url
        self.server = Server(recipe)

    def restart(self) -> None:
        """Drained, ended, and begun again; returns when the new one answers."""
        self.server.stop()
        self.server = Server(self.recipe)
        self.server.wait()


@pytest.fixture(scope="session")
def vllm(recipe: Recipe) -> Iterator[Running]:
    """The one server that most tests share: leave it as it was, or restart it."""
    running = Running(recipe)
    try:
        running.server.wait()
        yield running
    finally:
        running.server.stop()


@pytest.fixture
def editor() -> Actor:
    return Actor("user:eda", Role.EDITOR.scopes)


@pytest.fixture(autouse=True)
def _celery() -> None:
    """Bells go to the broker of this session, as in production."""
    celery_app.set_current()
