"""Whatever happens to the remote: what was mirrored stays readable, and errors say what to do."""

from __future__ import annotations

import contextlib
import os
import time

import psutil
import pytest

from registry.mirror import (
    BranchMissingError,
    EmptyRepositoryError,
    Mirror,
    MirrorLimits,
    MirrorRefusedError,
    MirrorTimeoutError,
    MirrorUnavailableError,
)
from tests.integration.registry.git_repositories import PromptRepository
from tests.integration.registry.git_shims import LoopbackSsh


@pytest.fixture
def repository(tmp_path):
    return PromptRepository(tmp_path / "prompts")


def mirror_of(repository, tmp_path, **options):
    return Mirror(tmp_path / "mirror", repository.url, allowed_protocols=("file",), **options)


def served(mirror, commit):
    return {path: mirror.tree(commit).read(path) for path in mirror.tree(commit).paths()}


def test_an_amended_commit_is_a_rewrite_and_the_old_one_stays_readable(tmp_path, repository):
    repository.write({"a": "1"}).commit()
    pushed = repository.write({"a": "2"}).commit()
    with mirror_of(repository, tmp_path) as mirror:
        mirror.fetch()
        amended = repository.write({"a": "3"}).amend()
        fetched = mirror.fetch()
        assert (fetched.commit, fetched.previous, fetched.rewritten) == (amended, pushed, True)
        assert served(mirror, pushed) == {"a": b"2"}
        assert not mirror.is_ancestor(pushed, amended)


def test_going_back_to_an_older_commit_is_a_rewrite(tmp_path, repository):
    old = repository.write({"a": "1"}).commit()
    new = repository.write({"a": "2"}).commit()
    with mirror_of(repository, tmp_path) as mirror:
        mirror.fetch()
        repository.force_push(old)
        fetched = mirror.fetch()
        assert (fetched.commit, fetched.previous, fetched.rewritten) == (old, new, True)


def test_an_unrelated_history_is_a_rewrite(tmp_path, repository):
    old = repository.write({"a": "1"}).commit()
    with mirror_of(repository, tmp_path) as mirror:
        mirror.fetch()
        new = repository.start_again()
        assert mirror.fetch().rewritten
        assert served(mirror, old) == served(mirror, new)


def test_a_rewritten_away_commit_survives_tidying_on_both_sides(tmp_path, repository):
    repository.write({"a": "1"}).commit()
    gone = repository.write({"a": "2"}).commit()
    with mirror_of(repository, tmp_path) as mirror:
        mirror.fetch()
        repository.write({"a": "3"}).amend()
        repository.git("reflog", "expire", "--expire=now", "--all")
        repository.git("gc", "--quiet", "--prune=now")
        mirror.fetch()
        mirror._git.run(["--git-dir=current", "gc", "--quiet"])
        assert served(mirror, gone) == {"a": b"2"}


def test_many_fetches_leave_few_packs_and_lose_nothing(tmp_path, repository, monkeypatch):
    monkeypatch.setattr("registry.mirror.store._PACKS", 3)
    commits = [repository.write({"a": "0"}).commit()]
    with mirror_of(repository, tmp_path) as mirror:
        mirror.fetch()
        gone = repository.write({"a": "gone"}).amend()
        mirror.fetch()
        for number in range(1, 8):
            commits.append(repository.write({"a": str(number)}).amend())
            mirror.fetch()
            assert 1 <= len([*(tmp_path / "mirror").glob("store-*/objects/pack/*.pack")]) <= 3
        assert mirror.verify()
        assert [served(mirror, commit)["a"] for commit in commits] == [b"%d" % n for n in range(8)]
        assert served(mirror, gone) == {"a": b"gone"}


def test_a_deleted_branch_is_named_with_those_that_exist(tmp_path, repository):
    commit = repository.write({"a": "1"}).commit()
    with mirror_of(repository, tmp_path) as mirror:
        mirror.fetch()
        repository.rename_branch("trunk")
        with pytest.raises(BranchMissingError) as caught:
            mirror.fetch()
        assert "'main'" in caught.value.message
        assert "trunk" in caught.value.hint
        assert mirror.mirrored() == commit
        assert served(mirror, commit) == {"a": b"1"}


def test_a_repository_without_commits_is_empty_not_broken(tmp_path, repository):
    with mirror_of(repository, tmp_path) as mirror:
        with pytest.raises(EmptyRepositoryError):
            mirror.fetch()
        assert mirror.mirrored() is None
        commit = repository.write({"a": "1"}).commit()
        assert mirror.fetch().commit == commit


def test_an_emptied_repository_takes_nothing_away(tmp_path, repository):
    commit = repository.write({"a": "1"}).commit()
    with mirror_of(repository, tmp_path) as mirror:
        mirror.fetch()
        repository.drop_all_branches()
        with pytest.raises(EmptyRepositoryError):
            mirror.fetch()
        assert served(mirror, commit) == {"a": b"1"}


def test_a_commit_that_deletes_every_file_is_a_commit_like_any_other(tmp_path, repository):
    full = repository.write({"a": "1"}).commit()
    empty = repository.remove("a").commit()
    with mirror_of(repository, tmp_path) as mirror:
        assert mirror.fetch().commit == empty
        assert served(mirror, empty) == {}
        assert served(mirror, full) == {"a": b"1"}


def test_a_remote_that_is_gone_is_unavailable_and_what_was_mirrored_stays(tmp_path, repository):
    commit = repository.write({"a": "1"}).commit()
    with mirror_of(repository, tmp_path) as mirror:
        mirror.fetch()
        repository.delete()
        with pytest.raises(MirrorUnavailableError) as caught:
            mirror.fetch()
        assert repository.url in caught.value.message
        assert served(mirror, commit) == {"a": b"1"}


def test_a_remote_that_never_existed_leaves_no_half_made_store(tmp_path):
    with Mirror(tmp_path / "m", "/nowhere/at/all", allowed_protocols=("file",)) as mirror:
        for _ in range(3):
            with pytest.raises(MirrorUnavailableError):
                mirror.fetch()
    assert len(list((tmp_path / "m").glob("building-*"))) <= 1


def test_a_silent_remote_is_given_up_and_leaves_no_process(tmp_path, repository, monkeypatch):
    ssh = LoopbackSsh(tmp_path / "bin", monkeypatch)
    repository.write({"a": os.urandom(100_000)}).commit()
    ssh.stall(after_bytes=2_000)
    url = f"ssh://git@remote.example{repository.url}"
    with Mirror(tmp_path / "mirror", url, limits=MirrorLimits(seconds=4)) as mirror:
        with pytest.raises(MirrorTimeoutError):
            mirror.fetch()
        wait_for_the_end_of(int(ssh.started.read_text()))
        ssh.go_on()
        assert mirror.fetch().commit == repository.head


def wait_for_the_end_of(pid):
    """A kill takes effect a moment after it was sent; nobody may be left to collect the zombie."""
    deadline = time.monotonic() + 30
    while psutil.pid_exists(pid):
        with contextlib.suppress(psutil.NoSuchProcess):
            if psutil.Process(pid).status() == psutil.STATUS_ZOMBIE:
                return
        assert time.monotonic() < deadline
        time.sleep(0.01)


def test_a_download_over_the_limit_is_stopped_and_the_last_good_commit_stays(tmp_path, repository):
    commit = repository.write({"a": "1"}).commit()
    limits = MirrorLimits(total_bytes=1_000_000)
    with mirror_of(repository, tmp_path, limits=limits) as mirror:
        mirror.fetch()
        repository.write({"datasets/huge.bin": os.urandom(3_000_000)}).commit()
        with pytest.raises(MirrorRefusedError, match="larger than the 1,000,000 bytes"):
            mirror.fetch()
        assert mirror.mirrored() == commit
        repository.force_push(commit)
        later = repository.write({"b": "2"}).commit()
        assert mirror.fetch().commit == later


def test_a_commit_with_too_many_files_is_not_accepted(tmp_path, repository):
    commit = repository.write({"a": "1"}).commit()
    with mirror_of(repository, tmp_path, limits=MirrorLimits(files=10)) as mirror:
        mirror.fetch()
        repository.write({f"{i}.yaml": "" for i in range(11)}).commit()
        with pytest.raises(MirrorRefusedError, match="more than 10 files"):
            mirror.fetch()
        assert mirror.mirrored() == commit


def test_small_blobs_that_unpack_to_more_than_the_limit_are_refused(tmp_path, repository):
    zeros = {f"datasets/{i}.bin": b"\0" * 900_000 + bytes([i]) for i in range(4)}
    commit = repository.write(zeros).commit()
    with mirror_of(repository, tmp_path, limits=MirrorLimits(total_bytes=2_000_000)) as mirror:
        mirror.fetch()
        with pytest.raises(MirrorRefusedError, match="bytes of files"):
            mirror.entries(commit)


def test_a_tree_that_unfolds_without_end_is_refused(tmp_path, repository):
    """The Git bomb: ten levels of ten times the same folder are ten thousand million files."""
    blob = repository.git("hash-object", "-w", "--stdin", stdin=b"boom").decode().strip()
    listing = "".join(f"100644 blob {blob}\tf{i}\n" for i in range(10))
    for _ in range(9):
        tree = repository.git("mktree", stdin=listing.encode()).decode().strip()
        listing = "".join(f"040000 tree {tree}\td{i}\n" for i in range(10))
    top = repository.git("mktree", stdin=listing.encode()).decode().strip()
    bomb = repository.git("commit-tree", top, "-m", "boom").decode().strip()
    repository.git("update-ref", "refs/heads/main", bomb)
    with mirror_of(repository, tmp_path) as mirror, pytest.raises(MirrorRefusedError):
        mirror.fetch()
