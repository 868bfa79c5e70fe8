"""A snapshot never serves what was moved away, ended or revoked, whether it was told or not."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta

import pytest
from django.db import connection, transaction
from django.utils import timezone

from registry import access, certificates
from registry.lookup import keeper
from registry.models import ApiToken, Prompt
from registry.promotion import Target, clear_canary, promote, rollback
from tests.integration.lookup.conftest import ADMIN, Web, bearer, eventually, go_live
from tests.integration.registry.conftest import Shelf

PROMPT = "/api/v1/prompts/greeting"


@pytest.fixture
def token(shelf: Shelf, web: Web) -> str:
    """A caller; stable is v1, proven."""
    promote(target=Target("greeting", "stable", 1), actor=ADMIN)
    made = bearer()
    web.settle()
    return made


def _wait_out_the_lease() -> None:
    """What anybody sees who asks this long after a commit. No look was asked for."""
    time.sleep(keeper.LEASE_SECONDS)


def _version(web: Web, token: str, query: str = "") -> int:
    got = web.get(f"{PROMPT}{query}", authorization=token)
    assert got.status == 200, got.body
    return int(got.body.partition(b'"version":')[2].partition(b",")[0])


@contextmanager
def _deaf() -> Iterator[None]:
    """The NOTIFY never comes."""
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT pg_get_functiondef('registry_note_prompts'::regproc), "
            "pg_get_functiondef('registry_note_all'::regproc)"
        )
        functions = cursor.fetchone()
        for function in functions:
            silent = function.replace("PERFORM pg_notify('assay_served', '');", "")
            assert silent != function
            cursor.execute(silent)
    try:
        yield
    finally:
        with connection.cursor() as cursor:
            for function in functions:
                cursor.execute(function)


def test_a_move_is_seen_within_the_lease(web: Web, token: str) -> None:
    for _ in range(10):
        for version in (2, 3):
            go_live(version)
            _wait_out_the_lease()
            assert _version(web, token) == version
        rollback(prompt="greeting", actor=ADMIN)
        _wait_out_the_lease()
        assert _version(web, token) == 2


def test_without_notifications_too(web: Web, token: str) -> None:
    with _deaf():
        for version in (2, 3, 4, 1):
            go_live(version)
            _wait_out_the_lease()
            assert _version(web, token) == version
        access.revoke_token(
            token_id=ApiToken.objects.get(name="app").pk, by="test", now=timezone.now()
        )
        _wait_out_the_lease()
        assert web.get(PROMPT, authorization=token).status == 401


def test_what_is_not_committed_is_not_seen(web: Web, token: str) -> None:
    """Ids of transactions are not in the order of commits: an older one may end later."""
    first = threading.Event()
    go = threading.Event()

    def slow() -> None:
        try:
            with transaction.atomic():
                Prompt.objects.filter(name="greeting").update(orphaned=True)
                first.set()
                assert go.wait(60)
        finally:
            connection.close()

    thread = threading.Thread(target=slow)
    thread.start()
    assert first.wait(60)
    access.create_token(name="later", scopes=["lookup"], created_by="test")
    _wait_out_the_lease()
    assert b"no longer in the repository" not in web.get(PROMPT, authorization=token).body
    web.settle()
    go.set()
    thread.join()
    _wait_out_the_lease()
    assert b"no longer in the repository" in web.get(PROMPT, authorization=token).body


def test_a_rolled_back_transaction_changes_nothing(web: Web, token: str) -> None:
    with transaction.atomic():
        Prompt.objects.filter(name="greeting").update(orphaned=True)
        transaction.set_rollback(True)
    _wait_out_the_lease()
    assert b"no longer" not in web.get(PROMPT, authorization=token).body


def test_a_revoked_and_a_limited_token(web: Web, token: str) -> None:
    row = ApiToken.objects.get(name="app")
    ApiToken.objects.filter(pk=row.pk).update(prompts=["team/*"])
    _wait_out_the_lease()
    assert web.get(PROMPT, authorization=token).status == 403
    ApiToken.objects.filter(pk=row.pk).update(prompts=[], scopes=["read"])
    _wait_out_the_lease()
    assert web.get(PROMPT, authorization=token).status == 403
    ApiToken.objects.filter(pk=row.pk).update(scopes=["lookup"])
    _wait_out_the_lease()
    assert web.get(PROMPT, authorization=token).status == 200
    access.revoke_token(token_id=row.pk, by="test", now=timezone.now())
    _wait_out_the_lease()
    assert web.get(PROMPT, authorization=token).status == 401


def test_a_token_ends_at_its_time_without_being_told(web: Web, token: str) -> None:
    ends = timezone.now() + timedelta(seconds=1)
    short = bearer(name="short", expires_at=ends)
    web.settle()
    assert not web.get(PROMPT, authorization=short).was_django
    eventually(lambda: timezone.now() > ends)
    assert web.get(PROMPT, authorization=short).status == 401


def test_a_model_that_drifts_takes_the_proof_away(web: Web, token: str, shelf: Shelf) -> None:
    assert b'"proven":true' in web.get(PROMPT, authorization=token).body
    certificates.record_fingerprint(
        model=shelf.model, fingerprint="f" * 64, mode="text/1", now=timezone.now()
    )
    _wait_out_the_lease()
    got = web.get(PROMPT, authorization=token)
    assert b'"proven":false' in got.body
    assert b"tiny serves something else" in got.body


def test_a_certificate_grows_too_old_between_two_lookups(
    web: Web, shelf: Shelf, token: str
) -> None:
    before = web.get(PROMPT, authorization=token)
    [entry] = web.lookups.snapshot.entries.values()
    pointer = entry.pointers["stable"]
    assert pointer.proof is not None
    until = pointer.proof.until
    assert until is not None
    made = web.lookups.snapshot.face(entry, "stable", "", seed=False, now=until - 1)
    late = web.lookups.snapshot.face(entry, "stable", "", seed=False, now=until)
    assert made is not None
    assert late is not None
    assert b"".join(made.body) == before.body
    assert b"it is too old" in late.body[0]
    assert late.etag != made.etag


def test_a_canary_and_its_end(web: Web, token: str) -> None:
    keys = [f"?tag=stable&key=user-{number}" for number in range(60)]
    go_live(3, "canary", weight=20)
    web.settle()
    few = {key for key in keys if _version(web, token, key) == 3}
    go_live(3, "canary", weight=60)
    _wait_out_the_lease()
    many = {key for key in keys if _version(web, token, key) == 3}
    assert few < many < set(keys)
    go_live(3, "canary", weight=0)
    _wait_out_the_lease()
    assert {_version(web, token, key) for key in keys} == {1}
    assert _version(web, token, "?tag=canary") == 3
    clear_canary(prompt="greeting", actor=ADMIN)
    _wait_out_the_lease()
    assert _version(web, token, "?tag=canary") == 1


def test_a_connection_that_was_ended_is_made_again(web: Web, token: str) -> None:
    for version in (2, 3):
        with connection.cursor() as cursor:
            cursor.execute(
                "SELECT pg_terminate_backend(pid) FROM pg_stat_activity "
                "WHERE datname = current_database() AND pid <> pg_backend_pid()"
            )
        go_live(version)
        _wait_out_the_lease()
        assert _version(web, token) == version
        eventually(lambda: web.lookups.keeper.is_complete)
        assert not web.get(PROMPT, authorization=token).was_django


def test_who_wrote_here_sees_it_here_at_once(web: Web, token: str) -> None:
    go_live(2)
    web.get(PROMPT, method="POST", authorization=token)
    assert _version(web, token) == 2
