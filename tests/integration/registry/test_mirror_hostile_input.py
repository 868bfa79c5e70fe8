"""S5: URLs, branch names and the server's own environment never turn into options or programs."""

from __future__ import annotations

import re
import subprocess

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from registry.mirror import (
    Mirror,
    MirrorAccess,
    MirrorRefusedError,
    MirrorUnavailableError,
    check_branch,
    parse_address,
)
from tests.integration.registry.git_repositories import PromptRepository
from tests.integration.registry.git_shims import GitRecorder, LoopbackSsh

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


ID = "[0-9a-f]{40}"
STORE = "--git-dir=(?:store|building)-[0-9a-f]{16}"
SPEC = r"\+refs/heads/main:refs/assay/incoming"
RECORD = r"(?:mirrored|incoming\^\{commit\})"
GRAMMAR = [
    r"version",
    r"check-ref-format refs/heads/main",
    r"init --quiet --bare --template= building-[0-9a-f]{16}",
    rf"{STORE} fetch (?:--[a-z=-]+ )+--end-of-options URL {SPEC}",
    rf"{STORE} rev-parse --quiet --verify --end-of-options refs/assay/{RECORD}",
    rf"{STORE} ls-tree -r -l -z --full-tree --end-of-options {ID}",
    rf"{STORE} update-ref --no-deref refs/assay/mirrored {ID}",
    rf"{STORE} merge-base --is-ancestor --end-of-options {ID} {ID}",
    rf"{STORE} cat-file --batch-command",
    rf"{STORE} gc --auto --quiet",
    rf"{STORE} fsck(?: --[a-z-]+)+",
    r"ls-remote --quiet --heads --end-of-options URL",
]


def test_every_argument_list_follows_the_grammar(tmp_path, monkeypatch):
    git = GitRecorder(tmp_path / "bin", monkeypatch)
    repository = PromptRepository(tmp_path / "prompts")
    first = repository.write({"--help": "x", "-o": "y", "$(id)": "z"}).commit()
    with Mirror(tmp_path / "m", repository.url, allowed_protocols=("file",)) as mirror:
        mirror.fetch()
        second = repository.write({"a": "1"}).commit("--upload-pack=x")
        mirror.fetch()
        assert [mirror.tree(second).read(p) for p in mirror.tree(second).paths()]
        mirror.commit_info(second)
        mirror.is_ancestor(first, second)
        mirror.verify()
        repository.rename_branch("trunk")
        with pytest.raises(Exception, match="no branch"):
            mirror.fetch()
        repository.delete()
        with pytest.raises(MirrorUnavailableError):
            mirror.fetch()
    lines = [" ".join(a).replace(repository.url, "URL") for a in git.commands()]
    strays = [x for x in lines if not any(re.fullmatch(g, x) for g in GRAMMAR)]
    assert strays == []
    assert [g for g in GRAMMAR if not any(re.fullmatch(g, x) for x in lines)] == []


def test_the_environment_of_the_server_never_reaches_git(tmp_path, monkeypatch):
    git = GitRecorder(tmp_path / "bin", monkeypatch)
    canary, home = tmp_path / "canary", tmp_path / "home"
    home.mkdir()
    touch = f"touch {canary}"
    evil = (
        f'[core]\n\tsshCommand = {touch}\n\tfsmonitor = {touch}\n[url "/evil"]\n\tinsteadOf = /\n'
    )
    (home / ".gitconfig").write_text(evil)
    hostile = {
        "HOME": str(home),
        "XDG_CONFIG_HOME": str(home),
        "GIT_DIR": str(home),
        "GIT_WORK_TREE": str(home),
        "GIT_INDEX_FILE": str(home / "index"),
        "GIT_OBJECT_DIRECTORY": str(home),
        "GIT_ALTERNATE_OBJECT_DIRECTORIES": str(home),
        "GIT_CONFIG_GLOBAL": str(home / ".gitconfig"),
        "GIT_CONFIG_SYSTEM": str(home / ".gitconfig"),
        "GIT_CONFIG_COUNT": "1",
        "GIT_CONFIG_KEY_0": "url./evil.insteadOf",
        "GIT_CONFIG_VALUE_0": "/",
        "GIT_CONFIG_PARAMETERS": "'core.fsmonitor'='x'",
        "GIT_SSH": touch,
        "GIT_SSH_COMMAND": touch,
        "GIT_PROXY_COMMAND": touch,
        "GIT_EXTERNAL_DIFF": touch,
        "GIT_EDITOR": touch,
        "GIT_PAGER": touch,
        "GIT_ASKPASS": touch,
        "SSH_ASKPASS": touch,
        "GIT_TEMPLATE_DIR": str(home),
        "GIT_NAMESPACE": "evil",
        "GIT_ALLOW_PROTOCOL": "ext:file",
        "GIT_SHALLOW_FILE": str(home / "shallow"),
        "GIT_REPLACE_REF_BASE": "refs/evil",
        "ENV": str(home / "rc"),
        "BASH_ENV": str(home / "rc"),
        "https_proxy": "http://evil.example",
        "AWS_SECRET_ACCESS_KEY": "s3cr3t",
    }
    (home / "rc").write_text(touch)
    for name, value in hostile.items():
        monkeypatch.setenv(name, value)
    repository = PromptRepository(tmp_path / "prompts")
    commit = repository.write({"a": "1"}).commit()
    with Mirror(tmp_path / "m", repository.url, allowed_protocols=("file",)) as mirror:
        assert mirror.fetch().commit == commit
        assert mirror.tree(commit).read("a") == b"1"
    assert not canary.exists()
    seen = git.environments()
    assert seen
    for environment in seen:
        taken = {n for n in hostile if environment.get(n) == hostile[n]}
        assert taken == set()
        assert set(environment) <= OURS


OURS = {
    *("PATH", "HOME", "XDG_CONFIG_HOME", "LC_ALL", "LANGUAGE", "SSH_ASKPASS", "PWD", "SHLVL", "_"),
    *("GIT_CONFIG_NOSYSTEM", "GIT_CONFIG_GLOBAL", "GIT_ATTR_NOSYSTEM", "GIT_TERMINAL_PROMPT"),
    *("GIT_ASKPASS", "GIT_ALLOW_PROTOCOL", "GIT_SSH_COMMAND", "GIT_SSH_VARIANT", "OLDPWD"),
    *("GIT_NO_LAZY_FETCH", "GIT_NO_REPLACE_OBJECTS", "GIT_LITERAL_PATHSPECS", "GIT_OPTIONAL_LOCKS"),
}


def test_ssh_gets_fixed_options_and_the_given_key(tmp_path, monkeypatch):
    ssh = LoopbackSsh(tmp_path / "bin", monkeypatch)
    repository = PromptRepository(tmp_path / "prompts")
    commit = repository.commit()
    access = MirrorAccess(ssh_key=tmp_path / "a key; touch x", known_hosts=tmp_path / "hosts")
    url = f"git@git.example:{repository.path}"
    with Mirror(tmp_path / "m", url, access=access) as mirror:
        assert mirror.fetch().commit == commit
    arguments = ssh.arguments()
    assert arguments[:2] == ["-F", "/dev/null"]
    for option in ("BatchMode=yes", "StrictHostKeyChecking=yes", "IdentitiesOnly=yes"):
        assert f"-o{option}" in arguments
    assert f"-oIdentityFile={tmp_path}/a key; touch x" in arguments
    assert arguments[-2:] == ["git@git.example", f"git-upload-pack '{repository.path}'"]


def test_a_local_repository_of_another_account_works_when_file_is_allowed(tmp_path, monkeypatch):
    """Git refuses it unless it is named safe; only the exact repository is."""
    GitRecorder(tmp_path / "bin", monkeypatch, before="export GIT_TEST_ASSUME_DIFFERENT_OWNER=1")
    repository = PromptRepository(tmp_path / "prompts")
    commit = repository.commit()
    bare = tmp_path / "bare.git"
    repository.git("clone", "--quiet", "--bare", repository.url, str(bare))
    asked = {"PATH": "/usr/bin:/bin", "GIT_TEST_ASSUME_DIFFERENT_OWNER": "1", "HOME": "/dev/null"}
    refused = subprocess.run(
        ["git", "ls-remote", repository.url], env=asked, capture_output=True, check=False
    )
    assert b"dubious ownership" in refused.stderr
    for i, url in enumerate((repository.url, f"{repository.url}/.git", str(bare))):
        with Mirror(tmp_path / f"m{i}", url, allowed_protocols=("file",)) as mirror:
            assert mirror.fetch().commit == commit


def test_a_git_that_is_too_old_is_named(tmp_path, monkeypatch):
    old = "echo 'git version 2.30.2'; exit 0"
    GitRecorder(tmp_path / "bin", monkeypatch, before=old)
    with (
        Mirror(tmp_path / "m", "https://example.org/x") as mirror,
        pytest.raises(MirrorUnavailableError, match=r"2\.36 or newer"),
    ):
        mirror.fetch()
