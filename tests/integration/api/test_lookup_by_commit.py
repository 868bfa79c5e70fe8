"""GET prompts/{name}?commit=: the newest version in a commit's tree, as it was published."""

from __future__ import annotations

import shutil
from collections import Counter
from pathlib import Path

from pytest_django.fixtures import Settings
from rest_framework.test import APIClient

from tests.integration.api.conftest import problem, token_client
from tests.integration.registry.git_repositories import PromptRepository

CHAT = "/api/v1/prompts/chat"
VERSION = "---\nvariables:\n  name: {}\n---\nHello again {{ name }}\n"


def sync(caller: APIClient) -> None:
    answer = caller.post("/api/v1/syncs", {})
    assert (answer.status_code, answer.json()["status"]) == (200, "applied"), answer.content


def test_each_commit_answers_with_the_newest_version_in_its_tree(
    library: PromptRepository, caller: APIClient
) -> None:
    first = library.head
    library.write({"prompts/chat/v3.jinja2": VERSION}).commit("Say it again.")
    second = library.head
    library.write({"README.md": "Nothing about prompts.\n"}).commit("Write.")
    sync(caller)
    client = token_client("lookup")
    for commit, version in [(first, 2), (second, 3), (library.head, 3)]:
        for digits in (commit, commit[:8], commit[:8].upper()):
            answer = client.get(f"{CHAT}?commit={digits}")
            assert answer.status_code == 200, answer.content
            assert answer.json() == client.get(f"{CHAT}?version={version}").json()
            assert answer.headers["ETag"] == client.get(f"{CHAT}?version={version}").headers["ETag"]


def test_why_a_commit_has_no_answer(library: PromptRepository, caller: APIClient) -> None:
    library.write({"prompts/chat/v3.jinja2": "{% broken\n"}).commit("Break.")
    broken = library.head
    library.write({"prompts/chat/v3.jinja2": VERSION}).commit("Mend.")
    library.write({"prompts/chat/v4.jinja2": VERSION}).commit("Draft.")
    draft = library.head
    library.write({"prompts/chat/v4.jinja2": VERSION + "More.\n"}).commit("Finish.")
    sync(caller)
    library.write({"prompts/chat/v5.jinja2": VERSION}).commit("Not synced.")
    for commit, code in [
        (broken, "commit_not_published"),
        (draft, "commit_not_published"),
        (library.head, "commit_missing"),
        ("f" * 40, "commit_missing"),
    ]:
        problem(caller.get(f"{CHAT}?commit={commit}"), 404, code)
    assert (
        caller.get(f"{CHAT}?commit={library.git('rev-parse', 'HEAD~1').decode()[:12]}").json()[
            "version"
        ]
        == 4
    )
    first = library.git("rev-list", "--max-parents=0", "HEAD").decode().strip()
    assert caller.get(f"/api/v1/prompts/team/reply?commit={first}").json()["version"] == 1
    problem(caller.get(f"/api/v1/prompts/nobody?commit={first}"), 404, "prompt_unknown")
    library.write({"prompts/late/v1.jinja2": "Late\n"}).commit("Late.")
    sync(caller)
    answer = caller.get(f"/api/v1/prompts/late?commit={first}")
    body = problem(answer, 404, "commit_without_version")
    assert first[:12] in body["detail"]


def test_what_is_no_commit(library: PromptRepository, caller: APIClient) -> None:
    tree = library.git("rev-parse", "HEAD^{tree}").decode().strip()
    problem(caller.get(f"{CHAT}?commit={tree}"), 404, "commit_missing")
    for text in ("abc", "HEAD", "main", "--help", "g" * 40, "a" * 65, "abcd;ls", "../x"):
        problem(caller.get(f"{CHAT}?commit={text}"), 422, "commit_invalid")
    for other in ("tag=stable", "version=1", "key=me"):
        answer = caller.get(f"{CHAT}?commit={library.head}&{other}")
        assert other.partition("=")[0] in problem(answer, 422, "invalid")["detail"]
    assert caller.get(f"{CHAT}?commit=").json()["tag"] == "stable"


def test_several_commits_that_begin_alike(library: PromptRepository, caller: APIClient) -> None:
    head = "commit refs/heads/main\ncommitter C <c@example.org> 1 +0000\ndata 1\nx"
    more = "\n".join([f"{head}\nfrom {library.head}", *[head] * 1500, ""])
    library.git("fast-import", "--quiet", stdin=more.encode())
    ids = library.git("rev-list", "HEAD").decode().split()
    alike = Counter(id_[:4] for id_ in ids)
    [(digits, count)] = alike.most_common(1)
    assert count > 1
    sync(caller)
    body = problem(caller.get(f"{CHAT}?commit={digits}"), 422, "commit_ambiguous")
    assert f"{count} commits begin with {digits}" in body["detail"]
    assert caller.get(f"{CHAT}?commit={ids[0]}").json()["version"] == 2


def test_a_machine_without_a_mirror_fetches_once(
    library: PromptRepository, caller: APIClient, settings: Settings, tmp_path: Path
) -> None:
    settings.DATA_DIR = tmp_path / "another"
    head = library.head
    assert caller.get(f"{CHAT}?commit={head}").json()["version"] == 2
    shutil.rmtree(library.path)
    assert caller.get(f"{CHAT}?commit={head}").json()["version"] == 2
    problem(caller.get(f"{CHAT}?commit={'f' * 40}"), 404, "commit_missing")
