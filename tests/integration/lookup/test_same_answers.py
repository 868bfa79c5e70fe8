"""One table of requests, asked of the fast path and of the REST view: the same answers."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from django.utils import timezone

from registry.models import ApiToken, MirrorState, Prompt, PromptVersion
from tests.integration.lookup.conftest import Got, Web, bearer, eventually, go_live
from tests.integration.registry.conftest import Shelf, make_shelf

PROMPT = "/api/v1/prompts/greeting"
CHAT = '{% chat role="user" %}Hi{% endchat %}'

#: Path, and whether the fast path must be able to answer it by itself.
TABLE = [
    (PROMPT, True),
    (f"{PROMPT}?tag=stable", True),
    (f"{PROMPT}?tag=", True),
    (f"{PROMPT}?tag=canary", True),
    (f"{PROMPT}?tag=beta", True),
    (f"{PROMPT}?tag=nothing", False),
    (f"{PROMPT}?tag=st%61ble", True),
    (f"{PROMPT}?version=2", True),
    (f"{PROMPT}?version=v4", True),
    (f"{PROMPT}?version=&tag=stable", True),
    (f"{PROMPT}?version=9", False),
    (f"{PROMPT}?version=0", False),
    (f"{PROMPT}?version=x", False),
    (f"{PROMPT}?version=2&tag=nothing&key=me", True),
    (f"{PROMPT}?key=", True),
    (f"{PROMPT}?key=%00", False),
    (f"{PROMPT}?key={'k' * 500}", True),
    (f"{PROMPT}?key={'k' * 501}", False),
    (f"{PROMPT}?key=a+b%20%C3%A9", True),
    (f"{PROMPT}?key=%ff", False),
    (f"{PROMPT}?tag=beta&key=a", True),
    (f"{PROMPT}?tag=stable&tag=canary", False),
    (f"{PROMPT}?tag=stable&colour=red", False),
    (f"{PROMPT}?commit=xyz", False),
    (f"{PROMPT}?commit=abcd&tag=stable", False),
    (f"{PROMPT}?format=json", False),
    *[(f"{PROMPT}?tag=stable&key=user-{number}", True) for number in range(12)],
    ("/api/v1/prompts/team/reply", True),
    ("/api/v1/prompts/team/reply?tag=canary", True),
    ("/api/v1/prompts/nobody", False),
    ("/api/v1/prompts/greeting/", False),
    ("/api/v1/prompts/Greeting", False),
    ("/api/v1/prompts/greeting/versions", False),
    ("/api/v1/prompts/bare", False),
    ("/prompt/greeting", True),
    ("/prompt/greeting?tag=canary", True),
    ("/prompt/greeting?version=2", False),
    ("/prompt/talk?tag=stable", True),
    ("/prompt/talks?tag=stable", False),
    ("/prompt/team/reply", True),
    ("/prompt/nobody", False),
]


@pytest.fixture
def library(shelf: Shelf) -> None:
    go_live(2)
    go_live(3, "canary", weight=30)
    go_live(1, "beta")
    for name in ("team/reply", "bare"):
        make_shelf(name)
    go_live(4, prompt="team/reply")
    Prompt.objects.filter(name="team/reply").update(orphaned=True)
    for name, template in (("talk", CHAT), ("talks", CHAT + CHAT)):
        row = PromptVersion(prompt=Prompt.objects.create(name=name), number=1, digest="d" * 64)
        row.commit, row.blob, row.path = "c" * 40, "b" * 40, f"prompts/{name}/v1.jinja2"
        row.content = {
            "type": "chat",
            "variables": {"é": {"maximum": 1e300, "enum": [1.0, 1, None]}},
            "parameters": {"stop": ["</s>", "\u2028"]},
        }
        row.template = template
        row.save()
        go_live(1, prompt=name)
    MirrorState.objects.create(url="x", ref="main", fetched_at=timezone.now())


#: For pages in browsers; the server's own.
_LEFT_OUT = {
    "Content-Length",
    "Content-Security-Policy",
    "Cross-Origin-Opener-Policy",
    "Referrer-Policy",
    "X-Frame-Options",
}


def _alike(one: Got, other: Got) -> None:
    assert one.status == other.status
    assert one.body == other.body
    assert _lasting(one) == _lasting(other)


def _lasting(got: Got) -> dict[str, str]:
    """Headers that matter to a program, without a clock that may tick in between."""
    kept = {name: value for name, value in got.headers.items() if name not in _LEFT_OUT}
    if "Assay-Mirror-Age" in kept:
        assert 0 <= int(kept.pop("Assay-Mirror-Age")) < 60
    return kept


@pytest.mark.parametrize("prompts", [(), ("team/*", "talk*")])
def test_the_view_and_the_fast_path_say_the_same(
    library: None, web: Web, prompts: tuple[str, ...]
) -> None:
    token = bearer(prompts=prompts)
    web.settle()
    for path, fast in TABLE:
        slow = web.get(path, straight=True, authorization=token)
        got = web.get(path, authorization=token)
        _alike(got, slow)
        if fast and got.status == 200:
            assert not got.was_django, path
        if not fast:
            assert got.was_django, path
        if got.status != 200:
            assert got.was_django, path


@pytest.mark.parametrize("path", [PROMPT, f"{PROMPT}?version=2", "/prompt/talk"])
def test_who_has_the_answer_is_told_so(library: None, web: Web, path: str) -> None:
    token = bearer()
    etag = web.settle().get(path, authorization=token).headers["ETag"]
    for sent in (etag, f'"x", W/{etag}', "*", '"other"', etag.strip('"')):
        again = web.get(path, authorization=token, if_none_match=sent)
        _alike(again, web.get(path, straight=True, authorization=token, if_none_match=sent))
        assert again.status == (304 if etag in sent or sent == "*" else 200)
        assert (again.body == b"") == (again.status == 304)


def test_headers_that_change_who_asks_or_how(library: None, web: Web) -> None:
    good, other = bearer(), bearer("read", name="reader")
    expired = bearer(name="old", expires_at=timezone.now() - timedelta(seconds=1))
    web.settle()
    for authorization, status, fast in [
        (good, 200, True),
        (good.replace("Bearer", "bearer"), 200, True),
        (good.replace("Bearer ", "Bearer  ") + " ", 200, True),
        (good[:-1], 401, False),
        (other, 403, False),
        (expired, 401, False),
        ("Basic x", 401, False),
        ("Bearer", 401, False),
        ("", 401, False),
    ]:
        got = web.get(PROMPT, authorization=authorization)
        _alike(got, web.get(PROMPT, straight=True, authorization=authorization))
        assert (got.status, got.was_django) == (status, not fast), authorization
    for headers in [
        {"accept": "text/html"},
        {"accept": "application/json; indent=4"},
        {"accept": "*/*"},
        {"host": "elsewhere.example"},
        {"host": "testserver:8000"},
        {"cookie": "sessionid=x"},
    ]:
        sent: dict[str, Any] = {"authorization": good, **headers}
        _alike(web.get(PROMPT, **sent), web.get(PROMPT, straight=True, **sent))
    for method in ("HEAD", "POST", "OPTIONS", "DELETE"):
        got = web.get(PROMPT, method=method, authorization=good)
        _alike(got, web.get(PROMPT, straight=True, method=method, authorization=good))
        assert got.was_django


def test_a_lookup_s_etag_serves_as_if_match(library: None, web: Web) -> None:
    got = web.get(PROMPT, authorization=bearer())
    assert got.headers["ETag"].startswith('"1-')
    by_key = web.get(f"{PROMPT}?tag=canary", authorization=bearer(name="b"))
    assert by_key.headers["ETag"].startswith('"1-')
    keys = [f"{PROMPT}?key=user-{number}" for number in range(40)]
    token = bearer(name="c")
    canaries = [
        got for key in keys if b'"arm":"canary"' in (got := web.get(key, authorization=token)).body
    ]
    assert 0 < len(canaries) < 40
    assert all("-" not in got.headers["ETag"] for got in canaries)


def test_use_of_a_token_is_noted(library: None, web: Web) -> None:
    token = bearer()
    web.settle()
    assert not web.get(PROMPT, authorization=token).was_django
    eventually(lambda: ApiToken.objects.get(name="app").last_used_at is not None)
