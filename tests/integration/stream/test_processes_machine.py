"""Two web processes and the stream listener, killed and started again while everything moves.

Whatever happens, each of them answers what the database holds, and a client of the stream is told
every move once and in order.
"""

from __future__ import annotations

import time
from contextlib import ExitStack
from dataclasses import dataclass, field

import psutil
import pytest
from django.test import Client as Database
from django.utils import timezone
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import initialize, invariant, rule, run_state_machine_as_test

from registry import access
from registry.lookup import LEASE_SECONDS
from registry.models import ApiToken, RegistryState, TagEvent
from tests.integration.lookup.conftest import bearer
from tests.integration.lookup.moving import MovingRegistry
from tests.integration.stream.listener import Client, Listener, eventually, listening

pytestmark = pytest.mark.slow
#: Of the processes; the last is the stream listener.
INTERFACES = ("wsgi", "wsgi", "asgi")


@dataclass
class Process:
    """A listener that is started again on its own port when it was killed."""

    interface: str
    port: int = 0
    stack: ExitStack = field(default_factory=ExitStack)

    def start(self) -> Process:
        started = listening(interface=self.interface, port=self.port)
        self.listener: Listener = self.stack.enter_context(started)
        self.port = self.listener.port
        return self

    def kill(self) -> None:
        main = self.listener.process
        for process in [*psutil.Process(main.pid).children(), psutil.Process(main.pid)]:
            process.kill()
        main.wait()
        self.stack.close()

    def get(self, path: str, token: str) -> tuple[int, dict[str, str], bytes]:
        return self.listener.get(path, token)


class ProcessesMachine(MovingRegistry):
    """`processes` are started once for all examples: they follow the database anyhow."""

    processes: tuple[Process, ...] = ()

    def __init__(self) -> None:
        super().__init__()
        self.told: list[int] = []
        self.client: Client | None = None

    @initialize()
    def begin(self) -> None:
        self.fill()
        self.since = _revision()
        self.last_id = str(self.since)
        # The other may be limited, and so be told less.
        self.ear = bearer(name=f"ear-{self.round}")

    def teardown(self) -> None:
        self.leave()

    def nobody_takes(self, token: str) -> None:
        # The stream listener leaves it to the web listener to say what is wrong.
        for process, status in zip(self.processes, (401, 401, 421), strict=True):
            assert process.get(self.paths()[0], token)[0] == status

    @rule(which=st.integers(0, len(INTERFACES) - 1))
    def kill_one(self, which: int) -> None:
        self.processes[which].kill()
        if INTERFACES[which] == "asgi":
            self.leave()
        self.processes[which].start()

    @rule()
    def leave(self) -> None:
        if self.client is not None:
            self.client.close()
            self.told += [event.id for event in self.client.events if event.kind == "tag.moved"]
            self.last_id = self.client.last_id
            self.client = None

    @rule()
    def listen(self) -> None:
        if self.client is None:
            stream = self.processes[-1].listener
            self.client = stream.client(self.ear, last_event_id=self.last_id)
            assert self.client.events[0].kind == "ready"

    @rule()
    def silence(self) -> None:
        """Its token is revoked: it is let go, and returns with another."""
        row = ApiToken.objects.get(name=f"ear-{self.round}", revoked_at=None)
        access.revoke_token(token_id=row.pk, by="test", now=timezone.now())
        client, self.ear = self.client, bearer(name=f"ear-{self.round}")
        if client is not None:
            eventually(lambda: client.has_ended)
            self.leave()

    @invariant()
    def everybody_says_what_the_database_says(self) -> None:
        time.sleep(LEASE_SECONDS)
        revision = _revision()
        for path in self.paths() if self.token else ():
            truth = Database().get(path, headers={"authorization": self.token})
            for process in self.processes:
                status, headers, body = process.get(path, self.token)
                if process.interface == "asgi" and truth.status_code != 200:
                    assert status == 421
                    continue
                assert (status, body) == (truth.status_code, truth.content)
                assert "assay-stale" not in headers
                if status == 200:
                    assert int(headers["assay-registry-revision"]) == revision

    @invariant()
    def who_listens_was_told_everything(self) -> None:
        client = self.client
        if client is not None:
            eventually(lambda: client.revision == str(_revision()))
            moved = TagEvent.objects.filter(registry_revision__gt=self.since).order_by("id")
            now = [event.id for event in client.events if event.kind == "tag.moved"]
            assert {event.kind for event in client.events} <= {"ready", "tag.moved"}
            assert self.told + now == list(moved.values_list("registry_revision", flat=True))


def _revision() -> int:
    state = RegistryState.objects.first()
    return state.revision if state else 0


@pytest.mark.usefixtures("transactional_db")
def test_every_process_equals_the_database_and_the_stream_misses_nothing() -> None:
    processes = tuple(Process(interface).start() for interface in INTERFACES)
    ProcessesMachine.processes = processes
    try:
        run_state_machine_as_test(
            ProcessesMachine,
            settings=settings(
                max_examples=4,
                stateful_step_count=20,
                deadline=None,
                suppress_health_check=[HealthCheck.too_slow],
            ),
        )
    finally:
        for process in processes:
            process.stack.close()
