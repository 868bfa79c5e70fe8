"""GET /api/v1/stream/runs/{id}: how far a run is, for its page (docs/reference/stream.md).

Who asks is the browser's session, which reaches every port of its host, and who may is who may read
the run's page.
"""

from __future__ import annotations

import json
import time
from dataclasses import asdict
from functools import partial
from importlib import import_module
from uuid import UUID

from django.conf import settings
from django.contrib.auth import get_user
from django.http import HttpRequest, parse_cookie

from config.hosts import is_page_origin, is_secure
from config.stream.clients import full, later, streaming
from config.stream.http import Answer, Headers, Request, Send, problem
from config.stream.run_watch import UNANSWERED, Database, RunWatch
from config.stream.window import Window
from core.errors import AssayError
from evals import queries
from evals.queries import RunProgress
from registry import access
from registry.api.problems import status_of
from registry.domain.actor import Scope
from registry.models import User

#: The routes begin with it.
RUNS = "/api/v1/stream/runs/"


class RunEvents:
    """The routes' handler."""

    def __init__(self, window: Window, *, heartbeat_seconds: float, most_clients: int) -> None:
        """Clients are of the window's; beyond `most_clients` they are turned away for a while."""
        self._window = window
        self._heartbeat_seconds, self._most_clients = heartbeat_seconds, most_clients
        self._database = Database()
        self._watch = RunWatch(self._database)

    async def __call__(self, request: Request, send: Send) -> Answer | None:
        """Stream until the run is over, or somebody ends it."""
        shared = _shared(request)
        answer = await self._answer(request, send, shared)
        return answer and answer._replace(headers=[*answer.headers, *shared])

    def stop(self) -> None:
        """Let nothing wait for the database."""
        self._database.stop()

    async def _answer(self, request: Request, send: Send, shared: Headers) -> Answer | None:
        key = parse_cookie(request.header("cookie")).get(settings.SESSION_COOKIE_NAME, "")
        run_id = _run_id(request.path.removeprefix(RUNS))
        if run_id is None:
            return problem(404, "route_unknown", "There is nothing here.")
        try:
            found = await self._database.ask(partial(_seen, key, run_id))
        except AssayError as error:
            return problem(status_of(error), error.code, error.message, error.hint)
        except UNANSWERED:
            return later("stream_not_ready", "The database does not answer.")
        if found is None:
            return problem(401, "not_authenticated", "Nobody is signed in.")
        if len(self._window) >= self._most_clients:
            return full(self._most_clients)
        await self._serve(key, run_id, found, request, send, shared)
        return None

    async def _serve(
        self,
        key: str,
        run_id: UUID,
        told: RunProgress,
        request: Request,
        send: Send,
        shared: Headers,
    ) -> None:
        beat = self._heartbeat_seconds
        async with streaming(self._window, request, send, beat, shared) as client:
            with self._watch.watching(run_id, told, client.news):
                await client.greet()
                await client.tell(_event(told))
                beat_at = time.monotonic() + beat
                while told.is_live and not client.is_over:
                    client.news.clear()
                    if self._watch[run_id] != told:
                        told = self._watch[run_id]
                        await client.tell(_event(told))
                    elif (left := beat_at - time.monotonic()) > 0:
                        await client.hears_within(left)
                    elif await self._may_still(key, run_id):
                        await client.tell(b": alive\n\n")
                        beat_at = time.monotonic() + beat
                    else:
                        break

    async def _may_still(self, key: str, run_id: UUID) -> bool:
        """Somebody may have been signed out meanwhile. A database that is down changes nothing."""
        try:
            return await self._database.ask(partial(_seen, key, run_id)) is not None
        except AssayError:
            return False
        except UNANSWERED:
            return True


def _run_id(text: str) -> UUID | None:
    """As the page's address has it, and in no other spelling."""
    try:
        found = UUID(text)
    except ValueError:
        return None
    return found if str(found) == text else None


def _seen(key: str, run_id: UUID) -> RunProgress | None:
    """What the page of the run would show to the session; None: it would ask to sign in.

    Raises what the page would say: NotAllowedError, RunUnknownError.
    """
    if not (key.isascii() and key.isalnum()):
        return None
    request = HttpRequest()
    request.session = import_module(settings.SESSION_ENGINE).SessionStore(key)
    # It also checks the session's hash, and that the person is active.
    person = get_user(request)
    if not isinstance(person, User):
        return None
    actor = access.actor_of(person)
    actor.require(Scope.READ)
    run = queries.run_for(actor, run_id)
    return RunProgress(run.status, run.total, run.done, run.errors)


def _shared(request: Request) -> Headers:
    """What lets a page on the web listener's port read the answer, and no other page (CORS)."""
    origin, host = request.header("origin"), request.header("host")
    is_over_tls = is_secure(request.scheme, request.header)
    if not is_page_origin(origin, host, is_over_tls=is_over_tls):
        return [("Vary", "Origin")]
    return [
        ("Access-Control-Allow-Origin", origin),
        ("Access-Control-Allow-Credentials", "true"),
        ("Vary", "Origin"),
    ]


def _event(found: RunProgress) -> bytes:
    """`progress`, and `end` for the last."""
    data = json.dumps(asdict(found), separators=(",", ":"))
    return f"event: {'progress' if found.is_live else 'end'}\ndata: {data}\n\n".encode()
