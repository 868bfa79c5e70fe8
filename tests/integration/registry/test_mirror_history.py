"""The states that a branch was in are told by one command, however many they were."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given
from hypothesis import settings as profile
from hypothesis import strategies as st

from registry.mirror import CommitMissingError, Mirror, MirrorRefusedError
from registry.mirror import history as module
from tests.integration.registry.git_repositories import PromptRepository
from tests.integration.registry.git_shims import GitRecorder

PATHS = ("prompts", "models.yaml")
_NAMES = st.sampled_from(["prompts/a/v1", "prompts/b", "models.yaml", "other/x", "prompts/:100644"])
_STATES = st.lists(st.dictionaries(_NAMES, st.sampled_from(["one", "two"])), min_size=1, max_size=5)


@pytest.fixture
def repository(tmp_path: Path) -> PromptRepository:
    return PromptRepository(tmp_path / "prompts")


@pytest.fixture
def mirror(tmp_path: Path, repository: PromptRepository) -> Iterator[Mirror]:
    with Mirror(tmp_path / "mirror", repository.url, allowed_protocols=("file",)) as mirror:
        yield mirror


def replace_all(repository: PromptRepository, files: dict[str, str]) -> str:
    repository.git("read-tree", "--empty")
    for path, text in files.items():
        repository.plant("100644", path.encode(), text.encode())
    return repository.commit()


def states(mirror: Mirror, tip: str, since: str = "") -> dict[str, dict[str, str]]:
    """Commit -> what it held, by putting all steps up to it together."""
    held: dict[str, str] = {}
    found = {}
    for step in mirror.history(tip).steps(since, PATHS):
        for path, address in step.changed.items():
            if address is None:
                del held[path]
            else:
                held[path] = address
        found[step.commit] = dict(held)
    return found


def listed(repository: PromptRepository, commit: str) -> dict[str, str]:
    rows = repository.git("ls-tree", "-r", "-z", commit, "--", *PATHS).decode().split("\0")
    fields = [row.replace("\t", " ").split(" ") for row in rows if row]
    return {path: f"{mode} {blob}" for mode, _, blob, path in fields}


@given(contents=_STATES, began=st.integers(0, 4))
@profile(
    max_examples=20,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
def test_the_steps_put_together_are_what_each_commit_held(
    repository: PromptRepository, mirror: Mirror, contents: list[dict[str, str]], began: int
) -> None:
    commits = [replace_all(repository, files) for files in contents]
    mirror.fetch()
    found = states(mirror, commits[-1])
    assert found == {commit: listed(repository, commit) for commit in found}
    assert next(reversed(found.values()), {}) == listed(repository, commits[-1])
    since = commits[began % len(commits)]
    later = states(mirror, commits[-1], since)
    assert later[since] == listed(repository, since)
    assert list(later)[1:] == [one for one in found if one in commits[commits.index(since) + 1 :]]


def test_a_merged_branch_is_one_step(repository: PromptRepository, mirror: Mirror) -> None:
    first = repository.write({"prompts/a": "one"}).commit()
    repository.git("checkout", "--quiet", "-b", "side")
    for text in ("two", "three"):
        repository.write({"prompts/b": text}).git("commit", "--quiet", "-m", "Try.")
    repository.git("checkout", "--quiet", "main")
    second = repository.write({"prompts/a": "four"}).commit()
    repository.git("merge", "--quiet", "--no-ff", "-m", "Merge.", "side")
    mirror.fetch()
    found = states(mirror, repository.head)
    assert list(found) == [first, second, repository.head]
    assert found[repository.head] == listed(repository, repository.head)


def test_links_and_names_that_nobody_reads(repository: PromptRepository, mirror: Mirror) -> None:
    repository.write({"prompts/a": "one"}).commit()
    repository.plant("120000", b"prompts/a", b"/etc/passwd").plant("100644", b"prompts/\xff", b"x")
    tip = repository.commit()
    mirror.fetch()
    first, second = mirror.history(tip).steps("", PATHS)
    assert first.changed.keys() == second.changed.keys() == {"prompts/a"}
    assert str(second.changed["prompts/a"]).startswith("120000 ")


def test_a_beginning_that_is_elsewhere_is_none(
    repository: PromptRepository, mirror: Mirror
) -> None:
    gone = repository.write({"prompts/a": "one"}).commit()
    tip = repository.start_again()
    mirror.fetch()
    assert list(states(mirror, tip, gone)) == list(states(mirror, tip, "0" * 40)) == [tip]
    with pytest.raises(CommitMissingError):
        mirror.history(gone)


def test_a_thousand_commits_take_one_command(
    repository: PromptRepository, mirror: Mirror, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    stream = "".join(
        f"commit refs/heads/main\ncommitter A <a@b> {number} +0000\ndata 1\nx\n"
        f"M 100644 inline prompts/{number % 7}\ndata {len(str(number))}\n{number}\n"
        for number in range(1_000)
    )
    repository.git("fast-import", "--quiet", stdin=stream.encode())
    mirror.fetch()
    history = mirror.history(repository.head)
    commands = GitRecorder(tmp_path / "shims", monkeypatch)
    assert len(list(history.steps("", PATHS))) == 1_000
    assert len(commands.commands()) == 1
    monkeypatch.setattr(module, "_LISTING_BYTES", 10_000)
    with pytest.raises(MirrorRefusedError, match="answers more than Assay reads"):
        list(history.steps("", PATHS))
