"""Two commits are compared, and parts of them read, without a list of all their files."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given
from hypothesis import settings as profile
from hypothesis import strategies as st

from registry.domain.files import MemoryFiles, containing
from registry.mirror import Chosen, FileMissingError, Mirror, MirrorLimits, MirrorRefusedError
from registry.mirror.command import GitCommand, Output
from registry.mirror.objects import ObjectReader
from registry.mirror.trees import Trees
from tests.integration.registry.git_repositories import PromptRepository
from tests.integration.registry.git_shims import GitRecorder

_FOLDER = st.sampled_from(["", "a/", "a/b/", "a/b/c/", "d/"])
_PATH = st.builds("{}{}".format, _FOLDER, st.sampled_from(["x", "y", "Y", "\u00e9", "e\u0301"]))
_FILES = st.dictionaries(_PATH, st.sampled_from(["one", "two", "three"]), min_size=1)


@pytest.fixture
def repository(tmp_path: Path) -> PromptRepository:
    return PromptRepository(tmp_path / "prompts")


@pytest.fixture
def mirror(tmp_path: Path, repository: PromptRepository) -> Iterator[Mirror]:
    with mirror_of(repository, tmp_path) as mirror:
        yield mirror


def mirror_of(repository: PromptRepository, folder: Path, **limits: Any) -> Mirror:
    return Mirror(
        folder / "mirror",
        repository.url,
        allowed_protocols=("file",),
        limits=MirrorLimits(**limits),
    )


def replace_all(repository: PromptRepository, files: dict[str, str]) -> str:
    repository.git("read-tree", "--empty")
    for path, text in files.items():
        repository.plant("100644", path.encode(), text.encode())
    return repository.commit()


@given(old=_FILES, new=_FILES)
@profile(max_examples=25, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_the_paths_that_differ_are_those_that_git_names_and_a_part_is_that_of_the_whole(
    repository: PromptRepository, mirror: Mirror, old: dict[str, str], new: dict[str, str]
) -> None:
    first, second = replace_all(repository, old), replace_all(repository, new)
    mirror.fetch()
    named = repository.git("diff-tree", "-r", "-z", "--name-only", first, second)
    differing = frozenset(filter(None, named.decode().split("\0")))
    assert mirror.changed(first, second, 100) == differing
    assert mirror.changed(first, second, len(differing)) == differing
    assert not differing or mirror.changed(first, second, len(differing) - 1) is None
    part = mirror.part(second, Chosen({"", "a", "a/b", "a/b/c"}, deep={"a/b"}, unlisted={"a/x"}))
    assert part is not None
    whole = mirror.tree(second)
    expected = [p for p in whole.paths() if not p.startswith("d/") and p != "a/x"]
    assert list(part.paths()) == expected
    assert [part.read(path) for path in expected] == [whole.read(path) for path in expected]
    skipped = [found for found in mirror.skipped(second) if not found.path.startswith("d/")]
    assert list(part.skipped) == skipped


def test_folders_that_differ_by_case_only_are_not_told_apart_in_part(
    repository: PromptRepository, mirror: Mirror
) -> None:
    first = repository.write({"a/x": "1", "b/x": "1"}).commit()
    second = repository.plant("100644", b"A/y", b"2").commit()
    mirror.fetch()
    assert mirror.part(second, Chosen({"a"})) is None
    assert mirror.part(first, Chosen({"a"})) is not None
    assert mirror.part(second, Chosen({"b"})) is not None


def test_what_is_not_listed_can_be_read_unless_it_is_no_file(
    repository: PromptRepository, mirror: Mirror
) -> None:
    repository.symlink("a/link", "x").symlink("b/link", "x")
    commit = repository.write({"a/x": "1", "b/x": "2"}).commit()
    mirror.fetch()
    part = mirror.part(commit, Chosen({"a"}))
    assert part is not None
    assert (part.paths(), part.read("b/x")) == (("a/x",), b"2")
    assert part.blob_id("b/x") == mirror.tree(commit).blob_id("b/x")
    for path in ("a/link", "b/link", "b", "c/x"):
        with pytest.raises(FileMissingError):
            part.read(path)


def test_who_looks_for_hundreds_of_words_starts_git_a_few_times(
    repository: PromptRepository, mirror: Mirror, monkeypatch: pytest.MonkeyPatch
) -> None:
    files = {f"suites/{n}.yaml": f"judge: team/p{n}.\n" for n in (1, 250, 449)}
    commit = repository.write({**files, "prompts/x": "team/p7.", "suites/y": "team/p9\n"}).commit()
    mirror.fetch()
    part = mirror.part(commit, Chosen({"prompts"}))
    assert part is not None
    started: list[str] = []
    run = GitCommand.run

    def counted(git: GitCommand, args: Sequence[str], **more: Any) -> Output:
        started.extend(arg for arg in args if arg == "grep")
        return run(git, args, **more)

    monkeypatch.setattr(GitCommand, "run", counted)
    words = {f"team/p{n}." for n in range(450)}
    assert containing(part, words, "suites/") == sorted(files)
    assert len(started) == 3
    assert containing(part, words - {"team/p250."}, "suites/") == sorted(
        {*files} - {"suites/250.yaml"}
    )
    assert containing(part, set(), "suites/") == []
    held = {path: mirror.tree(commit).read(path) for path in mirror.tree(commit).paths()}
    assert containing(MemoryFiles(held), words, "suites/") == sorted(files)
    assert containing(MemoryFiles(held), set(), "suites/") == []


def test_a_repository_that_grows_over_its_limits_file_by_file_is_noticed(
    repository: PromptRepository, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    first = repository.write({"a": "1", "b": "1"}).commit()
    with mirror_of(repository, tmp_path, files=3, total_bytes=10_000) as mirror:
        mirror.fetch()
        second = repository.remove("b").write({"c": "1", "d": "1" * 9_999}).commit()
        git = GitRecorder(tmp_path / "bin", monkeypatch)
        assert mirror.fetch().commit == second
        assert not any("ls-tree" in command for command in git.commands())
        assert mirror.changed(first, second, 100) is None  # it may be too large: look at all of it
        repository.write({"e": "1"}).commit()
        with pytest.raises(MirrorRefusedError, match="more than 3 files"):
            mirror.fetch()
        assert mirror.mirrored() == second
        third = repository.remove("e", "d").commit()
        assert mirror.fetch().commit == third
        assert mirror.changed(first, third, 100) is not None


def test_folders_without_end_are_not_walked(repository: PromptRepository) -> None:
    """Ten levels of ten times the same empty folder hold no file at all."""
    first = repository.write({"a": "1"}).commit()
    tree = repository.git("hash-object", "-w", "-t", "tree", "/dev/null").decode().strip()
    for _ in range(10):
        lines = "".join(f"040000 tree {tree}\t{i}\n" for i in range(10))
        tree = repository.git("mktree", stdin=lines.encode()).decode().strip()
    bomb = repository.git("commit-tree", tree, "-m", "Bomb.").decode().strip()
    objects = ObjectReader(GitCommand(repository.path, "file", MirrorLimits()), ".git")
    trees = Trees(objects)
    assert trees.differences(trees.root(first), trees.root(bomb), 100) is None
    objects.close()
