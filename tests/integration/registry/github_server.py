"""GitHub as its REST documentation has it, as far as statuses, checks and comments go."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
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


class GitHubServer(HostServer):
    """`octo/prompts` at GitHub. `is_app`: the token is that of an App's installation."""

    def __init__(self) -> None:
        super().__init__()
        self.is_app = True
        self.statuses: list[Body] = []
        self.check_runs: dict[int, Body] = {}
        self.pulls: dict[int, Body] = {}

    def authorise(self, asked: Asked) -> None:
        if asked.headers.get("authorization") != f"Bearer {TOKEN}":
            raise RefusedError(401, "Bad credentials")
        if not asked.headers.get("user-agent"):
            raise RefusedError(403, "Request forbidden by administrative rules.")
        assert asked.headers["accept"] == "application/vnd.github+json"

    def routes(self) -> Iterator[tuple[str, str, Handler]]:
        repo = r"/repos/octo/prompts"
        yield "POST", rf"{repo}/statuses/([0-9a-f]{{40}})", self._status
        yield "GET", rf"{repo}/commits/([0-9a-f]{{40}})/check-runs", self._listed_check_runs
        yield "POST", rf"{repo}/check-runs", self._make_check_run
        yield "PATCH", rf"{repo}/check-runs/(\d+)", self._change_check_run
        yield "GET", rf"{repo}/issues/(\d+)/comments", self._listed_comments
        yield "POST", rf"{repo}/issues/(\d+)/comments", self._comment
        yield "PATCH", rf"{repo}/issues/comments/(\d+)", self._change_comment
        yield "GET", rf"{repo}/pulls/(\d+)", self._pull

    def propose(self, number: int, head: str, base: str, **changes: Any) -> None:
        """Open or change a pull request."""
        own = {"full_name": "octo/prompts"}
        self.commits.add(head)
        self.pulls[number] = {
            "number": number,
            "title": "Ask better.",
            "state": "open",
            "head": {"sha": head, "ref": "change", "repo": changes.pop("repo", own)},
            "base": {"sha": base, "ref": "main", "repo": own},
            "labels": [{"name": label} for label in changes.pop("labels", ())],
            **changes,
        }

    def states(self, commit: str, context: str) -> list[str]:
        """The states of a commit, the oldest first."""
        return [state for state, _ in self.shown(commit, context)]

    def shown(self, commit: str, context: str = "assay/check") -> list[tuple[str, str]]:
        """The statuses of a commit, the oldest first."""
        return [
            (one["state"], one["description"])
            for one in self.statuses
            if (one["sha"], one["context"]) == (commit, context)
        ]

    def _status(self, asked: Asked, found: re.Match[str]) -> Answer:
        self._known(found[1])
        text = {"context": str, "description": str, "target_url": str}
        fields(asked.body, {"state": str}, text, 422)
        if asked.body["state"] not in {"error", "failure", "pending", "success"}:
            raise RefusedError(422, "Validation Failed: state")
        if len(asked.body.get("description", "")) > 140:
            raise RefusedError(422, "description is too long (maximum is 140 characters)")
        self.statuses.append({**asked.body, "sha": found[1]})
        return Answer(201, asked.body)

    def _known(self, sha: str) -> None:
        if sha not in self.commits:
            raise RefusedError(422, f"No commit found for SHA: {sha}")

    def _app_only(self) -> None:
        if not self.is_app:
            raise RefusedError(403, "You must authenticate via a GitHub App.")

    def _listed_check_runs(self, asked: Asked, found: re.Match[str]) -> Answer:
        rows = [
            run
            for run in self.check_runs.values()
            if run["head_sha"] == found[1] and run["name"] == asked.query["check_name"]
        ]
        return Answer(200, {"total_count": len(rows), "check_runs": rows})

    def _make_check_run(self, asked: Asked, _found: re.Match[str]) -> Answer:
        self._app_only()
        self._check_run_fields(asked.body, {"name": str, "head_sha": str})
        self._known(asked.body["head_sha"])
        made = {"status": "queued", "external_id": "", **asked.body, "id": self.next_id()}
        made["annotations"] = []
        self.check_runs[made["id"]] = made
        return Answer(201, made)

    def _change_check_run(self, asked: Asked, found: re.Match[str]) -> Answer:
        self._app_only()
        run = self.check_runs.get(int(found[1]))
        if run is None:
            raise RefusedError(404, "Not Found")
        self._check_run_fields(asked.body, {})
        if run["status"] == "completed" != asked.body.get("status", "completed"):
            raise RefusedError(422, "a completed check run does not go on")
        annotations = asked.body.get("output", {}).pop("annotations", [])
        run["annotations"] += annotations
        run.update(asked.body)
        return Answer(200, run)

    def _check_run_fields(self, body: Body, required: Mapping[str, type]) -> None:
        known = {"status": str, "external_id": str, "details_url": str, "conclusion": str}
        fields(body, required, {**known, "output": dict}, 422)
        status = body.get("status", "queued")
        conclusions = {"action_required", "cancelled", "failure", "neutral", "success", "skipped"}
        if status not in {"queued", "in_progress", "completed"}:
            raise RefusedError(422, "status is not included in the list")
        if status == "completed" and body.get("conclusion") not in conclusions:
            raise RefusedError(422, "conclusion is required when status is completed")
        if "output" in body:
            self._output(body["output"])

    def _output(self, output: Body) -> None:
        fields(output, {"title": str, "summary": str}, {"annotations": list}, 422)
        if len(output["summary"]) > 65_535:
            raise RefusedError(422, "summary exceeds a maximum bytesize of 65535")
        if len(output.get("annotations", [])) > 50:
            raise RefusedError(422, "no more than 50 annotations")
        for one in output.get("annotations", []):
            place = {"path": str, "start_line": int, "end_line": int, "message": str}
            fields(one, {**place, "annotation_level": str}, {"title": str}, 422)
            if one["annotation_level"] not in {"notice", "warning", "failure"}:
                raise RefusedError(422, "annotation_level is not included in the list")
            if one["start_line"] < 1:
                raise RefusedError(422, "start_line must be positive")

    def _listed_comments(self, asked: Asked, found: re.Match[str]) -> Answer:
        return self.page(asked, list(self.comments.get(int(found[1]), {}).values()))

    def _comment(self, asked: Asked, found: re.Match[str]) -> Answer:
        self._comment_body(asked.body)
        made = {"id": self.next_id(), "body": asked.body["body"]}
        self.comments.setdefault(int(found[1]), {})[made["id"]] = made
        return Answer(201, made)

    def _change_comment(self, asked: Asked, found: re.Match[str]) -> Answer:
        self._comment_body(asked.body)
        for comments in self.comments.values():
            if int(found[1]) in comments:
                comments[int(found[1])]["body"] = asked.body["body"]
                return Answer(200, comments[int(found[1])])
        raise RefusedError(404, "Not Found")

    @staticmethod
    def _comment_body(body: Body) -> None:
        fields(body, {"body": str}, {}, 422)
        if not 0 < len(body["body"]) <= 65_536:
            raise RefusedError(422, "body is too long (maximum is 65536 characters)")

    def _pull(self, _asked: Asked, found: re.Match[str]) -> Answer:
        if int(found[1]) not in self.pulls:
            raise RefusedError(404, "Not Found")
        return Answer(200, self.pulls[int(found[1])])
