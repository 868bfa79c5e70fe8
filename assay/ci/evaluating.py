"""Have a server evaluate the commit, and wait for it."""

from __future__ import annotations

from assay import settings
from assay.answers.checks import CommitCheck
from assay.client import Assay
from assay.errors import AssayApiError
from assay.output import one_line, say
from assay.waiting import Pace, wait

#: A check takes minutes, and many jobs may wait at once.
_PACE = Pace(slowest=10.0)


def checked(
    url: str, commit: str, base: str, *, model: str | None, token: str | None = None
) -> CommitCheck:
    """The finished check. Raises AssayApiError, and what the settings are wrong about."""
    with Assay(settings.check_url(url), token) as client:
        started = client.check_commit(commit, base, model=model)
        say(f"the server evaluates {commit[:12]}: {one_line(started.url)}")
        return wait(lambda: client.commit_check(started.id), _Lines(), _PACE)


class _Lines:
    """Prints a line when something has changed."""

    def __init__(self) -> None:
        self._last = ""

    def moved(self, check: CommitCheck) -> None:
        """Say how it stands, if that is new."""
        progress = check.progress
        answers = f", {progress.done}/{progress.total}" if progress and progress.total else ""
        told = f"{check.status}{answers}"
        if told != self._last:
            say(told)
        self._last = told

    def lost(self, error: AssayApiError, pause: float) -> None:
        """Say that the server does not answer."""
        say(f"{one_line(error.message)}; asking again in {pause:.0f} s")
        self._last = ""
