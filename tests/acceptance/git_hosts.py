"""The Git hosts of the journey: how each rings, and in which words it shows how a commit stands."""

from __future__ import annotations

import hashlib
import hmac
import json
import urllib.request
import uuid
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from tests.integration.registry.github_server import GitHubServer
from tests.integration.registry.gitlab_server import GitLabServer
from tests.integration.registry.host_server import TOKEN

SECRET = "It's a Secret to Everybody"
NUMBER = 7


@dataclass
class GitHubSide:
    """Pull requests and check runs."""

    server: GitHubServer = field(default_factory=GitHubServer)
    kind = "github"
    failed = "failure"
    has_check_runs = True

    def news(self, head: str) -> tuple[str, dict[str, Any]]:
        """The event of a pull request that was opened."""
        return "pull_request", {
            "action": "opened",
            "number": NUMBER,
            "pull_request": {"head": {"sha": head}},
        }

    def pushed(self, commit: str) -> tuple[str, dict[str, Any]]:
        """The event of a push to the followed branch."""
        return "push", {"ref": "refs/heads/main", "after": commit}

    def headers(self, event: str, body: bytes) -> dict[str, str]:
        """What proves that it is GitHub that posts."""
        signature = hmac.new(SECRET.encode(), body, hashlib.sha256).hexdigest()
        return {
            "X-GitHub-Event": event,
            "X-GitHub-Delivery": str(uuid.uuid4()),
            "X-Hub-Signature-256": f"sha256={signature}",
        }

    def details(self) -> Mapping[str, str | None]:
        """The conclusion of each check run, by its name; of each name there is one."""
        runs = self.server.check_runs.values()
        found = {run["name"]: run.get("conclusion") for run in runs}
        assert len(found) == len(runs)
        return found


@dataclass
class GitLabSide:
    """Merge requests, and nothing beside the commit's status and a note."""

    server: GitLabServer = field(default_factory=GitLabServer)
    kind = "gitlab"
    failed = "failed"
    has_check_runs = False

    def news(self, head: str) -> tuple[str, dict[str, Any]]:
        """The event of a merge request that was opened."""
        return "Merge Request Hook", {
            "object_kind": "merge_request",
            "object_attributes": {"iid": NUMBER, "action": "open", "last_commit": {"id": head}},
        }

    def pushed(self, commit: str) -> tuple[str, dict[str, Any]]:
        """The event of a push to the followed branch."""
        return "Push Hook", {
            "object_kind": "push",
            "ref": "refs/heads/main",
            "checkout_sha": commit,
        }

    def headers(self, event: str, _body: bytes) -> dict[str, str]:
        """What proves that it is GitLab that posts."""
        return {
            "X-Gitlab-Event": event,
            "X-Gitlab-Event-UUID": str(uuid.uuid4()),
            "X-Gitlab-Token": SECRET,
        }

    def details(self) -> Mapping[str, str | None]:
        """None are shown."""
        return {}


Side = GitHubSide | GitLabSide
SIDES: tuple[Callable[[], Side], ...] = (GitHubSide, GitLabSide)


def settings_of(side: Side) -> dict[str, str]:
    """How Assay is told of the host."""
    return {
        f"ASSAY_HOOK_SECRET_{side.kind.upper()}": SECRET,
        "ASSAY_GIT_HOST": side.kind,
        "ASSAY_GIT_HOST_URL": side.server.url,
        "ASSAY_GIT_HOST_PROJECT": "octo/prompts",
        "ASSAY_GIT_HOST_TOKEN": TOKEN,
    }


def ring(side: Side, base_url: str, event: str, payload: dict[str, Any]) -> None:
    """Post what the host would post."""
    body = json.dumps(payload).encode()
    headers = {"Content-Type": "application/json", **side.headers(event, body)}
    address = f"{base_url}/hooks/{side.kind}"
    request = urllib.request.Request(address, body, headers, method="POST")
    with urllib.request.urlopen(request, timeout=30) as answer:
        assert answer.status == 202
