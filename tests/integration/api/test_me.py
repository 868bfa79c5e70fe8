"""GET me: who the server thinks is calling."""

from __future__ import annotations

from tests.integration.api.conftest import session_client, token_client

ALL = ["lookup", "read", "evaluate", "promote", "admin"]


def test_a_token_is_its_name_scopes_and_globs(db: None) -> None:
    caller = token_client("promote", "lookup", name="deploy", prompts=("team/*",))
    assert caller.get("/api/v1/me").json() == {
        "name": "token:deploy",
        "scopes": ["lookup", "promote"],
        "prompts": ["team/*"],
    }


def test_a_person_is_their_role(db: None) -> None:
    for count, role in enumerate(("viewer", "editor", "promoter", "admin"), start=2):
        body = session_client(role).get("/api/v1/me").json()
        assert body["name"].startswith(f"user:{role}-")
        assert (body["scopes"], body["prompts"]) == (ALL[:count], [])
