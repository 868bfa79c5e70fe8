"""Whatever happens, every process answers what the database holds."""

from __future__ import annotations

import json
import time
from typing import Any

import pytest
from django.test import Client
from hypothesis import HealthCheck, settings
from hypothesis.stateful import (
    initialize,
    invariant,
    precondition,
    rule,
    run_state_machine_as_test,
)

from registry.lookup import LEASE_SECONDS
from registry.models import RegistryState
from tests.integration.lookup.conftest import Web
from tests.integration.lookup.moving import MovingRegistry


class LookupMachine(MovingRegistry):
    """Two snapshots in this process, one of which is started again now and then."""

    def __init__(self) -> None:
        super().__init__()
        self.webs: list[Web] = []
        self.revisions = [0, 0]

    @initialize()
    def begin(self) -> None:
        self.fill()
        self.webs = [Web().start(), Web().start()]

    def teardown(self) -> None:
        for web in self.webs:
            web.lookups.stop()

    def nobody_takes(self, token: str) -> None:
        for web in self.webs:
            assert web.get(self.paths()[0], authorization=token).status == 401

    @precondition(lambda self: self.webs)
    @rule()
    def restart(self) -> None:
        self.webs[0].lookups.stop()
        self.webs[0] = Web().start()

    @invariant()
    def everybody_says_what_the_database_says(self) -> None:
        time.sleep(LEASE_SECONDS)
        for path in self.paths() if self.webs else ():
            truth = Client().get(path, headers={"authorization": self.token})
            for web in self.webs:
                got = web.get(path, authorization=self.token)
                assert (got.status, got.body) == (truth.status_code, truth.content)

    @invariant()
    def the_revision_never_falls_and_is_the_database_s(self) -> None:
        path = f"/api/v1/prompts/{self.full('one')}?version=1"
        state = RegistryState.objects.first()
        for number, web in enumerate(self.webs):
            got = web.settle().get(path, authorization=self.token)
            assert not got.was_django
            revision = int(got.headers["Assay-Registry-Revision"])
            assert revision >= self.revisions[number]
            assert revision == (state.revision if state else 0)
            self.revisions[number] = revision
            body: dict[str, Any] = json.loads(got.body)
            assert body["version"] == 1


@pytest.mark.usefixtures("transactional_db")
@pytest.mark.slow
def test_every_process_equals_the_database() -> None:
    run_state_machine_as_test(
        LookupMachine,
        settings=settings(
            max_examples=4,
            stateful_step_count=15,
            deadline=None,
            suppress_health_check=[HealthCheck.too_slow],
        ),
    )
