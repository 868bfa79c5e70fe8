"""Over HTTP: credentials go to their host only, show nowhere, and a redirect is not followed."""

from __future__ import annotations

import base64
import functools
import http.server
from pathlib import Path

import pytest

from registry.mirror import Mirror, MirrorUnavailableError
from tests.integration.registry.git_repositories import PromptRepository
from tests.integration.registry.git_shims import GitRecorder
from tests.loopback import Quiet, on_loopback


@pytest.fixture
def repository(tmp_path):
    return PromptRepository(tmp_path / "prompts")


class PrivateFiles(Quiet, http.server.SimpleHTTPRequestHandler):
    """Static files for whoever knows the password; `/moved/…` redirects."""

    wanted = "Basic " + base64.b64encode(b"robot:s3cr3t-t0ken").decode()

    def do_GET(self) -> None:
        if self.path.startswith("/moved/"):
            self.send_response(301)
            self.send_header("Location", self.path.removeprefix("/moved"))
            self.end_headers()
        elif self.headers.get("Authorization") == self.wanted:
            super().do_GET()
        else:
            self.send_response(401)
            self.send_header("WWW-Authenticate", 'Basic realm="prompts"')
            self.end_headers()


@pytest.fixture
def private_server(tmp_path, repository):
    """`host:port` of an HTTP server that serves the repository as `/prompts/.git`."""
    repository.write({"a": "1"}).commit()
    repository.git("update-server-info")
    handler = functools.partial(PrivateFiles, directory=str(tmp_path))
    with on_loopback(handler) as host:
        yield host


def over_http(tmp_path, url):
    return Mirror(tmp_path / "mirror", url, allowed_protocols=("http",))


def test_credentials_in_the_url_let_us_in_and_show_nowhere(
    tmp_path, repository, private_server, monkeypatch
):
    git = GitRecorder(tmp_path / "bin", monkeypatch)
    url = f"http://robot:s3cr3t-t0ken@{private_server}/prompts/.git"
    with over_http(tmp_path, url) as mirror:
        assert mirror.fetch().commit == repository.head
        assert mirror.url == f"http://{private_server}/prompts/.git"
        repository.delete()
        with pytest.raises(MirrorUnavailableError) as caught:
            mirror.fetch()
    holders = [f for f in (tmp_path / "mirror").rglob("*") if f.is_file() and holds_secret(f)]
    assert [(f.name, f.stat().st_mode & 0o777) for f in holders] == [("credential", 0o600)]
    told = [repr(caught.value), str(caught.value.fields), repr(mirror._address)]
    recorded = [str(git.commands()), str(git.environments())]
    assert not any("s3cr3t" in text for text in told + recorded)


def holds_secret(file: Path) -> bool:
    return b"s3cr3t" in file.read_bytes()


def test_a_revoked_password_is_unavailable_with_a_hint_and_may_come_back(
    tmp_path, repository, private_server, monkeypatch
):
    url = f"http://robot:s3cr3t-t0ken@{private_server}/prompts/.git"
    with over_http(tmp_path, url) as mirror:
        commit = mirror.fetch().commit
        monkeypatch.setattr(PrivateFiles, "wanted", "nothing")
        with pytest.raises(MirrorUnavailableError) as caught:
            mirror.fetch()
        assert "credentials" in caught.value.hint
        assert "s3cr3t" not in str(caught.value)
        assert mirror.tree(commit).read("a") == b"1"
        monkeypatch.undo()
        assert mirror.fetch().commit == commit


def test_no_password_is_asked_for(tmp_path, private_server):
    with (
        over_http(tmp_path, f"http://{private_server}/prompts/.git") as mirror,
        pytest.raises(MirrorUnavailableError) as caught,
    ):
        mirror.fetch()
    assert "credentials" in caught.value.hint


def test_a_redirect_is_not_followed(tmp_path, private_server):
    url = f"http://robot:s3cr3t-t0ken@{private_server}/moved/prompts/.git"
    with over_http(tmp_path, url) as mirror, pytest.raises(MirrorUnavailableError) as caught:
        mirror.fetch()
    assert "redirects" in caught.value.hint
