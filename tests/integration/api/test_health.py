"""healthz and readyz: alive, able to work, and silent about everything else."""

from __future__ import annotations

import socket
from collections.abc import Iterator

import pytest
from django.db import OperationalError, connection
from django.test import Client
from pytest_django.fixtures import Settings

from registry.models import MirrorState

#: A port on loopback where nothing listens.
NOBODY = "redis://127.0.0.1:1/0"


@pytest.fixture
def no_database(db: None) -> Iterator[None]:
    def refuse() -> None:
        raise OperationalError("could not connect to MARKED-HOST")

    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(connection, "cursor", refuse)
        yield


def test_alive_and_ready(db: None) -> None:
    MirrorState.objects.create(url="x", ref="main", applied_commit="c" * 40)
    assert Client().get("/healthz").json() == {"status": "ok"}
    ready = Client().get("/readyz")
    assert ready.status_code == 200
    assert ready.json() == {"database": True, "broker": True, "mirror": True}


def test_without_a_mirror_it_is_alive_and_not_ready(db: None) -> None:
    ready = Client().get("/readyz")
    assert (ready.status_code, ready.json()["mirror"]) == (503, False)
    MirrorState.objects.create(url="x", ref="main")
    assert Client().get("/readyz").status_code == 503


def test_without_a_broker_lookups_and_rollbacks_go_on(db: None, settings: Settings) -> None:
    MirrorState.objects.create(url="x", ref="main", applied_commit="c" * 40)
    settings.CELERY_BROKER_URL = NOBODY
    assert Client().get("/healthz").status_code == 200
    ready = Client().get("/readyz")
    assert ready.status_code == 200
    assert ready.json() == {"database": True, "broker": False, "mirror": True}


def test_a_broker_that_hangs_is_none(db: None, settings: Settings) -> None:
    MirrorState.objects.create(url="x", ref="main", applied_commit="c" * 40)
    with socket.create_server(("127.0.0.1", 0)) as deaf:
        settings.CELERY_BROKER_URL = f"redis://127.0.0.1:{deaf.getsockname()[1]}/0"
        ready = Client().get("/readyz")
    assert (ready.status_code, ready.json()["broker"]) == (200, False)


def test_without_a_database_nothing_can_be_served(no_database: None) -> None:
    answer = Client().get("/healthz")
    assert answer.status_code == 503
    assert b"MARKED" not in answer.content
    ready = Client().get("/readyz")
    assert (ready.status_code, ready.json()["database"]) == (503, False)
    assert b"MARKED" not in ready.content


def test_probes_are_not_sent_to_https(db: None, settings: Settings) -> None:
    settings.SECURE_SSL_REDIRECT = True
    client = Client()
    assert client.get("/healthz").status_code == 200
    assert client.get("/readyz").status_code == 503
    assert client.get("/login/").status_code == 301
