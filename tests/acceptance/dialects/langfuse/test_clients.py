"""The real, unmodified SDKs of Langfuse against a running Assay."""

from __future__ import annotations

import base64
import json
import sys
import urllib.error
import urllib.request
from collections.abc import Mapping
from typing import Any

import pytest

from tests.acceptance.dialects.conftest import HERE, Registry
from tests.acceptance.dialects.environments import answers_of, node_with, python_with

FOLDER = HERE / "langfuse"
CLIENTS = ("python 5", "python 4", "javascript 5")
STABLE = "Be kind, Ann.Be kind."
WORD = {"arm": "stable", "tag": "stable", "revision": 1, "fallback": False}


@pytest.fixture(scope="module", params=CLIENTS)
def answers(request: pytest.FixtureRequest, registry: Registry) -> dict[str, Any]:
    """What one client got, by what it asked. Its token may look up; it tries to write as well."""
    client: str = request.param
    token = registry.token_for(f"app-{client}", scopes=["lookup", "promote"])
    settings = {
        "LANGFUSE_PUBLIC_KEY": "pk-lf-any",
        "LANGFUSE_SECRET_KEY": token,
        "LANGFUSE_BASE_URL": registry.url,
        "LANGFUSE_HOST": registry.url,
    }
    return {**_run(client, settings), "client": client}


def _run(client: str, settings: Mapping[str, str]) -> dict[str, Any]:
    found: dict[str, Any]
    if client == "javascript 5":
        home = node_with(FOLDER / "langfuse-js")
        # Node looks for packages beside the script.
        script = home / "javascript_app.mjs"
        script.write_text((FOLDER / "javascript_app.mjs").read_text(encoding="utf-8"))
        found = answers_of("node", script, settings=settings, folder=home)
    else:
        python = sys.executable if client == "python 5" else python_with("langfuse4")
        found = answers_of(python, FOLDER / "python_app.py", settings=settings)
    return found


@pytest.mark.parametrize("label", [None, "production", "stable@30"])
def test_what_is_live_is_text_with_the_variables_filled_in(
    answers: dict[str, Any], label: str | None
) -> None:
    got = answers[f"label {label}"]
    assert (got["version"], got["compiled"], got["fallback"]) == (1, STABLE, False)
    assert got["labels"] == ["production", "stable"]
    expected = {"model": "tiny-served", "temperature": 0.2, "stop": ["END"], "assay": WORD}
    assert got["config"] == expected


@pytest.mark.parametrize("label", ["canary", "production@29", "latest"])
def test_the_canary_by_label_and_by_bucket(answers: dict[str, Any], label: str) -> None:
    got = answers[f"label {label}"]
    assert (got["version"], got["compiled"]) == (2, "Welcome, Ann!")
    assert got["labels"] == ["canary", "latest"]
    word = got["config"].get("assay")
    assert word == (None if label == "latest" else {**WORD, "arm": "canary", "tag": "canary"})
    assert answers["version"]["compiled"] == "Welcome, Ann!"


def test_a_chat_in_a_folder_with_an_include_and_the_turns_before(answers: dict[str, Any]) -> None:
    assert answers["chat"] == [
        {"role": "system", "content": "You help the customers of ACME. Be kind."},
        {"role": "user", "content": "Hi"},
        {"role": "assistant", "content": "Hello"},
        {"role": "user", "content": "Why?"},
    ]
    assert answers["shape"] == 'Answer {"name": "{name}"} for Ann.'


def test_health_projects_and_lists(answers: dict[str, Any]) -> None:
    assert answers["health"] == "OK"
    names, total = answers["list"]
    assert (names, total) == (["listing", "polite"], 8)
    if answers["client"].startswith("python"):
        assert answers["auth"] is True
        assert answers["raw"] == "Be kind, {{name}}.Be kind."
        assert answers["by label"] == [[3], [2]]
    if answers["client"] == "python 5":
        labels = ["canary", "latest", "production", "stable"]
        assert answers["filtered"] == [["team/welcome", [1, 2], labels]]


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("listing", "prompts/listing/v1.jinja2:5: `{% for %}` over"),
        ("latex", "prompts/latex/v1.jinja2:5: a literal `{{`"),
        ("greeting", "the variable `place` has a default"),
    ],
)
def test_what_substitution_cannot_express_is_named(
    answers: dict[str, Any], name: str, said: str
) -> None:
    if answers["client"].startswith("python"):
        assert said in answers[f"refused {name}"]
    assert answers[f"refused {name}"] != "no error"


def test_what_is_not_there(answers: dict[str, Any]) -> None:
    assert answers["refused nobody"] != "no error"
    assert answers["no label"] != "no error"
    fallback = answers["fallback"]
    assert (fallback["compiled"], fallback["fallback"]) == ("Hi Ann", True)


def test_writes_point_at_the_repository_and_labels_at_the_gate(answers: dict[str, Any]) -> None:
    assert answers["create"] != "no error"
    assert answers["update"] != "no error"
    if answers["client"].startswith("python"):
        assert "prompts/mine/vN.jinja2 in the prompt repository" in answers["create"]
        assert "has no valid certificate for stable on tiny" in answers["update"]
        assert "never deleted" in answers["delete"]


def test_traces_and_scores_log_no_error_and_become_outcomes(
    answers: dict[str, Any], registry: Registry
) -> None:
    assert answers["logged"] == []
    bearer = {"Authorization": f"Bearer {registry.platform.token}"}
    address = f"{registry.url}/api/v1/prompts/team/welcome/outcomes"
    with urllib.request.urlopen(urllib.request.Request(address, headers=bearer)) as answer:
        found = json.load(answer)["results"]
    seen = {(one["version"], one["arm"], one["name"], one["kind"]): one["count"] for one in found}
    # Each client's own two scores, and nothing of them anywhere else.
    counts = set(seen.values())
    assert set(seen) == {
        (2, "canary", "helpful", "BOOLEAN"),
        (2, "canary", "said", "CATEGORICAL"),
    }
    assert len(counts) == 1
    assert counts.pop() >= 1


def test_a_chunked_body_arrives_whole(registry: Registry) -> None:
    """The JS SDK's exporter may send no length; a server behind WSGI would read nothing."""
    pair = base64.b64encode(f"pk:{registry.token}".encode()).decode()

    def chunks() -> Any:
        yield b'{"resource'
        yield b'Spans": 3'

    request = urllib.request.Request(
        f"{registry.url}/api/public/otel/v1/traces",
        data=chunks(),
        headers={"Authorization": f"Basic {pair}", "Content-Type": "application/json"},
        method="POST",
    )
    with pytest.raises(urllib.error.HTTPError) as failed:
        urllib.request.urlopen(request)
    # Only somebody who has read it can say that it is broken JSON.
    assert failed.value.code == 400
    assert "the body is not JSON" in json.load(failed.value)["message"]
