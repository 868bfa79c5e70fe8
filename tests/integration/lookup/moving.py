"""What can happen to a registry, one rule each, for machines that compare answers with it."""

from __future__ import annotations

import time
from contextlib import suppress

from django.utils import timezone
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, rule

from registry import access, certificates
from registry.errors import NothingToRollBackToError, TagNotSetError
from registry.lookup import LEASE_SECONDS
from registry.models import ApiToken, ModelVersion, Prompt
from registry.promotion import Target, clear_canary, promote, release, rollback
from tests.integration.lookup.conftest import ADMIN, bearer, go_live
from tests.integration.registry.conftest import Shelf, make_shelf

PROMPTS = ("one", "team/two")
QUERIES = ("", "?tag=canary", "?tag=stable&key=ada", "?tag=stable&key=bob", "?version=2")
_NAMES = st.sampled_from(PROMPTS)
_VERSIONS = st.integers(1, 4)


class MovingRegistry(RuleBasedStateMachine):
    """Two prompts of its own, and a token that is limited, revoked and made again."""

    def __init__(self) -> None:
        super().__init__()
        # Prompts, versions and ledger entries cannot be deleted: each example has its own.
        self.round = Prompt.objects.count()
        self.shelves: dict[str, Shelf] = {}
        self.token = ""

    def fill(self) -> None:
        """What there is before the first rule."""
        for name in PROMPTS:
            self.shelves[name] = make_shelf(f"{name}-{self.round}")
        self.token = bearer(name=f"app-{self.round}")

    def full(self, name: str) -> str:
        return f"{name}-{self.round}"

    def paths(self) -> list[str]:
        return [
            f"/api/v1/prompts/{self.full(name)}{query}" for name in PROMPTS for query in QUERIES
        ]

    def nobody_takes(self, token: str) -> None:
        """Every process refuses a token that was revoked as long ago as the lease."""
        raise NotImplementedError

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
        targets = [Target(self.full(name), "stable", version) for name in PROMPTS]
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
        access.revoke_token(token_id=row.pk, by="test", now=timezone.now())
        time.sleep(LEASE_SECONDS)
        self.nobody_takes(self.token)
        self.token = bearer(name=f"app-{self.round}")
