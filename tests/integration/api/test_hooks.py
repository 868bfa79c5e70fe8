"""Git hosts ring: believed by signature only, answered at once, and never twice."""

from __future__ import annotations

import hashlib
import hmac
import json
import uuid
from datetime import timedelta
from typing import Any

import pytest
from django.test import Client
from django.utils import timezone
from kombu.exceptions import OperationalError
from pytest_django.fixtures import Settings

from registry import hooks
from registry.domain.webhook_signature import sign

pytestmark = pytest.mark.django_db

SECRET = "It's a Secret to Everybody"
REPOSITORY = {"id": 186853002, "full_name": "Codertocat/Hello-World", "default_branch": "main"}


@pytest.fixture
def rung(monkeypatch: pytest.MonkeyPatch, settings: Settings) -> list[str]:
    """Every hook has a secret; the tasks that were sent."""
    settings.HOOK_SECRETS = dict.fromkeys(("github", "gitlab", "git"), SECRET)
    settings.REPOSITORY_REF = "main"
    sent: list[str] = []
    monkeypatch.setattr(
        "registry.hooks.current_app.send_task", lambda name, **_: sent.append(name), raising=False
    )
    return sent


def push(ref: str = "refs/heads/main") -> bytes:
    """The fields of GitHub's push event that matter, and a number that makes it another one."""
    commit = {"id": uuid.uuid4().hex, "added": [], "modified": ["tags.yaml"], "removed": []}
    return json.dumps(
        {
            "ref": ref,
            "before": "6" * 40,
            "after": uuid.uuid4().hex,
            "created": False,
            "deleted": False,
            "forced": False,
            "repository": REPOSITORY,
            "pusher": {"name": "Codertocat"},
            "commits": [commit],
            "head_commit": commit,
        },
        indent=1,
    ).encode()


def post(host: str, body: bytes, headers: dict[str, str], kind: str = "application/json") -> Any:
    return Client().post(f"/hooks/{host}", body, content_type=kind, headers=headers)


def github(body: bytes, event: str = "push", delivery: str = "", secret: str = SECRET) -> Any:
    signature = hmac.new(secret.encode(), body, hashlib.sha256).hexdigest()
    headers = {
        "X-GitHub-Event": event,
        "X-GitHub-Delivery": delivery or str(uuid.uuid4()),
        "X-Hub-Signature-256": f"sha256={signature}",
        "User-Agent": "GitHub-Hookshot/044aadd",
    }
    return post("github", body, headers)


def standard(body: bytes, host: str = "git", **changed: str) -> Any:
    stamp, name = str(int(timezone.now().timestamp())), f"msg_{uuid.uuid4().hex}"
    known = {"webhook-id": name, "webhook-timestamp": stamp} | changed
    signature = sign(SECRET, known["webhook-id"], known["webhook-timestamp"], body)
    return post(host, body, {"webhook-signature": signature} | known)


def test_a_push_to_the_followed_branch_rings_a_sync(rung: list[str]) -> None:
    answer = github(push())
    assert (answer.status_code, answer.json()) == (202, {"status": "queued"})
    assert rung == ["registry.sync"]


def test_a_ping_is_answered(rung: list[str]) -> None:
    answer = github(b'{"zen": "Non-blocking is better than blocking.", "hook_id": 1}', "ping")
    assert (answer.status_code, answer.json(), rung) == (200, {"status": "pong"}, [])


@pytest.mark.parametrize("event", ["pull_request", "check_run", "push"])
def test_what_is_none_of_our_business_is_a_friendly_200(rung: list[str], event: str) -> None:
    answer = github(push("refs/heads/topic"), event)
    assert (answer.status_code, answer.json(), rung) == (200, {"status": "ignored"}, [])


@pytest.mark.parametrize(
    "headers",
    [
        {},
        {"X-Hub-Signature-256": "sha256=" + "0" * 64},
        {"X-Hub-Signature-256": ""},
        {"X-Hub-Signature": "sha1=" + "0" * 40},
        {"Authorization": f"Bearer {SECRET}"},
    ],
)
def test_without_the_right_signature_nothing_happens(
    rung: list[str], headers: dict[str, str]
) -> None:
    answer = post("github", push(), {"X-GitHub-Event": "push", **headers})
    assert (answer.status_code, rung) == (403, [])
    assert answer.headers["Content-Type"] == "application/problem+json"
    assert SECRET not in answer.content.decode()


def test_another_secret_and_a_tampered_body_are_refused(rung: list[str]) -> None:
    assert github(push(), secret="another secret of that size").status_code == 403
    body = push()
    signature = hmac.new(SECRET.encode(), body, hashlib.sha256).hexdigest()
    headers = {"X-GitHub-Event": "push", "X-Hub-Signature-256": f"sha256={signature}"}
    assert post("github", body + b" ", headers).status_code == 403
    assert rung == []


def test_a_delivery_counts_once_by_its_id_and_by_its_body(rung: list[str]) -> None:
    body = push()
    assert github(body, delivery="one").status_code == 202
    for again in (github(body, delivery="one"), github(push(), delivery="one"), github(body)):
        assert (again.status_code, again.json()) == (200, {"status": "duplicate"})
    assert rung == ["registry.sync"]


def test_what_is_forgotten_may_ring_again(rung: list[str]) -> None:
    body = push()
    github(body)
    now = timezone.now()
    assert hooks.forget_received(now=now) == 0
    assert hooks.forget_received(now=now + timedelta(hours=2)) == 1
    assert github(body).status_code == 202


def test_a_host_without_a_secret_does_not_exist(rung: list[str], settings: Settings) -> None:
    settings.HOOK_SECRETS = {"github": "", "gitlab": SECRET}
    assert github(push(), secret="").status_code == 404
    assert standard(push()).status_code == 404
    assert Client().get("/hooks/gitlab").status_code == 405
    assert rung == []


def test_a_body_of_a_megabyte_and_more_is_not_read(rung: list[str]) -> None:
    assert github(push() + b" " * 1_048_576).status_code == 413
    for length in ("-1", "x", "1e3"):
        headers = {"X-GitHub-Event": "push"}
        answer = Client().generic(
            "POST", "/hooks/github", b"{}", headers=headers, CONTENT_LENGTH=length
        )
        assert answer.status_code == 413
    assert rung == []


def test_gitlab_shows_its_token(rung: list[str]) -> None:
    body = json.dumps({"object_kind": "push", "ref": "refs/heads/main", "after": "1" * 40}).encode()
    headers = {"X-Gitlab-Event": "Push Hook", "X-Gitlab-Token": SECRET, "Idempotency-Key": "k"}
    assert post("gitlab", body, headers).status_code == 202
    assert post("gitlab", body, headers | {"Idempotency-Key": "l"}).json()["status"] == "duplicate"
    assert post("gitlab", body, headers | {"X-Gitlab-Token": "wrong"}).status_code == 403
    assert post("gitlab", body, headers | {"X-Gitlab-Event": "Note Hook"}).status_code == 200
    assert rung == ["registry.sync"]


def test_gitlab_may_sign_instead(rung: list[str]) -> None:
    assert standard(push(), "gitlab").status_code == 202
    answer = standard(
        push(), "gitlab", **{"webhook-signature": "v1,AAAA", "X-Gitlab-Token": SECRET}
    )
    assert answer.status_code == 403, "a wrong signature is not made good by the token"


def test_a_plain_hook_signs_id_time_and_body(rung: list[str]) -> None:
    assert standard(b"").status_code == 202
    assert standard(push("refs/heads/main")).status_code == 202
    old = str(int(timezone.now().timestamp()) - 301)
    answer = standard(push(), **{"webhook-timestamp": old})
    assert (answer.status_code, "too far" in answer.json()["detail"]) == (403, True)
    assert len(rung) == 2


def test_a_replayed_plain_hook_does_not_ring(rung: list[str]) -> None:
    body = push()
    assert standard(body, **{"webhook-id": "msg_1"}).status_code == 202
    assert standard(push(), **{"webhook-id": "msg_1"}).json() == {"status": "duplicate"}
    assert rung == ["registry.sync"]


def test_without_a_broker_the_next_poll_does_it(
    rung: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    def down(*_: object, **__: object) -> None:
        raise OperationalError("connection refused")

    monkeypatch.setattr("registry.hooks.current_app.send_task", down, raising=False)
    answer = github(push())
    assert (answer.status_code, answer.json()) == (202, {"status": "polled"})
