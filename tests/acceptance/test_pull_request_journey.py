"""From a pull or merge request to the rollback, through a real remote and a Git host; and once more
with `kill -9` of the worker in every step.
"""

from __future__ import annotations

import json
import random
import time
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from assay.client import Assay
from config.embedded.service import ServiceFailedError
from tests.acceptance.conftest import Platform, platform
from tests.acceptance.git_hosts import NUMBER, SIDES, Side, ring, settings_of
from tests.integration.evals.model_server import ModelServer, Say
from tests.integration.registry.shared_repository import SharedRepository

pytestmark = pytest.mark.slow

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
    host: Side
    model: ModelServer
    strike: Callable[[], None]

    def ring(self, event: str, payload: dict[str, Any]) -> None:
        """What the host would post."""
        ring(self.host, self.assay.tree.base_url, event, payload)

    def shown(self, commit: str, context: str = "assay/check") -> list[str]:
        """What the host showed of a commit, the oldest first."""
        return self.host.server.states(commit, context)

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
def world(folder: Path, host: Side, *, is_deadly: bool) -> Iterator[World]:
    chance = random.Random(7)

    def slowly(_question: str, _nth: int) -> Say:
        return Say("yes", seconds=0.05, cached_tokens=4)

    with ModelServer(slowly) as model, host.server:
        remote = SharedRepository(folder / "git")
        pin = {"served_id": "tiny", "revision": "r1", "base_url": model.url}
        remote.write({**FILES, "models.yaml": json.dumps({"models": {"tiny": pin}})}).commit()
        (folder / "repository").mkdir()
        settings = {
            "ASSAY_REPOSITORY": remote.url,
            "ASSAY_REPOSITORY_POLL_SECONDS": "5",
            "ASSAY_WRITE_BACK": "1",
            **settings_of(host),
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
    """A branch with a new version, and the request to merge it."""
    git = world.remote.git
    base = world.remote.tip
    git("checkout", "--quiet", "-b", "change")
    world.remote.write({V2: HEADER + "{{ question }} better"})
    git("commit", "--quiet", "--message", "Ask better.")
    head = git("rev-parse", "HEAD").decode().strip()
    git("push", "--quiet", "origin", "change")
    git("checkout", "--quiet", "main")
    world.host.server.propose(NUMBER, head, base)
    world.ring(*world.host.news(head))
    return head


def checked(world: World, head: str) -> None:
    """The verdict stands at the commit, in its one check run where there are such, and in the one
    comment.
    """
    server = world.host.server
    under_way = {"pending", "running"}
    shown = until(lambda: world.shown(head), "a status")
    until(lambda: world.shown(head)[-1] not in under_way, "a verdict")
    assert (shown[0] in under_way, world.shown(head)[-1]) == (True, "success")
    until(lambda: server.comments.get(NUMBER) and "PASS" in server.comment(NUMBER), "a comment")
    assert "+{{ question }} better" in server.comment(NUMBER)
    details = {"assay/check": "success"} if world.host.has_check_runs else {}
    until(lambda: world.host.details() == details, "the one check run")
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
    """The change is merged, and asks for the tag along the way: without evidence, in vain."""
    git = world.remote.git
    git("merge", "--quiet", "--no-ff", "--message", "Merge the change.", head)
    world.remote.write({"tags.yaml": TAGS.replace("v1", "v2")})
    merged = world.remote.commit("Ship it.")
    world.host.server.commits.add(merged)
    world.ring(*world.host.pushed(merged))
    return merged


def refused(world: World, merged: str) -> None:
    """v2 is published, v1 is live, and the commit says why."""
    shown = until(lambda: world.shown(merged, "assay/tags"), "the answer to tags.yaml")
    assert shown[-1] == world.host.failed, shown
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
    checks = [one for one in world.checks() if one["pull_request"] == NUMBER]
    assert [(one["verdict"], one["progress"]["done"]) for one in checks] == [("PASS", CASES)]
    assert len(world.host.server.comments[NUMBER]) == 1
    names = {"assay/check", "assay/tags"} if world.host.has_check_runs else set()
    assert world.host.details().keys() == names
    assert world.written_back() == 2


@pytest.mark.parametrize("is_deadly", [False, True], ids=["undisturbed", "worker killed"])
@pytest.mark.parametrize("side", SIDES, ids=["GitHub", "GitLab"])
def test_a_change_goes_all_the_way_and_back(
    tmp_path: Path, side: Callable[[], Side], is_deadly: bool
) -> None:
    with world(tmp_path, side(), is_deadly=is_deadly) as everybody:
        journey(everybody)
