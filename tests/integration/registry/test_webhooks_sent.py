"""Signed webhooks, to a real HTTP server: told once more until taken, and never to inside."""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
import socket
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import timedelta
from http.server import BaseHTTPRequestHandler
from ipaddress import ip_network
from typing import Any

import pytest
from django.utils import timezone
from pytest_django.fixtures import Settings

from registry import outbox, promotion
from registry.channels import channels
from registry.domain.actor import Actor
from registry.errors import NotCertifiedError
from registry.models import OutboxDelivery
from tests.integration.registry.conftest import Shelf, stable
from tests.loopback import Quiet, on_loopback

pytestmark = pytest.mark.django_db
SECRET = "a secret of sixteen and more"


@dataclass
class Listener:
    """What a receiver got: headers and body, and what it answers."""

    port: int = 0
    answers: list[int] = field(default_factory=list)
    got: list[tuple[dict[str, str], bytes]] = field(default_factory=list)

    def events(self) -> list[dict[str, Any]]:
        return [json.loads(body) for _, body in self.got]


@pytest.fixture
def listener(settings: Settings) -> Iterator[Listener]:
    """A receiver on loopback, named in the settings, and allowed."""
    heard = Listener()

    class Receiver(Quiet, BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            heard.got.append(({k.lower(): v for k, v in self.headers.items()}, body))
            self.send_response(heard.answers.pop(0) if heard.answers else 204)
            self.send_header("Location", f"http://127.0.0.1:{heard.port}/elsewhere")
            self.send_header("Content-Length", "0")
            self.end_headers()

    with on_loopback(Receiver) as host:
        heard.port = int(host.partition(":")[2])
        settings.WEBHOOKS = (("ops", f"http://{host}/in?x=1", SECRET),)
        settings.WEBHOOK_ALLOW = (ip_network("127.0.0.0/8"),)
        yield heard


def relay() -> int:
    outbox.route(channels(), timezone.now())
    return sum(outbox.deliver(channel) for channel in channels())


def past() -> None:
    OutboxDelivery.objects.update(next_at=timezone.now() - timedelta(seconds=1))


def signature_of(headers: dict[str, str], body: bytes) -> str:
    """As a receiver computes it, by the words of the specification."""
    content = f"{headers['webhook-id']}.{headers['webhook-timestamp']}.".encode() + body
    made = hmac.new(SECRET.encode(), content, hashlib.sha256).digest()
    return f"v1,{base64.b64encode(made).decode()}"


def test_a_move_is_told_with_its_ledger_entry_and_signed(
    shelf: Shelf, promoter: Actor, listener: Listener
) -> None:
    certificate = shelf.certify(1)
    promotion.promote(target=stable(1), actor=promoter, reason="better")
    assert relay() == 1
    [(headers, body)] = listener.got
    assert headers["webhook-signature"] == signature_of(headers, body)
    assert abs(int(headers["webhook-timestamp"]) - timezone.now().timestamp()) < 60
    [event] = listener.events()
    assert (event["type"], event["data"]["kind"]) == ("tag.moved", "promoted")
    assert (event["data"]["prompt"], event["data"]["version"]) == ("greeting", 1)
    assert event["data"]["certificate"] == certificate.digest
    assert (event["data"]["from_version"], event["data"]["actor"]) == (None, "user:petra")


def test_a_refusal_of_the_gate_is_told(shelf: Shelf, promoter: Actor, listener: Listener) -> None:
    with pytest.raises(NotCertifiedError):
        promotion.promote(target=stable(1), actor=promoter)
    relay()
    [event] = listener.events()
    assert (event["type"], event["data"]["actor"]) == ("gate.refused", "user:petra")


@pytest.mark.parametrize("status", [500, 429, 302, 307, 400])
def test_it_is_told_again_with_the_same_id_until_it_is_taken(
    shelf: Shelf, admin: Actor, listener: Listener, status: int
) -> None:
    listener.answers = [status]
    promotion.override(target=stable(1), actor=admin, reason="fire")
    assert relay() == 0
    assert f"answered {status}" in OutboxDelivery.objects.get().last_error
    past()
    assert relay() == 1
    first, second = (headers["webhook-id"] for headers, _ in listener.got)
    assert (first == second, len(listener.got)) == (True, 2), "a redirect is not followed"


def test_who_is_gone_is_not_asked_again(shelf: Shelf, admin: Actor, listener: Listener) -> None:
    listener.answers = [410]
    promotion.override(target=stable(1), actor=admin, reason="fire")
    relay()
    assert OutboxDelivery.objects.get().dead_at is not None


def test_nothing_is_sent_to_an_address_inside(
    shelf: Shelf, admin: Actor, listener: Listener, settings: Settings
) -> None:
    settings.WEBHOOK_ALLOW = ()
    promotion.override(target=stable(1), actor=admin, reason="fire")
    assert (relay(), listener.got) == (0, [])
    assert "is not a public address" in OutboxDelivery.objects.get().last_error


def test_a_name_is_looked_up_once_and_what_was_checked_is_what_is_reached(
    shelf: Shelf,
    admin: Actor,
    listener: Listener,
    settings: Settings,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """DNS that answers something public first and something private then gains nothing."""
    asked: list[str] = []

    def answers(host: str, port: int, **_: object) -> list[Any]:
        asked.append(host)
        address = "203.0.113.9" if host == "rebind.example.org" else host
        return [(socket.AF_INET, socket.SOCK_STREAM, 6, "", (address, port))]

    dialled: list[Any] = []

    def dial(address: Any, **_: object) -> socket.socket:
        dialled.append(address)
        raise ConnectionRefusedError

    settings.WEBHOOKS = (("ops", "http://rebind.example.org:81/", SECRET),)
    settings.WEBHOOK_ALLOW = (ip_network("203.0.113.0/24"),)
    monkeypatch.setattr("registry.webhooks.sending.socket.getaddrinfo", answers)
    monkeypatch.setattr("registry.webhooks.sending.socket.create_connection", dial)
    promotion.override(target=stable(1), actor=admin, reason="fire")
    assert relay() == 0
    assert (asked, dialled) == (["rebind.example.org"], [("203.0.113.9", 81)])
