"""Batches and bundles: from the snapshot, from the view, and by single lookups, the same."""

from __future__ import annotations

import json
from hashlib import sha256
from typing import Any

import pytest

from registry import access
from registry.lookup import MOST_ITEMS
from registry.models import MirrorState, Prompt
from tests.integration.lookup.conftest import Got, Web, bearer, go_live
from tests.integration.lookup.test_same_answers import _alike
from tests.integration.registry.conftest import Shelf, make_shelf

BATCH, BUNDLE = "/api/v1/prompts:batch", "/api/v1/bundle"
KEYS = [f"user-{number}" for number in range(40)]

#: Items of a batch, and whether the fast path must be able to answer them by itself.
TABLE: list[tuple[list[dict[str, Any]], bool]] = [
    ([{"name": "greeting"}], True),
    ([{"name": "greeting", "tag": "canary"}, {"name": "team/reply"}], True),
    ([{"name": "greeting", "version": 2}, {"name": "greeting", "tag": "beta"}], True),
    ([{"name": "greeting", "key": key} for key in [*KEYS, "", "é", 'a"b', "k" * 500]], True),
    ([{"name": "greeting", "if_none_match": "*"}, {"name": "greeting"}], True),
    ([{"name": "greeting", "tag": ""}, {"name": "team/reply", "tag": "canary"}], True),
    ([{"name": "nobody"}, {"name": "greeting"}], False),
    ([{"name": "greeting", "version": 9}, {"name": "greeting", "tag": "none"}], False),
    ([{"name": "bare"}, {"name": "bare", "version": 3}], False),
    ([{"name": " greeting "}], False),
]
#: Bodies that are no batch.
WRONG = [
    {"items": []},
    {"items": {}},
    {"item": [{"name": "greeting"}]},
    {"items": [{"name": "greeting", "colour": "red"}]},
    {"items": [{"tag": "stable"}]},
    {"items": [{"name": "greeting", "version": "x"}]},
    {"items": [{"name": "greeting", "version": 0}]},
    {"items": [{"name": "greeting", "key": "k" * 501}]},
    {"items": [{"name": "greeting"}] * (MOST_ITEMS + 1)},
    [],
    b"{",
    b"\xff",
    b'{"items":[{"name":"greeting","key":"\\ud800"}]}',
    b"[" * 100_000,
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
    MirrorState.objects.create(url="x", ref="main")


def single(web: Web, token: str, item: dict[str, Any]) -> Got:
    """The same question as a single lookup, answered by the view."""
    query: dict[str, str] = {}
    for name in ("version", "tag", "key"):
        if item.get(name) and not (name == "tag" and "version" in query):
            query[name] = str(item[name]).replace("é", "%C3%A9").replace('"', "%22")
    tail = "&".join(f"{name}={value}" for name, value in query.items())
    path = f"/api/v1/prompts/{item['name'].strip()}?{tail}"
    etag = item.get("if_none_match", "")
    sent = {"if_none_match": etag} if etag else {}
    return web.get(path, straight=True, authorization=token, **sent)


@pytest.mark.parametrize("prompts", [(), ("team/*", "bare")])
def test_a_batch_says_what_its_single_lookups_say(
    library: None, web: Web, prompts: tuple[str, ...]
) -> None:
    token = bearer(prompts=prompts)
    web.settle()
    for items, fast in TABLE:
        got = web.post(BATCH, {"items": items}, authorization=token)
        slow = web.post(BATCH, {"items": items}, straight=True, authorization=token)
        _alike(got, slow)
        assert got.status == 200
        if not prompts:
            assert got.was_django == (not fast), items
        said = json.loads(got.body)
        assert str(said["registry_revision"]) == got.headers["Assay-Registry-Revision"]
        for item, answer in zip(items, said["items"], strict=True):
            alone = single(web, token, item)
            assert (answer["name"], answer["status"]) == (item["name"].strip(), alone.status)
            if alone.status == 304:
                assert set(answer) == {"name", "status", "etag"}
            else:
                told = answer["prompt" if alone.status == 200 else "problem"]
                assert told == json.loads(alone.body)
            if alone.status < 400:
                assert answer["etag"] == alone.headers["ETag"]


def test_what_is_no_batch_is_refused_by_the_view(library: None, web: Web) -> None:
    token = bearer()
    web.settle()
    for body in WRONG:
        got = web.post(BATCH, body, authorization=token)
        _alike(got, web.post(BATCH, body, straight=True, authorization=token))
        assert got.was_django
        assert got.status in (400, 422), body
    too_many = web.post(BATCH, {"items": [{"name": "x"}] * (MOST_ITEMS + 1)}, authorization=token)
    assert f"no more than {MOST_ITEMS}" in json.loads(too_many.body)["detail"]


def test_who_may_not_look_up_gets_no_batch_and_no_bundle(library: None, web: Web) -> None:
    reader, good = bearer("read", name="reader"), bearer()
    web.settle()
    for authorization, status in [(reader, 403), (good[:-1], 401), ("", 401), (good, 200)]:
        got = web.post(BATCH, {"items": [{"name": "greeting"}]}, authorization=authorization)
        assert (got.status, got.was_django) == (status, status != 200)
        got = web.get(BUNDLE, authorization=authorization)
        assert (got.status, got.was_django) == (status, status != 200)
    row = access.live_token("app")
    assert row is not None


@pytest.mark.parametrize("prompts", [(), ("team/*",), ("nothing*",)])
@pytest.mark.parametrize("tag", ["", "stable", "canary", "beta", "none", "a b", "%62eta"])
def test_a_bundle_holds_what_single_lookups_say(
    library: None, web: Web, tag: str, prompts: tuple[str, ...]
) -> None:
    token = bearer(prompts=prompts)
    path = f"{BUNDLE}?tag={tag}" if tag else BUNDLE
    web.settle()
    got = web.get(path, authorization=token)
    _alike(got, web.get(path, straight=True, authorization=token))
    known = tag.replace("%62", "b") or "stable"
    answers = [
        single(web, token, {"name": name, "tag": known})
        for name in ("bare", "greeting", "team/reply")
    ]
    expected = [json.loads(one.body) for one in answers if one.status == 200]
    if not expected and known != "stable":
        assert (got.status, json.loads(got.body)["code"]) == (404, "tag_unknown")
        return
    said = json.loads(got.body)
    assert got.was_django == (tag == "%62eta")
    assert (said["prompts"], said["count"], said["tag"]) == (expected, len(expected), known)
    compact = json.dumps(said["prompts"], ensure_ascii=False, separators=(",", ":"))
    assert said["digest"] == sha256(compact.encode()).hexdigest()


def test_a_bundle_that_did_not_change_is_not_sent_again(library: None, web: Web) -> None:
    token = bearer()
    first = web.settle().get(BUNDLE, authorization=token)
    again = web.get(BUNDLE, authorization=token, if_none_match=first.headers["ETag"])
    assert (again.status, again.body, again.was_django) == (304, b"", False)
    go_live(4, "beta")  # of no concern to `stable`
    again = web.settle().get(BUNDLE, authorization=token, if_none_match=first.headers["ETag"])
    assert again.status == 304
    go_live(4)
    changed = web.settle().get(BUNDLE, authorization=token, if_none_match=first.headers["ETag"])
    assert changed.status == 200
    assert changed.headers["ETag"] != first.headers["ETag"]


def test_an_entry_that_is_newer_than_the_revision_is_for_the_database(
    library: None, web: Web
) -> None:
    """It was read a moment after the last look: the others may be older than it."""
    token = bearer()
    web.settle()
    web.lookups.snapshot.entries["greeting"].revision += 1
    items = {"items": [{"name": "greeting"}, {"name": "team/reply"}]}
    assert web.post(BATCH, items, authorization=token).was_django
    assert web.get(BUNDLE, authorization=token).was_django
    assert not web.get("/api/v1/prompts/greeting", authorization=token).was_django
