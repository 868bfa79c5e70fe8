"""A mirror that was killed or damaged mends itself at the next fetch, without anybody's help."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import psutil
import pytest

from registry.mirror import (
    Mirror,
    MirrorDamagedError,
    MirrorLimits,
    MirrorTimeoutError,
    MirrorUnavailableError,
)
from tests.integration.registry.git_repositories import PromptRepository
from tests.integration.registry.git_shims import LoopbackSsh

FETCH = """
import sys
from pathlib import Path
from registry.mirror import Mirror
Mirror(Path(sys.argv[1]), sys.argv[2], allowed_protocols=("file", "ssh")).fetch()
"""


@pytest.fixture
def repository(tmp_path):
    repository = PromptRepository(tmp_path / "prompts")
    repository.write({f"prompts/p{i}/v1.jinja2": f"Prompt {i}. " * 40 for i in range(30)}).commit()
    return repository


@pytest.fixture
def mirror(tmp_path, repository):
    with Mirror(tmp_path / "mirror", repository.url, allowed_protocols=("file",)) as mirror:
        mirror.fetch()
        yield mirror


def contents(mirror, commit):
    tree = mirror.tree(commit)
    return [tree.read(path) for path in tree.paths()]


def store_of(tmp_path):
    return (tmp_path / "mirror" / "current").resolve()


def the_largest_pack(tmp_path):
    packs = store_of(tmp_path).glob("objects/pack/*.pack")
    pack = max(packs, key=lambda p: p.stat().st_size)
    pack.chmod(0o644)
    return pack


def start_fetch(tmp_path, url):
    """Fetch in another process, as a worker does."""
    root = Path(__file__).parents[3]
    argv = [sys.executable, "-c", FETCH, str(tmp_path / "mirror"), url]
    return subprocess.Popen(argv, cwd=root, stderr=subprocess.DEVNULL)


def wait_until(happened):
    deadline = time.monotonic() + 60
    while not happened():
        assert time.monotonic() < deadline
        time.sleep(0.01)


def kill_tree(pid):
    """Power cut: the process and everything below it, at once."""
    parent = psutil.Process(pid)
    for process in [*parent.children(recursive=True), parent]:
        with contextlib.suppress(psutil.NoSuchProcess):
            process.send_signal(signal.SIGKILL)


@pytest.mark.parametrize("after_bytes", [100, 1_500, 60_000])
def test_kill_9_in_the_middle_of_a_download_is_healed(
    tmp_path, repository, mirror, monkeypatch, after_bytes
):
    before = repository.head
    wanted = contents(mirror, before)
    after = repository.write({"datasets/more.bin": os.urandom(200_000)}).commit()
    ssh = LoopbackSsh(tmp_path / "bin", monkeypatch)
    ssh.stall(after_bytes)
    with start_fetch(tmp_path, f"ssh://git@remote.example{repository.url}") as fetching:
        wait_until(ssh.stalled.exists)
        kill_tree(fetching.pid)
    assert contents(mirror, before) == wanted
    fetched = mirror.fetch()
    assert (fetched.commit, fetched.previous, fetched.rewritten) == (after, before, False)
    assert len(contents(mirror, after)) == 31
    assert not list(store_of(tmp_path).glob("objects/pack/tmp_*"))


def test_kill_9_in_the_middle_of_the_first_download_is_healed(tmp_path, repository, monkeypatch):
    ssh = LoopbackSsh(tmp_path / "bin", monkeypatch)
    ssh.stall(after_bytes=500)
    url = f"ssh://git@remote.example{repository.url}"
    with start_fetch(tmp_path, url) as fetching:
        wait_until(ssh.stalled.exists)
        kill_tree(fetching.pid)
    ssh.go_on()
    with Mirror(tmp_path / "mirror", url) as mirror:
        assert mirror.mirrored() is None
        assert mirror.fetch().commit == repository.head
    assert not list((tmp_path / "mirror").glob("building-*"))


def test_kill_9_at_any_moment_is_healed(tmp_path, repository, mirror):
    for moment in range(6):
        commit = repository.write({f"{moment}.yaml": "x"}).commit()
        with start_fetch(tmp_path, repository.url) as fetching:
            time.sleep(0.1 + 0.06 * moment)
            kill_tree(fetching.pid) if fetching.poll() is None else None
        assert mirror.fetch().commit == commit
        assert mirror.verify()


def test_a_download_that_outlives_its_parent_still_has_the_mirror_to_itself(
    tmp_path, repository, mirror, monkeypatch
):
    ssh = LoopbackSsh(tmp_path / "bin", monkeypatch)
    commit = repository.write({"datasets/more.bin": os.urandom(200_000)}).commit()
    ssh.stall(after_bytes=500)
    with start_fetch(tmp_path, f"ssh://git@remote.example{repository.url}") as fetching:
        wait_until(ssh.stalled.exists)
        orphans = psutil.Process(fetching.pid).children(recursive=True)
        fetching.kill()
    impatient = Mirror(
        tmp_path / "mirror",
        repository.url,
        allowed_protocols=("file",),
        limits=MirrorLimits(seconds=0.2),
    )
    with pytest.raises(MirrorTimeoutError, match="still running"):
        impatient.fetch()
    for orphan in orphans:
        orphan.kill()
    assert mirror.fetch().commit == commit


def test_locks_a_killed_git_left_are_removed(tmp_path, repository, mirror):
    store = store_of(tmp_path)
    locks = [
        *("packed-refs.lock", "config.lock", "HEAD.lock", "shallow.lock", "gc.pid"),
        *("refs/assay/mirrored.lock", "refs/assay/incoming.lock"),
        *("objects/info/commit-graph.lock", "objects/pack/tmp_pack_abcdef"),
    ]
    for name in locks:
        (store / name).parent.mkdir(exist_ok=True)
        (store / name).write_text("left behind")
    (store / "objects" / "tmp_objdir-incoming-1").mkdir()
    commit = repository.write({"a": "1"}).commit()
    assert mirror.fetch().commit == commit
    assert not [name for name in locks if (store / name).exists()]


def flip_in_the_middle(pack):
    body = bytearray(pack.read_bytes())
    body[len(body) // 2] ^= 0xFF
    pack.write_bytes(body)


def truncate(pack):
    pack.write_bytes(pack.read_bytes()[:40])


def overwrite(pack):
    pack.write_bytes(b"\0" * pack.stat().st_size)


def remove(pack):
    pack.unlink()


def remove_index(pack):
    pack.with_suffix(".idx").unlink()


@pytest.mark.parametrize("damage", [truncate, overwrite, remove, remove_index])
@pytest.mark.parametrize("news", [False, True])
def test_a_pack_that_is_broken_is_fetched_again(tmp_path, repository, mirror, damage, news):
    before = repository.head
    wanted = contents(mirror, before)
    mirror.close()
    damage(the_largest_pack(tmp_path))
    commit = repository.write({"zz": "1"}).commit() if news else before
    fetched = mirror.fetch()
    assert (fetched.commit, fetched.previous, fetched.rewritten) == (commit, before, False)
    assert contents(mirror, before) == wanted
    mirror.fetch()
    assert mirror.verify(), "what was broken is gone by the second fetch"


def test_damage_found_while_reading_is_mended_by_the_next_fetch(tmp_path, repository, mirror):
    """A flipped bit inside one blob: nothing but reading that blob can notice."""
    body = os.urandom(900_000)
    commit = repository.write({"prompts/a/v1.jinja2": body}).commit()
    mirror.fetch()
    mirror.close()
    flip_in_the_middle(the_largest_pack(tmp_path))
    with pytest.raises(MirrorDamagedError):
        mirror.tree(commit).read("prompts/a/v1.jinja2")
    mirror.fetch()
    assert mirror.tree(commit).read("prompts/a/v1.jinja2") == body


def test_verify_finds_a_flipped_bit_nobody_has_read(tmp_path, repository, mirror):
    assert mirror.verify()
    flip_in_the_middle(the_largest_pack(tmp_path))
    assert not mirror.verify()
    mirror.fetch()
    assert mirror.verify()


@pytest.mark.parametrize("name", ["HEAD", "config", "refs/assay/mirrored", "objects", "refs"])
def test_a_store_that_lost_a_part_of_itself_is_rebuilt(tmp_path, repository, mirror, name):
    part = store_of(tmp_path) / name
    part.rename(tmp_path / "elsewhere")
    mirror.close()
    assert mirror.fetch().commit == repository.head
    assert len(contents(mirror, repository.head)) == 30


@pytest.mark.parametrize("name", ["HEAD", "config", "refs/assay/mirrored"])
def test_a_file_emptied_by_a_power_cut_is_rebuilt(tmp_path, repository, mirror, name):
    (store_of(tmp_path) / name).write_bytes(b"")
    mirror.close()
    assert mirror.fetch().commit == repository.head
    assert len(contents(mirror, repository.head)) == 30


def test_a_damaged_mirror_is_kept_as_it_is_while_the_remote_is_gone(tmp_path, repository, mirror):
    commit = repository.write({"prompts/a/v1.jinja2": os.urandom(900_000)}).commit()
    mirror.fetch()
    flip_in_the_middle(the_largest_pack(tmp_path))
    assert not mirror.verify()
    repository.path.rename(tmp_path / "away")
    with pytest.raises(MirrorUnavailableError):
        mirror.fetch()
    assert mirror.tree(commit).read("prompts/p7/v1.jinja2").startswith(b"Prompt 7.")
    (tmp_path / "away").rename(repository.path)
    assert mirror.fetch().commit == commit
    assert mirror.verify()


def test_a_reader_keeps_its_store_while_the_mirror_is_rebuilt(tmp_path, repository, mirror):
    commit = repository.head
    with Mirror(tmp_path / "mirror", repository.url, allowed_protocols=("file",)) as reader:
        tree = reader.tree(commit)
        first = [tree.read(path) for path in tree.paths()]
        mirror._stores.suspect(store_of(tmp_path).name)
        flip_in_the_middle(the_largest_pack(tmp_path))
        replaced = store_of(tmp_path)
        mirror.fetch()
        assert store_of(tmp_path) != replaced
        assert replaced.is_dir()
        assert contents(reader, commit) == first
        mirror.fetch()
        assert not replaced.is_dir()
        assert contents(reader, commit) == first


def test_a_mirror_that_outgrew_its_limit_starts_afresh(tmp_path, repository, mirror):
    for i in range(4):
        repository.write({"datasets/x.bin": os.urandom(300_000) + bytes([i])}).amend()
        mirror.fetch()
    before = store_of(tmp_path)
    small = Mirror(
        tmp_path / "mirror",
        repository.url,
        allowed_protocols=("file",),
        limits=MirrorLimits(total_bytes=500_000),
    )
    assert small.fetch().commit == repository.head
    assert store_of(tmp_path) != before
