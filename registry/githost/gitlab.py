"""GitLab's REST interface (version 4), as far as statuses and notes need it."""

from __future__ import annotations

from dataclasses import dataclass
from urllib.parse import quote

from registry.githost.calling import Caller, HostFailedError, HostRefusedError
from registry.githost.headers import gitlab_headers
from registry.githost.marking import mark_of
from registry.githost.values import PullRequest
from registry.models import HostReport

_STATE = HostReport.State
_STATUS = {
    _STATE.QUEUED: "pending",
    _STATE.RUNNING: "running",
    _STATE.PASSED: "success",
    _STATE.FAILED: "failed",
    _STATE.UNDECIDED: "failed",
    _STATE.BROKEN: "failed",
    _STATE.CANCELLED: "canceled",
}
_DESCRIPTION_CHARACTERS = 255


@dataclass(frozen=True, slots=True)
class GitLab:
    """One project (its path, or its number) at GitLab."""

    caller: Caller
    project: str

    @classmethod
    def at(cls, base: str, project: str, token: str) -> GitLab:
        """With a token of the scope `api`."""
        return cls(Caller(base, gitlab_headers(token)), project)

    def pull_request(self, number: int) -> PullRequest:
        """A merge request as it is now. Raises HostFailedError, too, while GitLab does not know yet
        what an open one changes: measured against nothing else than itself, it would pass.
        """
        found = self.caller.get(self._path(f"/merge_requests/{number}"))
        head, base = found["sha"] or "", (found["diff_refs"] or {}).get("base_sha") or ""
        is_open = found["state"] == "opened"
        if is_open and not (head and base):
            raise HostFailedError(f"GitLab still prepares merge request {number}")
        return PullRequest(
            number=number,
            title=found["title"],
            head=head,
            base=base,
            branch=found["target_branch"],
            is_open=is_open,
            is_fork=found["source_project_id"] != found["target_project_id"],
            labels=frozenset(found["labels"]),
        )

    def show_status(self, report: HostReport) -> None:
        """The commit's status. What it is already, it cannot become: that is no failure."""
        body = {
            "state": _STATUS[_STATE(report.state)],
            "name": report.context,
            "description": report.title[:_DESCRIPTION_CHARACTERS],
        }
        if report.address:
            body["target_url"] = report.address
        try:
            self.caller.send("POST", self._path(f"/statuses/{report.commit}"), body)
        except HostRefusedError as error:
            if error.status != 400 or "Cannot transition status" not in error.message:
                raise

    def show_details(self, report: HostReport) -> None:
        """GitLab has nothing more for a commit; a note tells the rest."""

    def show_comment(self, report: HostReport, body: str) -> str:
        """The merge request's one note; returns its id."""
        path = self._path(f"/merge_requests/{report.pull_request}/notes")
        known = report.comment_id or self._found_note(path, report)
        if known:
            try:
                self.caller.send("PUT", f"{path}/{known}", {"body": body})
            except HostRefusedError as error:
                if error.status != 404:  # somebody deleted it
                    raise
            else:
                return known
        return str(self.caller.send("POST", path, {"body": body})["id"])

    def _found_note(self, path: str, report: HostReport) -> str:
        """The oldest with our mark: who copies the mark comes later."""
        mark = mark_of(report)
        for note in self.caller.pages(path, sort="asc", order_by="created_at"):
            if mark in note["body"]:
                return str(note["id"])
        return ""

    def _path(self, rest: str) -> str:
        return f"/projects/{quote(self.project, safe='')}{rest}"
