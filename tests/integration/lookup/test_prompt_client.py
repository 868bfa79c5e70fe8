"""The prompt client against the real application: the registry's own answers, key by key."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from wsgiref.simple_server import WSGIRequestHandler, WSGIServer, make_server

import pytest
from django.db import connections
from pytest_django.fixtures import Settings

from assay import AssayApiError, Client
from registry.domain.flattening import flatten
from registry.domain.template.errors import RenderError
from registry.domain.version import VersionContent
from registry.models import Prompt, PromptVersion
from registry.preview import RenderInvalidError, preview
from registry.promotion import clear_canary, rollback
from tests.integration.assay.small_registry import eventually
from tests.integration.lookup.conftest import ADMIN, Web, bearer, go_live
from tests.integration.registry.conftest import Shelf
from tests.loopback import Quiet

KEYS = [f"user-{number}" for number in range(2000)]
PARTIALS = {"partials/tone/v1": "Be {{ tone }}.{% set tone = 'x' %}"}
SOURCE = (
    '{% chat role="system" %}{% include "partials/tone/v1" %}{% endchat %}'
    '{% placeholder "history" %}{% chat role="user" %}{{ ticket }} {{ tone }}{% endchat %}'
)


class _Handler(Quiet, WSGIRequestHandler):
    """One answer of the application at a time."""


class _OneThread(WSGIServer):
    def service_actions(self) -> None:
        """The thread's database connections must not outlive the test."""
        connections.close_all()


@contextmanager
def served(web: Web) -> Iterator[str]:
    """The application behind a real socket."""
    server = make_server("127.0.0.1", 0, web.application, _OneThread, _Handler)
    thread = threading.Thread(target=server.serve_forever, args=(0.02,))
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}"
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


def _patient(url: str, secret: str) -> Client:
    """The first request loads every view of the application, which takes a busy machine seconds."""
    return Client(url, secret, cache=False, poll_seconds=0.05, timeout_seconds=60)


@pytest.fixture
def client(shelf: Shelf, web: Web, settings: Settings) -> Iterator[Client]:
    settings.ALLOWED_HOSTS = ["127.0.0.1", "testserver"]
    secret = bearer(prompts=("greeting", "chat")).removeprefix("Bearer ")
    with served(web) as url, _patient(url, secret) as made:
        yield made


def test_every_key_is_on_the_arm_that_the_registry_has_for_it(web: Web, client: Client) -> None:
    token = bearer(name="truth")
    go_live(1)
    for version, weight in [(2, 25), (2, 60), (3, 60), (3, 0)]:
        go_live(version, "canary", weight=weight)
        web.settle()
        wanted = (version, weight)
        eventually(lambda: _canary(client) == wanted)  # noqa: B023 - it is called now
        for number, key in enumerate(KEYS):
            path = f"/api/v1/prompts/greeting?key={key}"
            truth = json.loads(web.get(path, straight=number % 40 == 0, authorization=token).body)
            served = client.get("greeting", key=key).served
            assert (served.version, served.arm, served.model and served.model.digest) == (
                (truth["version"], truth["arm"], truth["model"] and truth["model"]["digest"])
            )
    clear_canary(prompt="greeting", actor=ADMIN)
    eventually(lambda: client.get("greeting", tag="canary").served.fallback)
    assert {client.get("greeting", key=key).version for key in KEYS[:50]} == {1}


def _canary(client: Client) -> tuple[int, int | None]:
    served = client.get("greeting", tag="canary").served
    return served.version, served.weight


def test_a_rollback_arrives_and_what_the_token_may_not_see_does_not(client: Client) -> None:
    go_live(1)
    go_live(2)
    assert client.get("greeting").version == 2
    rollback(prompt="greeting", actor=ADMIN)
    eventually(lambda: client.get("greeting").version == 1)
    assert client.get("greeting", version=4).template == "Hi 4"
    Prompt.objects.create(name="secret")
    for name in ("secret", "nobody"):
        with pytest.raises(AssayApiError) as caught:
            client.get(name)
        assert caught.value.status == 403
    with pytest.raises(AssayApiError) as caught:
        client.get("greeting", tag="beta")
    assert (caught.value.status, caught.value.fields["tags"]) == (404, ["stable"])


def test_it_renders_what_the_registry_renders(client: Client) -> None:
    content = VersionContent(
        "chat",
        1,
        "prompts/chat/v1.jinja2",
        type="chat",
        variables={
            "ticket": {"type": "string", "maxLength": 20},
            "tone": {"enum": ["calm", "terse"], "default": "calm"},
            "stars": {"type": "integer"},
        },
        source=SOURCE,
        partials=PARTIALS,
    )
    row = PromptVersion(prompt=Prompt.objects.create(name="chat"), number=1, digest=content.digest)
    row.commit, row.blob, row.path = "c" * 40, "b" * 40, content.path
    row.content, row.template = content.to_json(), flatten(content.source, content.partials)
    row.save()
    go_live(1, prompt="chat")
    prompt = client.get("chat")
    history = {"history": [{"role": "assistant", "content": "{{ 7 }}"}]}
    for variables in (
        {"ticket": "{{ x }}", "stars": 3},
        {"ticket": "é", "tone": "terse", "stars": 3},
    ):
        there = preview(row, variables, history)
        here = prompt.render(history, **variables)
        assert (here.type, here.text) == (there["type"], there["text"])
        said = [{"role": one.role, "content": one.content} for one in here.messages]
        assert said == there["messages"]
    bad = {"ticket": "x" * 21, "tone": "rude", "extra": 1}
    with pytest.raises(RenderInvalidError) as refused_there:
        preview(row, bad, {})
    with pytest.raises(RenderError) as refused_here:
        prompt.render(**bad)
    assert refused_here.value.fields == refused_there.value.fields
    pointers = {error["pointer"] for error in refused_here.value.fields["errors"]}
    assert pointers == {"/ticket", "/tone", "/extra", "/stars"}
