"""Clients of other registries: what memory answers them is what the views do."""

from __future__ import annotations

import json
from typing import Any
from urllib.parse import quote

import pytest

from config import dialects
from registry.models import Prompt
from tests.integration.lookup.conftest import Got, Web, bearer, environ_of, eventually, go_live
from tests.integration.lookup.test_langfuse_same_answers import basic, publish
from tests.integration.lookup.test_same_answers import _alike
from tests.integration.registry.conftest import Shelf, make_shelf

FLAGS = "/ofrep/v1/evaluate/flags"
MLFLOW = "/api/2.0/mlflow/"
LITELLM = "/beta/litellm_prompt_management?prompt_id="
LIKE = "name LIKE 'gr%'"
USERS = [f"user-{number}" for number in range(20)]

#: Flag (empty: all), context, status, and whether the fast path must answer it by itself.
EVALUATIONS: list[tuple[str, dict[str, Any], int, bool]] = [
    ("", {}, 200, True),
    *[("", {"targetingKey": user}, 200, True) for user in USERS[:5]],
    ("", {"assay.tag": "beta"}, 200, True),
    ("", {"assay.tag": "nobody"}, 200, True),
    *[("/prompt.greeting", {"targetingKey": user}, 200, True) for user in USERS],
    ("/prompt.greeting", {"assay.tag": "canary", "plan": "free"}, 200, True),
    ("/prompt.greeting", {"assay.tag": "nobody"}, 404, False),
    ("/prompt.team.reply", {}, 200, True),
    ("/prompt.team/reply", {}, 200, True),
    ("/prompt.bare", {}, 404, False),
    ("/prompt.nobody", {}, 404, False),
    ("/greeting", {}, 404, False),
    ("/prompt.two.dots", {}, 400, False),
    ("/prompt.greeting", {"targetingKey": 7}, 400, False),
]
#: Reads of MLflow and LiteLLM, and whether there is something to answer.
READS = [
    *[
        (f"{MLFLOW}{route}", is_good)
        for route, is_good in [
            ("registered-models/get?name=greeting", True),
            ("registered-models/get?name=team.reply", True),
            ("registered-models/get?name=two.dots", False),
            ("registered-models/get?name=nobody", False),
            ("registered-models/get", False),
            ("registered-models/alias?name=greeting&alias=stable", True),
            ("registered-models/alias?name=greeting&alias=canary", True),
            ("registered-models/alias?name=greeting&alias=latest", True),
            ("registered-models/alias?name=greeting&alias=nothing", False),
            ("registered-models/alias?name=bare&alias=stable", False),
            ("registered-models/alias?name=empty&alias=latest", False),
            ("model-versions/get?name=greeting&version=3", True),
            ("model-versions/get?name=greeting&version=99", False),
            ("model-versions/get?name=greeting&version=x", False),
            ("model-versions/get?name=unlike&version=1", False),
            ("registered-models/search?max_results=2", True),
            ("registered-models/search?max_results=2&page_token=greeting", True),
            (f"registered-models/search?filter={quote(LIKE)}", True),
            ("registered-models/search?order_by=name%20DESC", True),
            ("registered-models/search?order_by=colour", False),
        ]
    ],
    (f"{LITELLM}greeting@v3", True),
    (f"{LITELLM}team/reply@v1", True),
    (f"{LITELLM}greeting@v99", False),
    (f"{LITELLM}greeting@stable", False),
    (f"{LITELLM}greeting", False),
    (f"{LITELLM}nobody@v1", False),
    (f"{LITELLM}greeting@v1&label=x", False),
    (f"{LITELLM}unlike@v1", False),
]


@pytest.fixture
def library(shelf: Shelf) -> None:
    go_live(2, model="tiny")
    go_live(3, "canary", weight=30)
    go_live(1, "beta")
    for name in ("team/reply", "bare", "two/dots", "two.dots"):
        make_shelf(name)
    go_live(4, prompt="team/reply")
    publish("unlike", "{{ who | tojson }}", variables={"who": {"type": "object"}})
    Prompt.objects.create(name="empty", description="No version yet.")
    Prompt.objects.filter(name="greeting").update(description="Greets.")


def evaluate(web: Web, flag: str, body: Any, *, straight: bool = False, **headers: Any) -> Got:
    return web.post(f"{FLAGS}{flag}", body, straight=straight, **headers)


def from_memory(web: Web, path: str, authorization: str, method: str = "GET") -> Got | None:
    """What is answered when the database does not."""
    environ = environ_of(path, method, b"", {"authorization": authorization})
    answer = dialects.asked(environ, web.lookups)
    reply = answer(last_known=True) if answer else None
    return Got(reply.status, dict(reply.headers), reply.body, was_django=False) if reply else None


@pytest.mark.parametrize("prompts", [(), ("team/*", "two/*")])
def test_evaluations_are_those_of_the_view(
    library: None, web: Web, prompts: tuple[str, ...]
) -> None:
    token = bearer(prompts=prompts)
    web.settle()
    for flag, context, status, fast in EVALUATIONS:
        body = {"context": context}
        got = evaluate(web, flag, body, authorization=token)
        _alike(got, evaluate(web, flag, body, straight=True, authorization=token))
        if not prompts:
            assert (got.status, got.was_django) == (status, not fast), (flag, context, got.body)


def test_all_evaluations_are_sent_again_only_when_one_of_them_is_another(
    library: None, web: Web
) -> None:
    token, body = bearer(), {"context": {"targetingKey": "ada"}}
    etag = evaluate(web.settle(), "", body, authorization=token).headers["ETag"]
    for straight in (False, True):
        sent = {"authorization": token, "if_none_match": etag}
        again = evaluate(web, "", body, straight=straight, **sent)
        assert (again.status, again.body, again.headers["ETag"]) == (304, b"", etag)
    go_live(1, prompt="team/reply")
    changed = evaluate(web.settle(), "", body, authorization=token, if_none_match=etag)
    assert changed.status == 200
    assert changed.headers["ETag"] != etag


def test_who_may_evaluate_and_how_tokens_are_shown(library: None, web: Web) -> None:
    good, reader = bearer(), bearer("read", name="reader")
    secret = good.removeprefix("Bearer ")
    web.settle()
    cases: list[tuple[dict[str, Any], int, bool]] = [
        ({"authorization": good}, 200, True),
        ({"authorization": basic(good)}, 200, True),
        ({"x_api_key": secret}, 200, True),
        ({"authorization": "Basic %%%", "x_api_key": secret}, 401, False),
        ({"x_api_key": secret[:-1]}, 401, False),
        ({"authorization": reader}, 403, False),
        ({"authorization": good, "accept": "text/html"}, 406, False),
        ({}, 401, False),
    ]
    for headers, status, fast in cases:
        got = evaluate(web, "/prompt.greeting", {}, **headers)
        _alike(got, evaluate(web, "/prompt.greeting", {}, straight=True, **headers))
        assert (got.status, got.was_django) == (status, not fast), headers


@pytest.mark.parametrize("prompts", [(), ("team/*", "two/*")])
def test_the_last_known_is_what_the_view_said(
    library: None, web: Web, prompts: tuple[str, ...]
) -> None:
    token = bearer(prompts=prompts)
    web.settle()
    for path, is_good in READS:
        said = web.get(path, authorization=token)
        assert said.was_django
        known = from_memory(web, path, token)
        if not prompts:
            assert (said.status == 200) is is_good, (path, said.body)
        if said.status != 200:
            assert known is None, path
            continue
        assert known is not None, path
        assert json.loads(known.body) == json.loads(said.body)
        assert known.headers["Cache-Control"] == "no-store"


def test_the_last_known_is_told_to_nobody_else(library: None, web: Web) -> None:
    reader = bearer("read", name="reader")
    web.settle()
    for path, _ in READS:
        assert from_memory(web, path, reader) is None
        assert from_memory(web, path, "Bearer nobody") is None
    set_tag = f"{MLFLOW}registered-models/set-tag"
    token = bearer()
    told = from_memory(web.settle(), set_tag, token, "POST")
    assert told is not None
    assert told.body == b"{}"


def test_a_description_is_as_new_as_a_pointer(library: None, web: Web) -> None:
    token, path = bearer(), f"{MLFLOW}registered-models/get?name=greeting"
    web.settle()
    Prompt.objects.filter(name="greeting").update(description="Greets warmly.")

    def described() -> str:
        known = from_memory(web.settle(), path, token)
        return str(json.loads(known.body)["registered_model"]["description"]) if known else ""

    eventually(lambda: described() == "Greets warmly.")
