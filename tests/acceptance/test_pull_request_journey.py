"""From a pull request to the rollback, through a real remote and a Git host; and once more with
`kill -9` of the worker in every step.
"""

from __future__ import annotations

import hashlib
import hmac
import json
import random
import time
import urllib.request
import uuid
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from assay.client import Assay
from config.embedded.service import ServiceFailedError
from tests.acceptance.conftest import Platform, platform
from tests.integration.evals.model_server import ModelServer, Say
from tests.integration.registry.github_server import GitHubServer
from tests.integration.registry.host_server import TOKEN
from tests.integration.registry.shared_repository import SharedRepository

pytestmark = pytest.mark.slow

SECRET = "It's a Secret to Everybody"
CASES = 60
HEADER = "---\nvariables: {question: {type: string}}\n---\n"
V2, TAGS = "prompts/oracle/v2.jinja2", "oracle: {stable: {version: v1, model: tiny}}\n"
ROWS = [
    {"id": f"c{i}", "variables": {"question": f"case {i}"}, "expected": "yes"} for i in range(CASES)
]
FILES = {
    "prompts/oracle/prompt.yaml": "suites: [oracle]\nmodel: tiny\n",
    "prompts/oracle/v1.jinja2": HEADER + "{{ question }}",
    "suites/oracle.yaml": "dataset: datasets/oracle.jsonl\nchecks: [{type: exact}]\n",
    "datasets/oracle.jsonl": "\n".join(map(json.dumps, ROWS)),
    "gates.yaml": "policies: {gate: {min_pass_rate: 0.9, margin: 0.1}}\ntags: {stable: gate}\n",
    "tags.yaml": TAGS,
}


@dataclass
class World:
    """Everybody who takes part. `strike` kills the worker, or does nothing."""

    assay: Platform
    client: Assay
    remote: SharedRepository
    host: GitHubServer
    model: ModelServer
    strike: Callable[[], None]

    def ring(self, event: str, payload: dict[str, Any]) -> None:
        """What GitHub would post."""
        body = json.dumps(payload).encode()
        signature = hmac.new(SECRET.encode(), body, hashlib.sha256).hexdigest()
        headers = {
            "Content-Type": "application/json",
            "X-GitHub-Event": event,
            "X-GitHub-Delivery": str(uuid.uuid4()),
            "X-Hub-Signature-256": f"sha256={signature}",
        }
        address = f"{self.assay.tree.base_url}/hooks/github"
        request = urllib.request.Request(address, body, headers, method="POST")
        with urllib.request.urlopen(request, timeout=30) as answer:
            assert answer.status == 202

    def checks(self) -> list[dict[str, Any]]:
        """All checks, as REST tells them."""
        address = f"{self.assay.tree.base_url}/api/v1/ci/checks"
        headers = {"Authorization": f"Bearer {self.assay.token}"}
        with urllib.request.urlopen(urllib.request.Request(address, headers=headers)) as answer:
            found: list[dict[str, Any]] = json.load(answer)["results"]
        return found

    def written_back(self) -> int:
        """Commits of Assay on the shared branch."""
        authors = self.remote.git("-C", str(self.remote.bare), "log", "--format=%an", "main")
        return authors.decode().splitlines().count("Assay")


def until(condition: Callable[[], Any], what: str, seconds: float = 90) -> Any:
    """What the condition says once it is true."""
    end = time.monotonic() + seconds
    while not (found := condition()):
        assert time.monotonic() < end, f"never: {what}"
        time.sleep(0.2)
    return found


def killed(assay: Platform) -> bool:
    """Whether there was a worker; the one before may not have a successor yet."""
    try:
        assay.tree.kill("worker")
    except ServiceFailedError:
        return False
    return True


@contextmanager
def world(folder: Path, *, is_deadly: bool) -> Iterator[World]:
    chance = random.Random(7)

    def slowly(_question: str, _nth: int) -> Say:
        return Say("yes", seconds=0.05, cached_tokens=4)

    with ModelServer(slowly) as model, GitHubServer() as host:
        remote = SharedRepository(folder / "git")
        pin = {"served_id": "tiny", "revision": "r1", "base_url": model.url}
        remote.write({**FILES, "models.yaml": json.dumps({"models": {"tiny": pin}})}).commit()
        (folder / "repository").mkdir()
        settings = {
            "ASSAY_REPOSITORY": remote.url,
            "ASSAY_REPOSITORY_POLL_SECONDS": "5",
            "ASSAY_WRITE_BACK": "1",
            "ASSAY_HOOK_SECRET_GITHUB": SECRET,
            "ASSAY_GIT_HOST": "github",
            "ASSAY_GIT_HOST_URL": host.url,
            "ASSAY_GIT_HOST_PROJECT": "octo/prompts",
            "ASSAY_GIT_HOST_TOKEN": TOKEN,
            "ASSAY_PUBLIC_URL": "https://assay.example",
            "ASSAY_EVAL_LEASE_SECONDS": "3",
            "ASSAY_EVAL_SWEEP_SECONDS": "1",
            "ASSAY_OUTBOX_LEASE_SECONDS": "4",
            "ASSAY_OUTBOX_SWEEP_SECONDS": "1",
        }
        with (
            platform(folder, model_url=model.url, settings=tuple(settings.items())) as assay,
            assay.client() as client,
        ):

            def strike() -> None:
                if is_deadly:
                    time.sleep(chance.uniform(0, 1.5))
                    until(lambda: killed(assay), "a worker to be killed")

            yield World(assay, client, remote, host, model, strike)


def propose(world: World) -> str:
    """A branch with a new version, and the pull request for it."""
    git = world.remote.git
    base = world.remote.tip
    git("checkout", "--quiet", "-b", "change")
    world.remote.write({V2: HEADER + "{{ question }} better"})
    git("commit", "--quiet", "--message", "Ask better.")
    head = git("rev-parse", "HEAD").decode().strip()
    git("push", "--quiet", "origin", "change")
    git("checkout", "--quiet", "main")
    world.host.propose(7, head, base)
    news = {"action": "opened", "number": 7, "pull_request": {"head": {"sha": head}}}
    world.ring("pull_request", news)
    return head


def checked(world: World, head: str) -> None:
    """The verdict stands at the commit, in one check run and in one comment."""
    shown = until(
        lambda: [one for one in world.host.shown(head) if one[0] != "pending"], "a verdict"
    )
    assert shown[0][0] == "success", shown
    assert world.host.shown(head)[0][0] == "pending"
    until(lambda: "PASS" in world.host.comment(7), "a comment")
    assert "+{{ question }} better" in world.host.comment(7)
    until(
        lambda: [run.get("conclusion") for run in world.host.check_runs.values()] == ["success"],
        "the one check run",
    )
    told = world.assay.run("show", "oracle", "--json")
    assert json.loads(told.stdout)["versions"] == [1], "a check publishes nothing"


def asked_by_a_job(world: World, head: str) -> None:
    """`assay ci` of the same commit, as a job in CI runs it."""
    report = world.assay.repository / "report.md"
    ended = world.assay.run(
        *("ci", str(world.remote.path), "--base", "main", "--head", head),
        *("--server", world.assay.tree.base_url, "--report", str(report)),
    )
    assert ended.returncode == 0, ended.stdout + ended.stderr
    assert "gate oracle v2: PASS" in ended.stdout
    assert "#### ✅ PASS: `oracle v2` beside v1, which is live," in report.read_text()


def merge(world: World, head: str) -> str:
    """The pull request is merged, and asks for the tag along the way: without evidence, in vain."""
    git = world.remote.git
    git("merge", "--quiet", "--no-ff", "--message", "Merge the change.", head)
    world.remote.write({"tags.yaml": TAGS.replace("v1", "v2")})
    merged = world.remote.commit("Ship it.")
    world.host.commits.add(merged)
    world.ring("push", {"ref": "refs/heads/main", "after": merged})
    return merged


def refused(world: World, merged: str) -> None:
    """v2 is published, v1 is live, and the commit says why."""
    shown = until(lambda: world.host.shown(merged, "assay/tags"), "the answer to tags.yaml")
    assert shown[-1][0] == "failure", shown
    assert live(world) == 1


def live(world: World) -> int:
    return world.client.lookup("oracle").version


def promoted(world: World) -> None:
    """Only an evaluation of what was published opens the gate; the move comes back as a commit."""
    denied = world.assay.run("promote", "oracle", "v2")
    assert denied.returncode == 1, denied.stdout + denied.stderr
    world.client.evaluate("oracle", 2)
    world.strike()
    until(
        lambda: any(run.verdict == "PASS" and run.kind == "gate" for run in world.client.runs()),
        "the gate",
    )
    moved = world.assay.run("promote", "oracle", "v2", "--reason", "better")
    assert moved.returncode == 0, moved.stdout + moved.stderr
    assert live(world) == 2
    world.strike()
    until(lambda: "certificates/oracle/v2@tiny.json" in world.remote.paths(), "the certificate")
    assert "stable: {version: v2, model: tiny}" in world.remote.file("tags.yaml")


def rolled_back(world: World) -> None:
    before = world.remote.tip
    done = world.assay.run("rollback", "oracle", "--reason", "too good")
    assert done.returncode == 0, done.stdout + done.stderr
    assert live(world) == 1
    world.strike()
    until(lambda: world.remote.tip != before, "the second write-back")
    assert "stable: {version: v1, model: tiny}" in world.remote.file("tags.yaml")
    assert world.remote.message().startswith("Point oracle:stable at v1.\n")


def journey(world: World) -> None:
    world.client.sync()
    head = propose(world)
    world.strike()  # while the host is asked, or the commit read
    world.strike()  # while it is evaluated
    world.strike()  # while the host is told
    checked(world, head)
    asked_by_a_job(world, head)
    merged = merge(world, head)
    world.strike()
    refused(world, merged)
    promoted(world)
    rolled_back(world)
    # However often it was begun, it was done once.
    checks = [one for one in world.checks() if one["pull_request"] == 7]
    assert [(one["verdict"], one["progress"]["done"]) for one in checks] == [("PASS", CASES)]
    names = sorted(run["name"] for run in world.host.check_runs.values())
    assert (len(world.host.comments[7]), names) == (1, ["assay/check", "assay/tags"])
    assert world.written_back() == 2


@pytest.mark.parametrize("is_deadly", [False, True], ids=["undisturbed", "worker killed"])
def test_a_pull_request_goes_all_the_way_and_back(tmp_path: Path, is_deadly: bool) -> None:
    with world(tmp_path, is_deadly=is_deadly) as everybody:
        journey(everybody)
