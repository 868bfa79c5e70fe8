"""A GitHub App's tokens end after an hour: Assay has another one by then."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta

import httpx
import pytest
from cryptography.hazmat.primitives.asymmetric import rsa
from django.utils import timezone
from pytest_django.fixtures import Settings

from registry import githost
from registry.githost import HostFailedError
from tests.integration.registry.github_app import APP, GitHubAppServer, pem, private_key
from tests.integration.registry.host_server import Answer
from tests.integration.registry.test_git_host import DONE, HEAD, delivered, later, show, waiting

pytestmark = pytest.mark.django_db
NUMBER = 7


@pytest.fixture
def github(settings: Settings) -> Iterator[GitHubAppServer]:
    with GitHubAppServer() as server:
        settings.GIT_HOST, settings.GIT_HOST_URL = "github", server.url
        settings.GIT_HOST_PROJECT, settings.GIT_HOST_TOKEN = "octo/prompts", ""
        settings.GIT_HOST_APP, settings.GIT_HOST_APP_KEY = APP, pem(private_key())
        server.propose(NUMBER, HEAD, "b" * 40)
        yield server


class Clock:
    """Time passes for everybody: Assay, the host, what waits."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.ahead = timedelta(0)
        now = timezone.now
        monkeypatch.setattr(timezone, "now", lambda: now() + self.ahead)


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    return Clock(monkeypatch)


def asked() -> str:
    """Any question to the host."""
    return githost.configured().pull_request(NUMBER).head


def problem() -> str:
    with pytest.raises(HostFailedError) as error:
        asked()
    assert "PRIVATE KEY" not in f"{error.value} {error.value.hint}"
    return f"{error.value.message} ({error.value.hint})"


def test_an_app_shows_all_that_there_is_to_show(github: GitHubAppServer) -> None:
    show(DONE)
    assert delivered() == 1
    assert [state for state, _ in github.shown(HEAD)] == ["failure"]
    assert "FAIL" in github.comment(NUMBER)
    assert [run["conclusion"] for run in github.check_runs.values()] == ["failure"]
    assert len(github.tokens) == 1
    [call] = github.calls("POST", "access_tokens")
    assert call.body == {"repositories": ["prompts"]}, "the token is for nothing else"


def test_a_token_is_used_until_shortly_before_its_end(
    github: GitHubAppServer, clock: Clock
) -> None:
    for minutes, tokens in ((0, 1), (54, 1), (56, 2), (110, 2), (112, 3)):
        clock.ahead = timedelta(minutes=minutes)
        assert (asked(), len(github.tokens)) == (HEAD, tokens), minutes
    first = next(iter(github.tokens))
    headers = {"Authorization": f"Bearer {first}", "Accept": "application/vnd.github+json"}
    answer = httpx.get(f"{github.url}/repos/octo/prompts/pulls/{NUMBER}", headers=headers)
    assert (answer.status_code, answer.json()["message"]) == (401, "Bad credentials")


def test_a_token_that_was_withdrawn_is_forgotten(github: GitHubAppServer) -> None:
    show(DONE)
    asked()
    github.tokens.clear()
    assert delivered() == 0
    assert "401 Bad credentials" in waiting().last_error
    later()
    assert (delivered(), len(github.tokens)) == (1, 1)


def test_what_is_wrong_with_an_app_is_said_and_tried_again(
    github: GitHubAppServer, settings: Settings
) -> None:
    github.installation = None
    assert "404 Not Found (install the App for this repository" in problem()
    github.installation, github.is_suspended = 4711, True
    assert "has been suspended" in problem()
    github.is_suspended = False
    settings.GIT_HOST_APP = "Iv23liSomebodyElse"
    assert "Integration not found" in problem()
    settings.GIT_HOST_APP = APP
    github.faults += [Answer(200, {"id": 4711}), Answer(201, {"token": "ghs_x", "expires_at": 7})]
    assert "no token that can be read" in problem()
    assert asked() == HEAD


def test_a_wrong_key_is_said_without_being_shown(
    github: GitHubAppServer, settings: Settings
) -> None:
    another = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    settings.GIT_HOST_APP_KEY = pem(another)
    told = problem()
    assert "401 A JSON web token could not be decoded" in told
    assert "ASSAY_GIT_HOST_APP_KEY and the clock" in told
    for broken in (pem(another)[:200], pem(another).replace("RSA", "EC"), "no key"):
        settings.GIT_HOST_APP_KEY = broken
        assert "is no private RSA key in PEM" in problem()


def test_a_clock_that_is_ten_minutes_fast_is_said(
    github: GitHubAppServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Only Assay's is: the host's own is the one that it goes by."""
    judge, now = github._judge, timezone.now
    ahead = timedelta(minutes=10)

    def by_its_own_clock(token: str) -> None:
        with monkeypatch.context() as inside:
            inside.setattr(timezone, "now", now)
            judge(token)

    monkeypatch.setattr(github, "_judge", by_its_own_clock)
    monkeypatch.setattr(timezone, "now", lambda: now() + ahead)
    assert "'Issued at' claim" in problem()
