"""Whatever happens, every process answers what the database holds."""

from __future__ import annotations

import json
import time
from contextlib import suppress
from typing import Any

import pytest
from django.test import Client
from django.utils import timezone
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    precondition,
    rule,
    run_state_machine_as_test,
)

from registry import access, certificates
from registry.errors import NothingToRollBackToError, TagNotSetError
from registry.lookup import keeper
from registry.models import ApiToken, ModelVersion, Prompt, RegistryState
from registry.promotion import Target, clear_canary, promote, release, rollback
from tests.integration.lookup.conftest import ADMIN, Web, bearer, go_live
from tests.integration.registry.conftest import Shelf, make_shelf

_PROMPTS = ("one", "team/two")
_QUERIES = ("", "?tag=canary", "?tag=stable&key=ada", "?tag=stable&key=bob", "?version=2")
_NAMES = st.sampled_from(_PROMPTS)
_VERSIONS = st.integers(1, 4)


class LookupMachine(RuleBasedStateMachine):
    """Two processes, one of which is started again now and then."""

    def __init__(self) -> None:
        super().__init__()
        self.shelves: dict[str, Shelf] = {}
        self.webs: list[Web] = []
        self.token = ""
        self.revisions = [0, 0]
        self.round = 0

    @initialize()
    def begin(self) -> None:
        # Prompts, versions and ledger entries cannot be deleted: each example has its own.
        self.round = Prompt.objects.count()
        for name in _PROMPTS:
            self.shelves[name] = make_shelf(f"{name}-{self.round}")
        self.token = bearer(name=f"app-{self.round}")
        self.webs = [Web().start(), Web().start()]

    def teardown(self) -> None:
        for web in self.webs:
            web.lookups.stop()

    def full(self, name: str) -> str:
        return f"{name}-{self.round}"

    @rule(name=_NAMES, version=_VERSIONS)
    def override(self, name: str, version: int) -> None:
        go_live(version, prompt=self.full(name))

    @rule(name=_NAMES, version=_VERSIONS)
    def certify_and_promote(self, name: str, version: int) -> None:
        shelf = self.shelves[name]
        shelf.model.refresh_from_db()
        shelf.certify(version)
        promote(target=Target(self.full(name), "stable", version), actor=ADMIN)

    @rule(version=_VERSIONS)
    def release_both(self, version: int) -> None:
        for shelf in self.shelves.values():
            shelf.model.refresh_from_db()
            shelf.certify(version)
        targets = [Target(self.full(name), "stable", version) for name in _PROMPTS]
        release(targets=targets, actor=ADMIN)

    @rule(name=_NAMES)
    def roll_back(self, name: str) -> None:
        with suppress(NothingToRollBackToError, TagNotSetError):
            rollback(prompt=self.full(name), actor=ADMIN)

    @rule(name=_NAMES, version=_VERSIONS, weight=st.sampled_from([0, 30, 100]))
    def canary(self, name: str, version: int, weight: int) -> None:
        go_live(version, "canary", prompt=self.full(name), weight=weight)

    @rule(name=_NAMES)
    def end_canary(self, name: str) -> None:
        with suppress(TagNotSetError):
            clear_canary(prompt=self.full(name), actor=ADMIN)

    @rule(digest=st.sampled_from("abc"))
    def drift(self, digest: str) -> None:
        model = ModelVersion.objects.get(name="tiny")
        certificates.record_fingerprint(
            model=model, fingerprint=digest * 64, mode="text/1", now=timezone.now()
        )

    @rule(name=_NAMES, orphaned=st.booleans())
    def orphan(self, name: str, orphaned: bool) -> None:
        Prompt.objects.filter(name=self.full(name)).update(orphaned=orphaned)

    @rule(is_limited=st.booleans())
    def limit_the_token(self, is_limited: bool) -> None:
        globs = ["one*"] if is_limited else []
        ApiToken.objects.filter(name=f"app-{self.round}").update(prompts=globs)

    @rule()
    def revoke_and_renew(self) -> None:
        row = ApiToken.objects.get(name=f"app-{self.round}", revoked_at=None)
        access.revoke_token(token_id=row.pk, now=timezone.now())
        time.sleep(keeper.LEASE_SECONDS)
        for web in self.webs:
            path = f"/api/v1/prompts/{self.full('one')}"
            assert web.get(path, authorization=self.token).status == 401
        self.token = bearer(name=f"app-{self.round}")

    @precondition(lambda self: self.webs)
    @rule()
    def restart(self) -> None:
        self.webs[0].lookups.stop()
        self.webs[0] = Web().start()

    @invariant()
    def everybody_says_what_the_database_says(self) -> None:
        time.sleep(keeper.LEASE_SECONDS)
        for name in _PROMPTS if self.webs else ():
            for query in _QUERIES:
                path = f"/api/v1/prompts/{self.full(name)}{query}"
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
