"""GitHub's REST interface (version 2022-11-28), as far as statuses and comments need it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from registry.githost.app import App
from registry.githost.calling import Caller, HostRefusedError
from registry.githost.headers import github_headers
from registry.githost.marking import mark_of
from registry.githost.values import PullRequest
from registry.models import HostReport

_STATE = HostReport.State
_STATUS = {
    _STATE.QUEUED: "pending",
    _STATE.RUNNING: "pending",
    _STATE.PASSED: "success",
    _STATE.FAILED: "failure",
    _STATE.UNDECIDED: "failure",
    _STATE.BROKEN: "error",
    _STATE.CANCELLED: "error",
}
_CONCLUSION = {
    _STATE.PASSED: "success",
    _STATE.FAILED: "failure",
    _STATE.UNDECIDED: "action_required",
    _STATE.BROKEN: "failure",
    _STATE.CANCELLED: "cancelled",
}
_LEVELS = {"error": "failure", "warning": "warning"}
_DESCRIPTION_CHARACTERS = 140
_MARKDOWN_CHARACTERS = 65_000
_ANNOTATIONS_A_CALL = 50
_MOST_ANNOTATIONS = 200
_TITLE_CHARACTERS = 255


@dataclass(frozen=True, slots=True)
class GitHub:
    """One repository (`owner/name`) at GitHub, or at what speaks like it."""

    caller: Caller
    project: str

    @classmethod
    def at(cls, base: str, project: str, token: str) -> GitHub:
        """With a token that may write statuses, checks (an App's alone can) and comments."""
        return cls(Caller(base, github_headers(token)), project)

    @classmethod
    def of(cls, app: App) -> GitHub:
        """As an App, which renews its token by itself. Raises HostFailedError."""
        headers = github_headers(app.token())
        told = f"the token of the GitHub App {app.id} was withdrawn; the next call has another"
        return cls(Caller(app.base, headers, told, app.forget), app.project)

    def pull_request(self, number: int) -> PullRequest:
        """A pull request as it is now."""
        found = self.caller.get(self._path(f"/pulls/{number}"))
        head, base = found["head"], found["base"]
        return PullRequest(
            number=number,
            title=found["title"],
            head=head["sha"],
            base=base["sha"],
            branch=base["ref"],
            is_open=found["state"] == "open",
            is_fork=(head["repo"] or {}).get("full_name") != base["repo"]["full_name"],
            labels=frozenset(label["name"] for label in found["labels"]),
        )

    def show_status(self, report: HostReport) -> None:
        """The commit's status."""
        body = {
            "state": _STATUS[_STATE(report.state)],
            "context": report.context,
            "description": report.title[:_DESCRIPTION_CHARACTERS],
        }
        if report.address:
            body["target_url"] = report.address
        self.caller.send("POST", self._path(f"/statuses/{report.commit}"), body)

    def show_details(self, report: HostReport) -> None:
        """The check run with its annotations. Only an App may make one: others have the status."""
        if report.check_run == HostReport.NO_CHECK_RUN:
            return
        try:
            self._show_check_run(report)
        except HostRefusedError as error:
            # Personal tokens are answered 403, and what only resembles GitHub 404.
            if error.status not in (403, 404) or report.check_run:
                raise
            report.check_run = HostReport.NO_CHECK_RUN
            report.save(update_fields=["check_run"])

    def _show_check_run(self, report: HostReport) -> None:
        if not report.check_run:
            report.check_run = self._found_check_run(report) or self._made_check_run(report)
            report.save(update_fields=["check_run"])
        path = self._path(f"/check-runs/{report.check_run}")
        left = report.findings[report.findings_shown : _MOST_ANNOTATIONS]
        while left:  # each call adds its own to those before
            some, left = left[:_ANNOTATIONS_A_CALL], left[_ANNOTATIONS_A_CALL:]
            self.caller.send("PATCH", path, {"output": _output(report, some)})
            report.findings_shown += len(some)
            report.save(update_fields=["findings_shown"])
        self.caller.send("PATCH", path, _check_run(report))

    def _found_check_run(self, report: HostReport) -> str:
        """The one that was made before whoever made it was killed."""
        path = self._path(f"/commits/{report.commit}/check-runs")
        answer = self.caller.get(path, check_name=report.context, per_page=100)
        for found in answer["check_runs"]:
            if found["external_id"] == _external_id(report):
                return str(found["id"])
        return ""

    def _made_check_run(self, report: HostReport) -> str:
        body = {
            "name": report.context,
            "head_sha": report.commit,
            "external_id": _external_id(report),
            "status": "queued",
        }
        made = self.caller.send("POST", self._path("/check-runs"), body)
        return str(made["id"])

    def show_comment(self, report: HostReport, body: str) -> str:
        """The pull request's one comment; returns its id."""
        path = self._path(f"/issues/{report.pull_request}/comments")
        known = report.comment_id or self._found_comment(path, report)
        if known:
            try:
                self.caller.send("PATCH", self._path(f"/issues/comments/{known}"), {"body": body})
            except HostRefusedError as error:
                if error.status != 404:  # somebody deleted it
                    raise
            else:
                return known
        return str(self.caller.send("POST", path, {"body": body})["id"])

    def _found_comment(self, path: str, report: HostReport) -> str:
        """The oldest with our mark: who copies the mark comes later."""
        mark = mark_of(report)
        for comment in self.caller.pages(path):
            if mark in (comment["body"] or ""):
                return str(comment["id"])
        return ""

    def _path(self, rest: str) -> str:
        return f"/repos/{self.project}{rest}"


def _external_id(report: HostReport) -> str:
    return f"{report.pk}.{report.round}"


def _check_run(report: HostReport) -> dict[str, Any]:
    state = _STATE(report.state)
    body: dict[str, Any] = {"output": _output(report, ())}
    if report.address:
        body["details_url"] = report.address
    if state in _CONCLUSION:
        return body | {"status": "completed", "conclusion": _CONCLUSION[state]}
    return body | {"status": "queued" if state == _STATE.QUEUED else "in_progress"}


def _output(report: HostReport, findings: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    output: dict[str, Any] = {
        "title": report.title[:_TITLE_CHARACTERS],
        "summary": report.summary[:_MARKDOWN_CHARACTERS] or report.title,
    }
    if findings:
        output["annotations"] = [_annotation(found) for found in findings]
    return output


def _annotation(found: Mapping[str, Any]) -> dict[str, Any]:
    line = max(1, found["line"])  # 0 is the file as a whole
    hint = f" ({found['hint']})" if found["hint"] else ""
    return {
        "path": found["path"],
        "start_line": line,
        "end_line": line,
        "annotation_level": _LEVELS[found["severity"]],
        "title": found["code"][:_TITLE_CHARACTERS],
        "message": f"{found['message']}{hint}",
    }
