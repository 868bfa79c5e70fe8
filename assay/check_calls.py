"""The calls about proposed commits: a part of the client's methods."""

from __future__ import annotations

from urllib.parse import quote

from assay.answers.checks import CheckStarted, CommitCheck
from assay.calling import Calling
from assay.reading import read


class CheckCalls(Calling):
    """Have a commit checked by the server."""

    def check_commit(self, commit: str, base: str, *, model: str | None = None) -> CheckStarted:
        """Evaluate what the commit changes since `base` against what is live. Returns at once.

        Only the ids are sent: the server fetches the commit itself.
        """
        body = {"repository_commit": commit, "base": base, "model": model}
        return read(CheckStarted, self._post("/ci/checks", body))

    def commit_check(self, check: str) -> CommitCheck:
        """How a check stands."""
        return read(CommitCheck, self._get(f"/ci/checks/{quote(check, safe='')}"))
