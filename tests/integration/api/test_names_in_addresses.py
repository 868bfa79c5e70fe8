"""Names with folders and strange spellings never cross from one route or prompt to another."""

from __future__ import annotations

import pytest
from rest_framework.test import APIClient

from tests.integration.api.conftest import Moves, session_client, token_client

BODY = '{"version": 2}'
ESCAPES = [
    "%2e%2e",
    "..",
    "%2e%2e/greeting",
    "%252e%252e/greeting",
    "..%2f..%2fme",
    "%252fgreeting",
    "greeting%2f",
    "greeting/",
    "//greeting",
    "greeting%23",
    "greeting%3f",
    "greeting%00",
    "%00",
    "greeting%0a",
    "greeting%ff",
    "greeting;admin",
    "greeting\\..\\other",
    "GREETING",
    "greeting.",
    "%67reeting%2e%2e",
]


@pytest.fixture
def admin(promoted: Moves) -> APIClient:
    """May see everything; `greeting` is live."""
    promoted(1)
    return session_client("admin")


def ask(client: APIClient, method: str, raw_path: str) -> tuple[int, str]:
    """Status and type, with the path decoded once and not normalised, as a server hands it over."""
    answer = client.generic(method, raw_path, BODY, "application/json")
    return answer.status_code, answer.headers["Content-Type"]


def test_a_strange_name_is_no_other_prompt_and_no_other_route(admin: APIClient) -> None:
    assert ask(admin, "GET", "/prompt/greeting")[0] == 200
    paths = [f"/prompt/{name}" for name in ESCAPES]
    for tail in ("", "/versions", "/tags", "/promotions"):
        paths += [f"/api/v1/prompts/{name}{tail}" for name in ESCAPES]
    for path in paths:
        status, kind = ask(admin, "GET", path)
        assert status in {400, 404, 405}, path
        assert kind == "application/problem+json", path


def test_no_spelling_of_a_name_slips_past_a_glob(admin: APIClient) -> None:
    stranger = token_client(prompts=("other/*", "greet"))
    for name in ["greeting", "%67reeting", *ESCAPES]:
        for method, tail in [("GET", ""), ("GET", "/versions"), ("POST", "/promotions")]:
            status, _ = ask(stranger, method, f"/api/v1/prompts/{name}{tail}")
            assert status in {400, 403, 404}, (method, name, tail)


def test_a_glob_with_a_folder_is_not_left_by_dots(admin: APIClient) -> None:
    caller = token_client(prompts=("greeting/*",))
    for name in ("greeting/..", "greeting/../greeting", "greeting/%2e%2e/greeting", "greeting/"):
        for tail in ("", "/versions", "/tags"):
            status, _ = ask(caller, "GET", f"/api/v1/prompts/{name}{tail}")
            assert status in {403, 404}, (name, tail)


def test_a_folder_in_a_name_is_no_way_around_its_own_words(admin: APIClient) -> None:
    for words in ("versions/tags", "tags/versions", "history/history", "render/versions"):
        assert ask(admin, "GET", f"/api/v1/prompts/greeting/{words}")[0] == 404
    assert ask(admin, "GET", "/api/v1/prompts/greeting/versions")[0] == 200
    assert ask(admin, "GET", "/api/v1/prompts/greeting%2fversions")[0] == 200


def test_static_files_are_those_of_the_folder_and_nothing_above_it(db: None) -> None:
    client = APIClient()
    served = client.get("/static/webui/assay.css")
    assert served.status_code == 200
    served.close()
    for path in (
        "/static/",
        "/static/webui/",
        "/static/webui",
        "/static/../config/env.py",
        "/static/%2e%2e/config/env.py",
        "/static/webui/../../templates/webui/base.html",
        "/static/..%2fapps.py",
        "/static//etc/passwd",
        "/static/webui/assay.css%00.html",
    ):
        assert client.get(path).status_code in {400, 404}, path
