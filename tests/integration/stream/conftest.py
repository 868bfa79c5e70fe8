"""One listener for a module; each test begins with an empty registry, which it notices."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from pytest_django.plugin import DjangoDbBlocker

from tests.integration.registry.conftest import Shelf, make_shelf
from tests.integration.stream.listener import Listener, listening


@pytest.fixture(scope="module")
def _process(django_db_setup: None, django_db_blocker: DjangoDbBlocker) -> Iterator[Listener]:
    with listening(heartbeat_seconds=300) as started:
        yield started


@pytest.fixture
def listener(transactional_db: None, _process: Listener) -> Iterator[Listener]:
    yield _process
    _process.leave()


@pytest.fixture
def shelf(transactional_db: None) -> Shelf:
    """`greeting` with four versions."""
    return make_shelf()
