"""The Python client: what it sends, what it survives, what it never does."""

from __future__ import annotations

from pathlib import Path

import pytest

import assay
from assay.client import Assay
from assay.errors import AnswerNotUnderstoodError, AssayApiError
from assay.settings import SettingInvalidError
from assay.target import Target
from tests.integration.assay.bodies import event, problem, served
from tests.integration.assay.scripted_server import DROPPED, Reply, ScriptedServer

PROMPT = "GET /prompts/support-chat"
PROMOTIONS = "POST /prompts/support-chat/promotions"


def test_the_readme_call_looks_a_prompt_up(server: ScriptedServer) -> None:
    server.script(PROMPT, {**served(), "a_field_of_next_year": 1})
    with assay.Assay(server.url, "assay_secret") as client:
        prompt = client.lookup("support-chat")
    assert (prompt.version, prompt.tag, prompt.fallback) == (3, "stable", False)
    assert "{{ ticket }}" in prompt.template
    assert prompt.model is not None
    assert prompt.model.served_id == "smollm2"
    assert server.received[0].query == {}
    assert server.received[0].headers["authorization"] == "Bearer assay_secret"


def test_address_and_token_come_from_the_environment(
    server: ScriptedServer, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    (tmp_path / "token").write_text("assay_from_file\n", encoding="ascii")
    monkeypatch.setenv("ASSAY_URL", f"{server.url}/")
    monkeypatch.setenv("ASSAY_TOKEN_FILE", str(tmp_path / "token"))
    server.script(PROMPT, served(version=2, tag=None, revision=None, registry_revision=None))
    with Assay() as client:
        assert client.lookup("support-chat", version=2).tag is None
    assert server.received[0].headers["authorization"] == "Bearer assay_from_file"
    assert server.received[0].query == {"version": "2"}


def test_without_a_token_no_credentials_are_sent(server: ScriptedServer) -> None:
    server.script("GET /me", {"name": "x", "scopes": ["read"], "prompts": []})
    with Assay(server.url, "") as client:
        assert client.me().scopes == ("read",)
    assert "authorization" not in server.received[0].headers


@pytest.mark.parametrize("address", ["", "ftp://host", "http://", "host:8000", "http://h:99999"])
def test_an_address_that_is_none_is_refused(address: str) -> None:
    with pytest.raises(SettingInvalidError, match="not the address of a server"):
        Assay(address, "t")


def test_a_write_whose_answer_was_lost_is_sent_once_more_with_the_same_key(
    server: ScriptedServer,
) -> None:
    server.script(PROMOTIONS, DROPPED, Reply(event(), 201))
    with Assay(server.url, "t") as client:
        assert client.promote(Target("support-chat", 4)).revision == 5
        client.promote(Target("support-chat", 4))
    first, again, second = (r.headers["idempotency-key"] for r in server.asked(PROMOTIONS))
    assert first == again
    assert second != first


def test_a_server_that_only_hangs_up_is_unreachable(server: ScriptedServer) -> None:
    server.script(PROMPT, DROPPED)
    with Assay(server.url, "t") as client, pytest.raises(AssayApiError) as caught:
        client.lookup("support-chat")
    assert (caught.value.kind, caught.value.code) == ("unavailable", "server_unreachable")
    assert caught.value.status is None
    assert len(server.received) == 2


def test_nobody_listening_says_how_to_start_a_server(free_port: int) -> None:
    url = f"http://127.0.0.1:{free_port}"
    with Assay(url, "t") as client, pytest.raises(AssayApiError, match=url) as caught:
        client.me()
    assert caught.value.hint == "start it with `assay serve`, or set ASSAY_URL"


def test_a_refusal_carries_kind_code_message_hint_status_and_facts(server: ScriptedServer) -> None:
    body = problem(409, "revision_conflict", "at revision 7 by now", "look again", revision=7)
    server.script(PROMOTIONS, Reply(body, 409))
    with Assay(server.url, "t") as client, pytest.raises(AssayApiError) as caught:
        client.promote(Target("support-chat", 4, expected_revision=5))
    error = caught.value
    assert (error.kind, error.code, error.status) == ("conflict", "revision_conflict", 409)
    assert (error.message, error.hint) == ("at revision 7 by now", "look again")
    assert error.fields == {"revision": 7}
    assert not error.is_passing


def test_pages_are_followed_only_at_our_own_address(server: ScriptedServer) -> None:
    path = "GET /prompts/support-chat/history"
    elsewhere = "https://evil.example/api/v1/prompts/x/history?cursor=next&tag=stable"
    first = {"next": elsewhere, "results": [event()]}
    server.script(path, first, {"next": None, "results": [event(event=11)]})
    with Assay(server.url, "assay_secret") as client:
        found = [move.event for move in client.history("support-chat", tag="stable")]
    assert found == [12, 11]
    assert server.asked(path)[1].query == {"cursor": "next", "tag": "stable"}


def test_a_redirect_is_never_followed_with_the_token(server: ScriptedServer) -> None:
    server.script(PROMPT, Reply({}, 308, {"Location": "http://evil.example/"}))
    with Assay(server.url, "assay_secret") as client, pytest.raises(AssayApiError) as caught:
        client.lookup("support-chat")
    assert caught.value.code == "server_moved"
    assert "http://evil.example/" in caught.value.message


def test_a_proxy_of_the_environment_is_not_asked_for_this_machine(
    server: ScriptedServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HTTP_PROXY", "http://127.0.0.1:9")
    monkeypatch.delenv("NO_PROXY", raising=False)
    server.script(PROMPT, served())
    with Assay(server.url, "t") as client:
        assert client.lookup("support-chat").proven


@pytest.mark.parametrize(
    "reply",
    [
        Reply(raw=b"<html>Welcome</html>"),
        Reply([1, 2]),
        Reply({"name": "support-chat"}),
        Reply({**served(), "version": "v3"}),
        Reply({**served(), "model": {"name": "m"}}),
    ],
)
def test_an_answer_of_something_else_is_an_error_not_a_surprise(
    server: ScriptedServer, reply: Reply
) -> None:
    server.script(PROMPT, reply)
    with Assay(server.url, "t") as client, pytest.raises(AnswerNotUnderstoodError):
        client.lookup("support-chat")


def test_a_proxy_s_error_page_is_one_sentence(server: ScriptedServer) -> None:
    server.script(PROMPT, Reply(status=502, raw=b"<html>" + b"x" * 10_000))
    with Assay(server.url, "t") as client, pytest.raises(AssayApiError) as caught:
        client.lookup("support-chat")
    assert caught.value.message == "the server answered 502 Bad Gateway"
    assert caught.value.kind == "unavailable"


def test_a_run_s_id_cannot_lead_to_another_path(server: ScriptedServer) -> None:
    with Assay(server.url, "t") as client, pytest.raises(AssayApiError):
        client.run("../prompts?x=1")
    assert server.received[0].path == "/api/v1/runs/..%2Fprompts%3Fx%3D1"
    assert server.received[0].query == {}


def test_names_are_quoted_into_the_path(server: ScriptedServer) -> None:
    with Assay(server.url, "t") as client:
        for name in ("a/b", "a?tag=x", "a#b", "ä b"):
            with pytest.raises(AssayApiError):
                client.lookup(name)
    assert [r.path.removeprefix("/api/v1/prompts/") for r in server.received] == [
        *("a/b", "a%3Ftag%3Dx", "a%23b", "%C3%A4%20b")
    ]
