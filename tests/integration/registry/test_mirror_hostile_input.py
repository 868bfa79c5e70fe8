"""S5: URLs and branch names never turn into options or programs."""

from __future__ import annotations

import re
import subprocess

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from registry.mirror import (
    Mirror,
    MirrorRefusedError,
    check_branch,
    parse_address,
)
from tests.integration.registry.git_repositories import PromptRepository
from tests.integration.registry.git_shims import GitRecorder

EVERY = ("https", "ssh", "http", "file")
HOSTILE_URLS = [
    *("", " ", "-", "--upload-pack=touch /tmp/canary", "-oProxyCommand=touch /tmp/canary", "."),
    *("ext::sh -c touch% /tmp/canary", "ext::https://example.org/x", "fd::17", "EXT::sh", "a.b::c"),
    *("ssh://-oProxyCommand=touch%20canary/x", "ssh://host/-x", "ssh://-x@host/path", "-x@host:p"),
    *("git@-oProxyCommand=x:path", "host:-oProxyCommand=x", "git@host:--upload-pack=x", "::x"),
    *("ssh://host:port/x", "ssh://u:p@host/x", "ssh://host/$(id)", "ssh://host/`id`", "h:$HOME"),
    *("https://host/a b", "https://host/%00\x00", "https://host/a\r\nb", "https://host/\ta"),
    *("https://host/$HOME/x", "https://host/x?y", "https://host/x#y", "https:///x", "https://h"),
    *("https://-host/x", "https://a:b:c/x", "https://[::1/x", "https://host\\@evil/x"),
    *(
        "git://host/x",
        "ftp://host/x",
        "javascript:alert(1)",
        "data:,x",
        "http+unix://x/y",
        "s3://b/k",
    ),
    *(
        "file://host/share",
        "file:///a/../etc",
        "/srv/../etc",
        "relative/path",
        "../up",
        "~/x",
        "~u/x",
    ),
    *("/srv/a\x00b", "/srv/a\nb", "/srv/\x1b[2J", "file:///srv/%00x", "file:///srv/%0ax"),
    *(
        "https://u%0a:p@host/x",
        "https://host/" + "a" * 3_000,
        "host",
        "%UPLOAD%",
        "C:\\repo",
        "@:x",
    ),
]
HOSTILE_BRANCHES = [
    *("", " ", "-", "--upload-pack=x", "-oX", "a b", "a..b", "../a", "a/../b", "a//b", "/a", "a/"),
    *("a.lock", "a.lock/b", ".a", "a/.b", "a.", "@", "HEAD", "@{-1}", "a@{1}", "a~1", "a^", "a^{}"),
    *(
        "a:b",
        "a?b",
        "a*",
        "[a]",
        "a\\b",
        "a\0b",
        "a\nb",
        "a\rb",
        "a\x7fb",
        "\u202ea",
        "x" * 300,
    ),
    *("refs/heads/main", "refs/pull/1/head", "main:refs/heads/x", "a\u2028b"),
]


@pytest.mark.parametrize("url", HOSTILE_URLS)
def test_a_hostile_url_is_refused_before_anything_starts(tmp_path, monkeypatch, url):
    git = GitRecorder(tmp_path / "bin", monkeypatch)
    with pytest.raises(MirrorRefusedError):
        Mirror(tmp_path / "m", url, allowed_protocols=(*EVERY, "ext", "git", "fd"))
    assert git.commands() == []
    assert not (tmp_path / "m").exists()


@pytest.mark.parametrize("branch", HOSTILE_BRANCHES)
def test_a_hostile_branch_is_refused_before_anything_starts(tmp_path, branch):
    with pytest.raises(MirrorRefusedError):
        Mirror(tmp_path / "m", "https://example.org/x", branch)


@pytest.mark.parametrize("branch", ["$HOME", "%PATH%", "+a", "größe", "dependabot/pip/x-1.2"])
def test_an_odd_branch_name_is_only_ever_a_name(tmp_path, monkeypatch, branch):
    """Git allows these. They reach it inside `refs/heads/…`, where they mean nothing else."""
    git = GitRecorder(tmp_path / "bin", monkeypatch)
    repository = PromptRepository(tmp_path / "prompts", branch)
    commit = repository.commit()
    with Mirror(tmp_path / "m", repository.url, branch, allowed_protocols=("file",)) as mirror:
        assert mirror.fetch().commit == commit
    assert any(f"+refs/heads/{branch}:refs/assay/incoming" in argv for argv in git.commands())


@settings(max_examples=60, deadline=None)
@given(st.text(st.characters(codec="utf-8"), max_size=12) | st.from_regex(r"[-./@{a.lock~^:]{1,8}"))
def test_every_accepted_branch_name_is_one_to_git(name):
    try:
        check_branch(name)
    except MirrorRefusedError:
        return
    checked = subprocess.run(["git", "check-ref-format", f"refs/heads/{name}"], check=False)
    assert checked.returncode == 0


@settings(max_examples=300, deadline=None)
@given(
    st.builds(
        str.__add__,
        st.sampled_from(["https://", "ssh://", "git@", "/", "file:///", "", "-", "ext::"]),
        st.text(st.characters(codec="utf-8"), max_size=20),
    )
)
def test_every_accepted_url_is_a_plain_place(url):
    try:
        address = parse_address(url, EVERY)
    except MirrorRefusedError:
        return
    assert address.protocol in EVERY
    assert address.url.isprintable()
    assert not address.url.startswith("-")
    assert not re.match(r"[A-Za-z0-9.+_-]+::", address.url)
    assert not re.search(r"://-|@-|[:/]-o", address.url) or address.protocol == "file"


@pytest.mark.parametrize(
    ("url", "shown", "protocol"),
    [
        ("https://github.com/acme/prompts.git", "https://github.com/acme/prompts.git", "https"),
        ("https://bot:pw@git.example:8443/a/b", "https://git.example:8443/a/b", "https"),
        ("https://token@github.com/acme/prompts", "https://github.com/acme/prompts", "https"),
        ("https://[2001:db8::1]/a", "https://[2001:db8::1]/a", "https"),
        ("ssh://git@git.example:2222/a/b.git", "ssh://git@git.example:2222/a/b.git", "ssh"),
        ("git@github.com:acme/prompts.git", "git@github.com:acme/prompts.git", "ssh"),
        ("git.example:~alice/prompts", "git.example:~alice/prompts", "ssh"),
        ("file:///srv/my%20prompts/", "/srv/my prompts", "file"),
        ("/srv/prompts.git", "/srv/prompts.git", "file"),
    ],
)
def test_ordinary_urls_are_accepted_and_shown_without_secrets(url, shown, protocol):
    address = parse_address(url, EVERY)
    assert (address.url, address.protocol) == (shown, protocol)
    assert "pw" not in repr(address)
    assert "token" not in repr(address)


@pytest.mark.parametrize("url", ["/srv/prompts", "file:///srv/prompts", "http://example.org/x"])
def test_only_https_and_ssh_are_allowed_unless_the_operator_says_so(tmp_path, url):
    with pytest.raises(MirrorRefusedError) as caught:
        Mirror(tmp_path, url)
    assert "https, ssh" in caught.value.hint


def test_a_refused_url_does_not_show_its_password(tmp_path):
    with pytest.raises(MirrorRefusedError) as caught:
        Mirror(tmp_path, "https://bot:s3cr3t@host/a b")
    assert "s3cr3t" not in str(caught.value) + str(caught.value.fields)
