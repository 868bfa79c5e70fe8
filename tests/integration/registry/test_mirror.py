"""A mirror brings one branch here and answers questions about its commits."""

from __future__ import annotations

import threading
from datetime import UTC, datetime
from pathlib import Path

import pytest

from registry.mirror import (
    BlobMissingError,
    CommitMissingError,
    FileMissingError,
    Mirror,
    MirrorRefusedError,
    NotMirroredError,
)
from tests.integration.registry.git_repositories import PromptRepository

NOWHERE = "0123456789abcdef0123456789abcdef01234567"


@pytest.fixture
def repository(tmp_path):
    return PromptRepository(tmp_path / "prompts")


@pytest.fixture
def mirror(tmp_path, repository):
    with Mirror(tmp_path / "mirror", repository.url, allowed_protocols=("file",)) as mirror:
        yield mirror


def test_the_first_fetch_has_no_predecessor_and_the_next_one_does(repository, mirror):
    first = repository.write({"tags.yaml": "{}"}).commit()
    one = mirror.fetch()
    second = repository.write({"tags.yaml": "a: {stable: v1}"}).commit()
    two = mirror.fetch()
    assert (one.commit, one.previous, one.rewritten) == (first, None, False)
    assert (two.commit, two.previous, two.rewritten) == (second, first, False)
    assert mirror.mirrored() == second


def test_fetching_again_without_news_changes_nothing(repository, mirror):
    commit = repository.write({"tags.yaml": "{}"}).commit()
    mirror.fetch()
    again = mirror.fetch()
    assert (again.commit, again.previous, again.rewritten) == (commit, commit, False)


def test_the_files_of_old_commits_stay_readable(repository, mirror):
    old = repository.write({"prompts/a/v1.jinja2": "first"}).commit()
    new = repository.write({"prompts/a/v1.jinja2": "second"}).commit()
    mirror.fetch()
    assert mirror.tree(old).read("prompts/a/v1.jinja2") == b"first"
    assert mirror.tree(new).read("prompts/a/v1.jinja2") == b"second"


def test_a_tree_lists_files_by_path_with_their_content_address(repository, mirror):
    commit = repository.write({"b.yaml": "same", "a/c.yaml": "same", "a.yaml": ""}).commit()
    mirror.fetch()
    tree = mirror.tree(commit)
    assert tree.paths() == ("a.yaml", "a/c.yaml", "b.yaml")
    assert tree.blob_id("b.yaml") == tree.blob_id("a/c.yaml") != tree.blob_id("a.yaml")
    assert mirror.read(tree.blob_id("b.yaml")) == b"same"
    assert [e.size for e in mirror.entries(commit)] == [0, 4, 4]
    with pytest.raises(FileMissingError):
        tree.read("../a.yaml")


def test_files_come_back_byte_for_byte(repository, mirror):
    files = {"crlf": b"a\r\nb\r\n", "nul": b"\0\n\0", "empty": b"", "big": b"x\n" * 400_000}
    commit = repository.write({"datasets/" + name: body for name, body in files.items()}).commit()
    mirror.fetch()
    tree = mirror.tree(commit)
    assert {path.removeprefix("datasets/"): tree.read(path) for path in tree.paths()} == files


def test_five_thousand_files_are_read_through_one_process(repository, mirror, monkeypatch):
    files = {f"prompts/p{i:04}/v1.jinja2": f"Prompt {i}." for i in range(5_000)}
    commit = repository.write(files).commit()
    mirror.fetch()
    started = []
    command = type(mirror._git)
    real = command._start

    def counted(*args, **options):
        started.append(args)
        return real(*args, **options)

    monkeypatch.setattr(command, "_start", counted)
    tree = mirror.tree(commit)
    read = {path: tree.read(path).decode() for path in tree.paths()}
    assert read == files
    assert all(tree.read(path).decode() == files[path] for path in tree.paths()[::-50])
    assert len(started) == 2, "one ls-tree and one cat-file"


def test_threads_share_a_mirror_without_mixing_answers(repository, mirror):
    files = {f"{i:03}.yaml": f"{i}" * (i + 1) for i in range(200)}
    commit = repository.write(files).commit()
    mirror.fetch()
    entries = mirror.entries(commit)
    wrong: list[str] = []

    def check() -> None:
        wrong.extend(e.path for e in entries if mirror.read(e.blob_id).decode() != files[e.path])

    threads = [threading.Thread(target=check) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert wrong == []


def test_a_commit_says_who_when_and_what(repository, mirror):
    commit = repository.write({"a": ""}).commit("Sharpen the tone.\n\nBecause.")
    mirror.fetch()
    info = mirror.commit_info(commit)
    assert (info.id, info.subject) == (commit, "Sharpen the tone.")
    assert (info.author_name, info.author_email) == ("Alice Author", "alice@example.org")
    assert info.committed_at == datetime(2026, 1, 1, 0, 1, tzinfo=UTC)


def test_a_commit_message_cannot_speak_to_a_terminal(repository, mirror):
    commit = repository.commit("\x1b[2JAll is \u202ewell\x07")
    mirror.fetch()
    assert mirror.commit_info(commit).subject.isprintable()


def test_ancestry_is_answered_from_the_mirror_alone(repository, mirror):
    first, second = repository.commit("one"), repository.commit("two")
    mirror.fetch()
    repository.delete()
    assert mirror.is_ancestor(first, second)
    assert mirror.is_ancestor(second, second)
    assert not mirror.is_ancestor(second, first)
    assert not mirror.is_ancestor(NOWHERE, second)
    with pytest.raises(CommitMissingError):
        mirror.is_ancestor(first, NOWHERE)


def test_what_is_not_there_is_said_by_name(repository, mirror):
    commit = repository.write({"a": "x"}).commit()
    with pytest.raises(NotMirroredError):
        mirror.entries(commit)
    mirror.fetch()
    tree_id = repository.git("rev-parse", f"{commit}^{{tree}}").decode().strip()
    for not_a_commit in (NOWHERE, mirror.tree(commit).blob_id("a"), tree_id):
        with pytest.raises(CommitMissingError):
            mirror.entries(not_a_commit)
    for not_a_blob in (NOWHERE, commit, tree_id):
        with pytest.raises(BlobMissingError):
            mirror.read(not_a_blob)


@pytest.mark.parametrize("id_", ["", "main", "HEAD", "--help", "-p", "a" * 39, "A" * 40, "a" * 41])
def test_only_whole_object_ids_are_looked_up(repository, mirror, id_):
    repository.commit()
    mirror.fetch()
    for ask in (
        mirror.read,
        mirror.entries,
        mirror.commit_info,
        lambda i: mirror.is_ancestor(i, i),
    ):
        with pytest.raises(MirrorRefusedError):
            ask(id_)


def test_any_branch_can_be_mirrored_and_nothing_else_comes_along(tmp_path, repository):
    repository.commit("on main")
    repository.git("checkout", "--quiet", "-b", "release/2026-11")
    repository.branch = "release/2026-11"
    wanted = repository.commit("on the release branch")
    repository.git("tag", "v1")
    url = f"file://{repository.path}"
    with Mirror(
        tmp_path / "m", url, "release/2026-11", allowed_protocols=("https", "file")
    ) as mirror:
        assert mirror.fetch().commit == wanted
    store = Path(tmp_path / "m" / "current")
    assert sorted(f.name for f in store.glob("refs/**/*") if f.is_file()) == [
        "incoming",
        "mirrored",
    ]


def test_a_second_mirror_object_reads_what_the_first_one_fetched(tmp_path, repository, mirror):
    commit = repository.write({"a": "x"}).commit()
    mirror.fetch()
    with Mirror(tmp_path / "mirror", repository.url, allowed_protocols=("file",)) as other:
        assert other.mirrored() == commit
        assert other.tree(commit).read("a") == b"x"


def test_two_fetches_at_once_take_turns(tmp_path, repository):
    commit = repository.write({"a": "x"}).commit()
    found: list[str] = []

    def fetch() -> None:
        with Mirror(tmp_path / "m", repository.url, allowed_protocols=("file",)) as mirror:
            found.append(mirror.fetch().commit)

    threads = [threading.Thread(target=fetch) for _ in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert found == [commit] * 3
    assert len(list((tmp_path / "m").glob("store-*"))) == 1
