"""Messages to the outside: each channel gets each one, in order, whatever dies on the way."""

from __future__ import annotations

import os
import signal
import threading
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta

import pytest
from django.db import connection, connections, transaction
from django.utils import timezone
from pytest_django.fixtures import Settings

from core.errors import UnavailableError
from registry import outbox
from registry.models import OutboxDelivery, OutboxMessage
from registry.outbox import Channel, PermanentDeliveryError, Topic

pytestmark = pytest.mark.django_db
#: For stories in which several connections look at the same rows.
COMMITTED = pytest.mark.django_db(transaction=True)
_PATIENCE_SECONDS = 20


class Receiver:
    """What arrived, unless it is told to fail."""

    def __init__(self) -> None:
        self.got: list[str] = []
        self.error: Exception | None = None

    def __call__(self, messages: Sequence[OutboxMessage]) -> None:
        if self.error is not None:
            raise self.error
        self.got += [f"{message.subject} {message.payload['n']}" for message in messages]


@pytest.fixture
def receiver() -> Receiver:
    return Receiver()


def channel(deliver: Callable[[Sequence[OutboxMessage]], None], **options) -> Channel:
    known = {"name": "out", "topics": frozenset({Topic.TAG_MOVED}), "waits": (10.0, 100.0)}
    return Channel(**(known | options), deliver=deliver)


def tell(subject: str, n: int = 1, topic: Topic = Topic.TAG_MOVED) -> None:
    outbox.tell(topic, subject, {"n": n})


def waiting() -> int:
    return OutboxMessage.objects.filter(delivered_at=None).count()


def past() -> None:
    """Let all waits and claims be over."""
    then = timezone.now() - timedelta(seconds=1)
    OutboxDelivery.objects.update(next_at=then)
    OutboxDelivery.objects.exclude(claim=None).update(claimed_until=then)


def test_a_channel_gets_what_it_wants_and_the_rest_is_done_with(receiver: Receiver) -> None:
    tell("greet:stable")
    tell("tiny", topic=Topic.MODEL_DRIFTED)
    out = channel(receiver)
    assert outbox.route([out], timezone.now()) == 2
    assert outbox.due_channels(timezone.now()) == {"out"}
    assert waiting() == 1
    assert outbox.deliver(out) == 1
    assert receiver.got == ["greet:stable 1"]
    assert (waiting(), outbox.deliver(out), outbox.due_channels(timezone.now())) == (0, 0, set())


def test_nothing_is_told_of_what_was_rolled_back(receiver: Receiver) -> None:
    with transaction.atomic():
        tell("greet:stable")
        transaction.set_rollback(True)
    assert outbox.route([channel(receiver)], timezone.now()) == 0


def test_what_failed_is_tried_again_later_and_given_up_at_last(receiver: Receiver) -> None:
    tell("greet:stable")
    out = channel(receiver)
    outbox.route([out], timezone.now())
    receiver.error = UnavailableError("no answer from \0there")
    for wait in out.waits:
        began = timezone.now()
        assert outbox.deliver(out) == 0
        row = OutboxDelivery.objects.get()
        assert row.last_error == "no answer from there"
        assert wait <= (row.next_at - began).total_seconds() < wait * 1.3 + 5
        assert (row.claim, row.dead_at, outbox.deliver(out)) == (None, None, 0)
        past()
    outbox.deliver(out)
    row = OutboxDelivery.objects.get()
    assert (row.attempts, row.dead_at is not None, waiting()) == (3, True, 0)
    receiver.error = None
    past()
    assert outbox.deliver(out) == 0


def test_what_must_arrive_some_day_is_never_given_up(receiver: Receiver) -> None:
    tell("greet:stable")
    out = channel(receiver, keeps_trying=True)
    outbox.route([out], timezone.now())
    receiver.error = UnavailableError()
    for _ in range(5):
        outbox.deliver(out)
        past()
    receiver.error = None
    assert outbox.deliver(out) == 1


def test_what_will_never_be_taken_is_given_up_at_once(receiver: Receiver) -> None:
    tell("greet:stable")
    tell("greet:stable", 2)
    out = channel(receiver)
    outbox.route([out], timezone.now())
    receiver.error = PermanentDeliveryError("410 Gone")
    outbox.deliver(out)
    assert OutboxDelivery.objects.exclude(dead_at=None).count() == 2


def test_a_mistake_of_ours_holds_up_nothing_else(receiver: Receiver) -> None:
    tell("greet:stable")
    out = channel(receiver)
    outbox.route([out], timezone.now())
    receiver.error = ZeroDivisionError("division by zero")
    assert outbox.deliver(out) == 0
    assert OutboxDelivery.objects.get().last_error == "ZeroDivisionError: division by zero"


def test_facts_about_one_subject_keep_their_order_and_others_do_not_wait(
    receiver: Receiver,
) -> None:
    def deliver(messages: Sequence[OutboxMessage]) -> None:
        if any(message.subject == "greet:stable" for message in messages) and is_down:
            raise UnavailableError
        receiver(messages)

    for n in (1, 2):
        tell("greet:stable", n)
        tell("other:stable", n)
    out, is_down = channel(deliver), True
    outbox.route([out], timezone.now())
    assert outbox.deliver(out) == 2
    assert receiver.got == ["other:stable 1", "other:stable 2"]
    assert OutboxDelivery.objects.get(message__payload={"n": 2}, delivered_at=None).attempts == 0
    is_down = False
    past()
    outbox.deliver(out)
    assert receiver.got[2:] == ["greet:stable 1", "greet:stable 2"]


def test_one_channel_that_fails_does_not_keep_another_waiting(receiver: Receiver) -> None:
    def broken(_: Sequence[OutboxMessage]) -> None:
        raise UnavailableError

    tell("greet:stable")
    good, bad = channel(receiver, name="good"), channel(broken, name="bad")
    outbox.route([good, bad], timezone.now())
    outbox.deliver(bad)
    assert (outbox.deliver(good), waiting()) == (1, 1)


@COMMITTED
def test_two_workers_take_different_messages() -> None:
    both = threading.Barrier(2, timeout=_PATIENCE_SECONDS)
    got: list[str] = []

    def deliver(messages: Sequence[OutboxMessage]) -> None:
        both.wait()
        got.extend(message.subject for message in messages)

    def work() -> int:
        try:
            return outbox.deliver(channel(deliver))
        finally:
            connection.close()

    tell("a:stable")
    tell("b:stable")
    outbox.route([channel(deliver)], timezone.now())
    with ThreadPoolExecutor(2) as pool:
        assert [one.result() for one in (pool.submit(work), pool.submit(work))] == [1, 1]
    assert sorted(got) == ["a:stable", "b:stable"]


def killed(deliver: Callable[[Sequence[OutboxMessage]], None], **options) -> None:
    """Deliver in a process that is killed after `deliver` did its work."""

    def last(messages: Sequence[OutboxMessage]) -> None:
        deliver(messages)
        os.kill(os.getpid(), signal.SIGKILL)

    connections.close_all()
    child = os.fork()
    if child == 0:
        outbox.deliver(channel(last, **options))
        os._exit(1)
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == -signal.SIGKILL


@COMMITTED
def test_what_a_killed_worker_held_is_delivered_when_its_claim_is_over(
    receiver: Receiver,
) -> None:
    tell("greet:stable")
    out = channel(receiver)
    outbox.route([out], timezone.now())
    killed(lambda _: None)
    assert (outbox.deliver(out), outbox.due_channels(timezone.now())) == (0, set())
    past()
    assert outbox.due_channels(timezone.now()) == {"out"}
    assert (outbox.deliver(out), receiver.got) == (1, ["greet:stable 1"])


@COMMITTED
def test_a_message_that_kills_every_worker_is_given_up(receiver: Receiver) -> None:
    tell("greet:stable")
    out = channel(receiver, waits=(1.0,))
    outbox.route([out], timezone.now())
    for _ in range(2):
        killed(lambda _: None, waits=(1.0,))
        past()
    assert outbox.deliver(out) == 0
    row = OutboxDelivery.objects.get()
    assert (row.dead_at is not None, "did not come back" in row.last_error) == (True, True)
    assert receiver.got == []


def test_a_worker_that_comes_too_late_has_no_say(receiver: Receiver, settings: Settings) -> None:
    def slow(messages: Sequence[OutboxMessage]) -> None:
        past()
        outbox.deliver(channel(receiver))
        raise UnavailableError("too late")

    tell("greet:stable")
    outbox.route([channel(slow)], timezone.now())
    outbox.deliver(channel(slow))
    row = OutboxDelivery.objects.get()
    assert (row.delivered_at is not None, row.last_error) == (True, "")


def test_messages_are_forgotten_a_month_after_they_arrived(receiver: Receiver) -> None:
    for n in (1, 2):
        tell("greet:stable", n)
    out = channel(receiver)
    outbox.route([out], timezone.now())
    outbox.deliver(out)
    now = timezone.now()
    dead = OutboxDelivery.objects.order_by("id").last()
    assert dead is not None
    OutboxDelivery.objects.filter(pk=dead.pk).update(delivered_at=None, dead_at=now)
    assert outbox.forget_delivered(now=now + timedelta(days=29)) == 0
    assert outbox.forget_delivered(now=now + timedelta(days=31)) == 1
    assert OutboxMessage.objects.get().pk == dead.message_id
