"""One real model server for all tests of this folder."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.integration.serving.llama_server import llama


@pytest.fixture(scope="session")
def llama_server() -> Iterator[str]:
    """The base URL of SmolLM2-135M behind llama.cpp, four slots."""
    with llama() as url:
        yield url
