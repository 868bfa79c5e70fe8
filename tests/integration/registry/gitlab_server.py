"""GitLab as its REST documentation has it, as far as statuses and notes go."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

from tests.integration.registry.host_server import (
    TOKEN,
    Answer,
    Asked,
    Body,
    Handler,
    HostServer,
    RefusedError,
    fields,
)


class GitLabServer(HostServer):
    """`octo/prompts` at GitLab."""

    prefix = "/api/v4"

    def __init__(self) -> None:
        super().__init__()
        self.statuses: dict[tuple[str, str], list[str]] = {}
        self.merges: dict[int, Body] = {}

    def authorise(self, asked: Asked) -> None:
        if asked.headers.get("private-token") != TOKEN:
            raise RefusedError(401, "401 Unauthorized")

    def routes(self) -> Iterator[tuple[str, str, Handler]]:
        project = r"/projects/octo%2Fprompts"
        yield "POST", rf"{project}/statuses/([0-9a-f]{{40}})", self._status
        yield "GET", rf"{project}/merge_requests/(\d+)", self._merge
        yield "GET", rf"{project}/merge_requests/(\d+)/notes", self._listed
        yield "POST", rf"{project}/merge_requests/(\d+)/notes", self._note
        yield "PUT", rf"{project}/merge_requests/(\d+)/notes/(\d+)", self._change

    def propose(self, number: int, head: str, base: str, **changes: Any) -> None:
        """Open or change a merge request."""
        self.commits.add(head)
        self.merges[number] = {
            "iid": number,
            "title": "Ask better.",
            "state": "opened",
            "sha": head,
            "target_branch": "main",
            "source_project_id": 7,
            "target_project_id": 7,
            "diff_refs": {"base_sha": base, "head_sha": head, "start_sha": base},
            "labels": [],
            **changes,
        }

    def states(self, commit: str, context: str) -> list[str]:
        """The states of a commit, the oldest first."""
        return self.statuses.get((commit, context), [])

    def _status(self, asked: Asked, found: re.Match[str]) -> Answer:
        if found[1] not in self.commits:
            raise RefusedError(404, "404 Commit Not Found")
        text = {"name": str, "description": str, "target_url": str}
        fields(asked.body, {"state": str}, text, 400)
        state, key = asked.body["state"], (found[1], asked.body.get("name", "default"))
        if state not in {"pending", "running", "success", "failed", "canceled", "skipped"}:
            raise RefusedError(400, "state does not have a valid value")
        if len(asked.body.get("description", "")) > 255:
            raise RefusedError(400, "description is too long (maximum is 255 characters)")
        seen = self.statuses.setdefault(key, [])
        if seen and seen[-1] == state:
            raise RefusedError(400, f"Cannot transition status via :{state} from :{state}")
        seen.append(state)
        return Answer(201, asked.body)

    def _merge(self, _asked: Asked, found: re.Match[str]) -> Answer:
        if int(found[1]) not in self.merges:
            raise RefusedError(404, "404 Not found")
        return Answer(200, self.merges[int(found[1])])

    def _listed(self, asked: Asked, found: re.Match[str]) -> Answer:
        rows = sorted(self.comments.get(int(found[1]), {}).values(), key=lambda one: one["id"])
        return self.page(asked, rows if asked.query.get("sort") == "asc" else rows[::-1])

    def _note(self, asked: Asked, found: re.Match[str]) -> Answer:
        fields(asked.body, {"body": str}, {}, 400)
        made = {"id": self.next_id(), "body": asked.body["body"]}
        self.comments.setdefault(int(found[1]), {})[made["id"]] = made
        return Answer(201, made)

    def _change(self, asked: Asked, found: re.Match[str]) -> Answer:
        fields(asked.body, {"body": str}, {}, 400)
        note = self.comments.get(int(found[1]), {}).get(int(found[2]))
        if note is None:
            raise RefusedError(404, "404 Note Not Found")
        note["body"] = asked.body["body"]
        return Answer(200, note)
