"""S5: what Git is really started with: the argument lists, the environment, ssh's options."""

from __future__ import annotations

import re
import subprocess

import pytest

from registry.mirror import BranchMissingError, Mirror, MirrorAccess, MirrorUnavailableError
from tests.integration.registry.git_repositories import PromptRepository
from tests.integration.registry.git_shims import GitRecorder, LoopbackSsh

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
    rf"{STORE} repack --geometric=2 -d --quiet",
    rf"{STORE} fsck(?: --[a-z-]+)+",
    r"ls-remote --quiet --heads --end-of-options URL",
]


def test_every_argument_list_follows_the_grammar(tmp_path, monkeypatch):
    monkeypatch.setattr("registry.mirror.fetching._CHECKED", set())  # other tests asked already
    monkeypatch.setattr("registry.mirror.store._PACKS", 1)
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
        with pytest.raises(BranchMissingError):
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
