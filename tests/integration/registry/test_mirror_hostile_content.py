"""S6: whatever a prompt repository holds, it is text to be read or a finding; nothing is obeyed."""

from __future__ import annotations

import tracemalloc
from pathlib import Path

import pytest

from core.findings import Finding
from registry.mirror import BlobTooBigError, Mirror, MirrorLimits, MirrorRefusedError
from tests.integration.registry.git_repositories import PromptRepository

ELSEWHERE = "0123456789abcdef0123456789abcdef01234567"
LFS_POINTER = (
    b"version https://git-lfs.github.com/spec/v1\n"
    b"oid sha256:4d7a214614ab2935c943f9e0ff69d22eadbb8f32b1258daaa5e2ca24d17e2393\n"
    b"size 12345\n"
)


@pytest.fixture
def repository(tmp_path):
    return PromptRepository(tmp_path / "prompts")


@pytest.fixture
def look(tmp_path, repository):
    """Commit what is staged, mirror it, and return its paths and its findings by path."""
    mirrors: list[Mirror] = []

    def look(**limits: int) -> tuple[tuple[str, ...], dict[str, Finding]]:
        commit = repository.commit()
        chosen = MirrorLimits(**limits)
        folder = tmp_path / "mirror"
        mirrors.append(Mirror(folder, repository.url, limits=chosen, allowed_protocols=("file",)))
        mirrors[-1].fetch()
        findings = {f.path: f for f in mirrors[-1].skipped(commit)}
        return mirrors[-1].tree(commit).paths(), findings

    yield look
    for mirror in mirrors:
        mirror.close()


def test_a_symbolic_link_is_a_finding_and_never_followed(repository, look):
    repository.write({"prompts/a/v1.jinja2": "real"})
    repository.symlink("prompts/a/v2.jinja2", "/etc/passwd").symlink("docs", "prompts")
    paths, findings = look()
    assert paths == ("prompts/a/v1.jinja2",)
    assert findings["prompts/a/v2.jinja2"].code == "symlink"
    assert findings["prompts/a/v2.jinja2"].severity == "error"
    assert findings["docs"].severity == "warning", "Assay would not have read it anyway"


def test_a_submodule_is_a_finding_and_never_fetched(repository, look):
    repository.write({".gitmodules": '[submodule "x"]\n\tpath = prompts/x\n\turl = ./../y\n'})
    repository.plant("160000", b"prompts/x", ELSEWHERE)
    paths, findings = look()
    assert paths == (".gitmodules",)
    assert findings["prompts/x"].code == "submodule"


def test_an_lfs_pointer_is_a_finding_wherever_it_is(repository, look):
    repository.write({"datasets/a.jsonl": LFS_POINTER, "copy": LFS_POINTER, "b": b"version 1"})
    paths, findings = look()
    assert paths == ("b",)
    assert {p: f.code for p, f in findings.items()} == {
        "copy": "lfs_pointer",
        "datasets/a.jsonl": "lfs_pointer",
    }


def test_no_filter_or_driver_the_repository_names_runs(tmp_path, repository, look):
    canary = tmp_path / "canary"
    repository.write(
        {
            ".gitattributes": "* filter=x diff=x merge=x ident export-subst text eol=crlf\n",
            ".gitconfig": f'[filter "x"]\n\tsmudge = touch {canary}\n',
            ".lfsconfig": f"[lfs]\n\turl = ext::touch {canary}\n",
            "hooks/post-checkout": f"#!/bin/sh\ntouch {canary}\n",
            ".git-hooks/reference-transaction": f"#!/bin/sh\ntouch {canary}\n",
        }
    )
    paths, findings = look()
    assert len(paths) == 5
    assert findings == {}
    assert not canary.exists()


def test_no_hook_or_setting_of_a_local_remote_runs(tmp_path, repository):
    repository.write({".gitattributes": "* filter=x diff=x\n"})
    commit = repository.write({"a": "1"}).commit()
    canary, hooks = tmp_path / "canary", repository.path / ".git" / "hooks"
    hooks.mkdir(exist_ok=True)
    for name in ("post-checkout", "reference-transaction", "pre-receive", "post-update", "update"):
        (hooks / name).write_text(f"#!/bin/sh\ntouch {canary}\n")
        (hooks / name).chmod(0o755)
    settings = ("uploadpack.packObjectsHook", "core.fsmonitor", "core.sshCommand")
    for name in (*settings, "filter.x.smudge", "filter.x.clean", "diff.x.textconv"):
        repository.git("config", name, f"touch {canary};")
    with Mirror(tmp_path / "m", repository.url, allowed_protocols=("file",)) as mirror:
        assert mirror.fetch().commit == commit
    assert not canary.exists()


def test_files_come_without_end_of_line_or_keyword_conversion(tmp_path, repository):
    body = b"$Id$ $Format:%H$\r\nunchanged\n"
    repository.write({"prompts/a/v1.jinja2": body})
    repository.write({".gitattributes": "* ident export-subst text eol=crlf\n"})
    commit = repository.commit()
    with Mirror(tmp_path / "m", repository.url, allowed_protocols=("file",)) as mirror:
        mirror.fetch()
        assert mirror.tree(commit).read("prompts/a/v1.jinja2") == body


def test_hooks_in_the_mirror_itself_do_not_run(tmp_path, repository):
    repository.write({"a": "1"}).commit()
    with Mirror(tmp_path / "m", repository.url, allowed_protocols=("file",)) as mirror:
        mirror.fetch()
        hooks = Path(tmp_path / "m" / "current" / "hooks")
        hooks.mkdir()
        for name in ("reference-transaction", "post-update", "pre-auto-gc", "post-rewrite"):
            (hooks / name).write_text(f"#!/bin/sh\ntouch {tmp_path}/canary\n")
            (hooks / name).chmod(0o755)
        repository.write({"a": "2"}).commit()
        mirror.fetch()
    assert not (tmp_path / "canary").exists()


def test_names_that_are_not_plain_text_are_findings(repository, look):
    for name in (b"prompts/\xff\xfe/v1.jinja2", b"prompts/a\x1b[2J", b"prompts/new\nline"):
        repository.plant("100644", name, b"x")
    repository.plant("100644", "prompts/\u202egnp".encode(), b"x")
    repository.plant("100644", "prompts/größe/v1.jinja2".encode(), b"x")
    paths, findings = look()
    assert paths == ("prompts/größe/v1.jinja2",)
    assert sorted(f.code for f in findings.values()) == [
        "path_control_character",
        "path_control_character",
        "path_control_character",
        "path_not_utf8",
    ]
    assert all(path.isprintable() for path in findings)


def test_names_that_differ_by_case_or_unicode_form_keep_the_plain_one(repository, look):
    for name in ("prompts/A/V1.jinja2", "prompts/a/v1.jinja2", "README", "Readme", "é", "e\u0301"):
        repository.plant("100644", name.encode(), name.encode())
    paths, findings = look()
    assert paths == ("README", "prompts/a/v1.jinja2", "é")
    assert {f.code for f in findings.values()} == {"path_collision"}
    assert "prompts/a/v1.jinja2" in findings["prompts/A/V1.jinja2"].message


def test_a_name_that_is_too_long_is_a_finding(repository, look):
    repository.plant("100644", b"prompts/" + b"a" * 100, b"x")
    paths, findings = look(path_chars=60)
    assert paths == ()
    assert [f.code for f in findings.values()] == ["path_too_long"]


def test_a_large_file_is_a_finding_unless_it_is_data(repository, look):
    body = b"x" * 3_000
    repository.write({"prompts/a/v1.jinja2": body, "datasets/a.jsonl": body, "notes.txt": body})
    repository.write({"datasets/b.jsonl": body * 2, "calibration/a.jsonl": body})
    paths, findings = look(blob_bytes=2_000, data_blob_bytes=4_000)
    assert paths == ("calibration/a.jsonl", "datasets/a.jsonl")
    assert {f.code for f in findings.values()} == {"blob_too_big"}
    assert findings["notes.txt"].severity == "warning"


def test_a_file_of_100_megabytes_is_refused_without_being_read(tmp_path, repository):
    commit = repository.write({"prompts/a/v1.jinja2": bytes(100_000_000), "ok": "1"}).commit()
    blob = repository.git("rev-parse", f"{commit}:prompts/a/v1.jinja2").decode().strip()
    with Mirror(tmp_path / "m", repository.url, allowed_protocols=("file",)) as mirror:
        mirror.fetch()
        tracemalloc.start()
        findings = mirror.skipped(commit)
        with pytest.raises(BlobTooBigError):
            mirror.read(blob)
        _, peak = tracemalloc.get_traced_memory()
        tracemalloc.stop()
        assert [f.code for f in findings] == ["blob_too_big"]
        assert mirror.tree(commit).paths() == ("ok",)
        assert peak < 5_000_000


@pytest.mark.parametrize("name", [b"..", b".git", b".GIT", b"."])
def test_a_tree_git_itself_calls_malformed_is_refused_whole(tmp_path, repository, name):
    blob = repository.git("hash-object", "-w", "--stdin", stdin=b"x").decode().strip()
    raw = b"100644 " + name + b"\0" + bytes.fromhex(blob)
    made = repository.git("hash-object", "-t", "tree", "-w", "--literally", "--stdin", stdin=raw)
    bad = repository.git("commit-tree", made.decode().strip(), "-m", "x").decode().strip()
    repository.git("update-ref", "refs/heads/main", bad)
    with Mirror(tmp_path / "m", repository.url, allowed_protocols=("file",)) as mirror:
        with pytest.raises(MirrorRefusedError, match="Git refuses what"):
            mirror.fetch()
        assert mirror.mirrored() is None


def test_gitmodules_as_a_link_is_refused_whole(tmp_path, repository):
    repository.write({"x": "/etc/passwd"})
    blob = repository.git("hash-object", "x").decode().strip()
    listing = f"120000 blob {blob}\t.gitmodules\n".encode()
    tree = repository.git("mktree", stdin=listing).decode().strip()
    bad = repository.git("commit-tree", tree, "-m", "x").decode().strip()
    repository.git("update-ref", "refs/heads/main", bad)
    with (
        Mirror(tmp_path / "m", repository.url, allowed_protocols=("file",)) as mirror,
        pytest.raises(MirrorRefusedError),
    ):
        mirror.fetch()


def test_a_branch_that_names_no_commit_is_not_mirrored(tmp_path, repository):
    blob = repository.git("hash-object", "-w", "--stdin", stdin=b"x").decode().strip()
    repository.commit()
    (repository.path / ".git" / "refs" / "heads" / "main").write_text(blob + "\n")
    with (
        Mirror(tmp_path / "m", repository.url, allowed_protocols=("file",)) as mirror,
        pytest.raises(MirrorRefusedError),
    ):
        mirror.fetch()
