"""The Langfuse read, asked of the fast path and of the view: the same answers."""

from __future__ import annotations

import base64
import json
from typing import Any

import pytest

from registry.domain.version import VersionContent
from registry.models import Prompt, PromptVersion
from tests.integration.lookup.conftest import Web, bearer, eventually, go_live
from tests.integration.lookup.test_same_answers import _alike
from tests.integration.registry.conftest import Shelf, make_shelf

BASE = "/api/public/v2/prompts/"
PROMPT = f"{BASE}greeting"
CHAT = '{% chat role="user" %}Hi {{ who }}{% endchat %}{% placeholder "history" %}'

#: Path, status, and whether the fast path must be able to answer it by itself.
TABLE = [
    (PROMPT, 200, True),
    (f"{PROMPT}?label=production", 200, True),
    (f"{PROMPT}?label=stable&resolve=true", 200, True),
    (f"{PROMPT}?label=&resolve=false", 200, True),
    (f"{PROMPT}?label=canary", 200, True),
    (f"{PROMPT}?label=beta", 200, True),
    (f"{PROMPT}?label=latest", 200, True),
    (f"{PROMPT}?label=lat%65st", 200, True),
    (f"{PROMPT}?label=nothing", 404, False),
    (f"{PROMPT}?version=2", 200, True),
    (f"{PROMPT}?version=9", 404, False),
    (f"{PROMPT}?version=1.2.0", 400, False),
    (f"{PROMPT}?version=2&label=beta", 400, False),
    (f"{PROMPT}?label=beta&label=beta", 400, False),
    (f"{PROMPT}?tag=beta", 400, False),
    (f"{PROMPT}?resolve=maybe", 400, False),
    (f"{PROMPT}?label=production%4029", 200, True),
    (f"{PROMPT}?label=stable@30", 200, True),
    (f"{PROMPT}?label=stable@100", 400, False),
    (f"{PROMPT}?label=beta@1", 400, False),
    (f"{BASE}team/reply", 200, True),
    (f"{BASE}team/reply?label=canary", 200, True),
    (f"{BASE}talk", 200, True),
    (f"{BASE}rich", 400, False),
    (f"{BASE}bare", 404, False),
    (f"{BASE}bare?label=latest", 200, True),
    (f"{BASE}nobody", 404, False),
    (f"{BASE}greeting/", 404, False),
    (f"{BASE}greeting/versions/1", 405, False),
]


def basic(token: str, public: str = "pk-anything") -> str:
    """The header the SDKs make of their two keys."""
    secret = token.removeprefix("Bearer ")
    return "Basic " + base64.b64encode(f"{public}:{secret}".encode()).decode()


def publish(name: str, source: str, **content: Any) -> None:
    made = VersionContent(name, 1, f"prompts/{name}/v1.jinja2", source=source, **content)
    PromptVersion.objects.create(
        prompt=Prompt.objects.create(name=name),
        number=1,
        digest="d" * 64,
        commit="c" * 40,
        blob="b" * 40,
        path=made.path,
        content=made.to_json(),
        template=source,
    )


@pytest.fixture
def library(shelf: Shelf) -> None:
    go_live(2, model="tiny")
    go_live(3, "canary", weight=30)
    go_live(1, "beta")
    for name in ("team/reply", "bare"):
        make_shelf(name)
    go_live(4, prompt="team/reply")
    publish("talk", CHAT, type="chat", variables={"who": {"type": "string"}})
    publish("rich", "\nHi {{ who | upper }}", variables={"who": {"type": "string"}}, first_line=5)
    go_live(1, prompt="talk")
    go_live(1, prompt="rich")


@pytest.mark.parametrize("prompts", [(), ("team/*", "talk*")])
@pytest.mark.parametrize("agent", ["python-httpx/0.28", "litellm/1.106.2"])
def test_the_view_and_the_fast_path_say_the_same(
    library: None, web: Web, prompts: tuple[str, ...], agent: str
) -> None:
    token = basic(bearer(prompts=prompts))
    web.settle()
    for path, status, fast in TABLE:
        slow = web.get(path, straight=True, authorization=token, user_agent=agent)
        got = web.get(path, authorization=token, user_agent=agent)
        _alike(got, slow)
        if not prompts:
            assert got.status == status, (path, got.body)
        assert got.was_django == (not fast or got.status != 200), path
        if got.status not in (200, 404, 304):
            assert {"message", "error"} <= set(json.loads(got.body)), path


def test_who_may_read_and_how_keys_are_shown(library: None, web: Web) -> None:
    good, other = bearer(), bearer("read", name="reader")
    web.settle()
    for authorization, status, fast in [
        (basic(good), 200, True),
        (basic(good, public=""), 200, True),
        (good, 200, True),
        (basic(good)[:-4], 401, False),
        (basic(good[:-1]), 401, False),
        (basic(other), 403, False),
        ("Basic %%%", 401, False),
        ("", 401, False),
    ]:
        got = web.get(PROMPT, authorization=authorization)
        _alike(got, web.get(PROMPT, straight=True, authorization=authorization))
        assert (got.status, got.was_django) == (status, not fast), authorization


def test_a_move_is_seen_at_once_and_labels_move_with_it(library: None, web: Web) -> None:
    token = basic(bearer())
    web.settle()
    before = json.loads(web.get(PROMPT, authorization=token).body)
    assert (before["version"], before["labels"]) == (2, ["production", "stable"])
    go_live(4)
    web.lookups.keeper.expire()
    eventually(lambda: not web.get(PROMPT, authorization=token).was_django)
    after = json.loads(web.get(PROMPT, authorization=token).body)
    assert (after["version"], after["labels"]) == (4, ["latest", "production", "stable"])
