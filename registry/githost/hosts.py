"""The Git host that the settings name."""

from __future__ import annotations

from typing import Protocol

from django.conf import settings

from registry.githost.app import App
from registry.githost.github import GitHub
from registry.githost.gitlab import GitLab
from registry.githost.values import PullRequest
from registry.models import HostReport

_KINDS: dict[str, type[GitHub | GitLab]] = {"github": GitHub, "gitlab": GitLab}


class Host(Protocol):
    """What a Git host can be asked and told. Everything raises HostFailedError (try again later)
    and HostRefusedError, and may be done twice.
    """

    def pull_request(self, number: int) -> PullRequest:
        """A pull request as it is now."""

    def show_status(self, report: HostReport) -> None:
        """The commit's status."""

    def show_details(self, report: HostReport) -> None:
        """What the host can show beyond that."""

    def show_comment(self, report: HostReport, body: str) -> str:
        """The pull request's one comment, made or changed; returns its id."""


def is_on() -> bool:
    """Whether there is a host to tell."""
    return bool(settings.GIT_HOST)


def configured() -> Host:
    """The host. Only where one is on. Raises HostFailedError when an App gets no token."""
    where = settings.GIT_HOST_URL, settings.GIT_HOST_PROJECT
    if settings.GIT_HOST_APP:
        return GitHub.of(App(*where, settings.GIT_HOST_APP, settings.GIT_HOST_APP_KEY))
    return _KINDS[settings.GIT_HOST].at(*where, settings.GIT_HOST_TOKEN)
