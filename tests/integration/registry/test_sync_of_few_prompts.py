"""A commit of a few prompts' files is applied without listing the repository; others are not."""

from __future__ import annotations

import logging
from pathlib import Path

import pytest
from django.db.models import F
from pytest_django.fixtures import Settings

from registry import lookup, promotion, queries, sync
from registry.domain.actor import Actor, Role
from registry.domain.change import RepositoryChange
from registry.models import MirrorState, SyncRun
from tests.integration.registry.certified_repository import SUITED
from tests.integration.registry.git_repositories import PromptRepository
from tests.integration.registry.git_shims import GitRecorder

pytestmark = pytest.mark.django_db(transaction=True)

V3 = {"prompts/greet/v3.jinja2": 'Good day {% include "partials/tone/v1" %}\n'}
UNUSED = "---\nvariables: {name: {type: string}}\n---\nHello\n"
ADMIN = Actor("user:ada", Role.ADMIN.scopes)
BROKEN = {"prompts/other/v1.jinja2": "Hello {{ name }}\n"}


@pytest.fixture
def repository(tmp_path: Path, settings: Settings) -> PromptRepository:
    made = PromptRepository(tmp_path / "prompts")
    made.write(SUITED).commit()
    settings.REPOSITORY_URL = made.url
    settings.REPOSITORY_PROTOCOLS = ("file",)
    settings.DATA_DIR = tmp_path / "data"
    assert sync.sync().status == "applied"
    return made


@pytest.fixture
def git(
    repository: PromptRepository, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> GitRecorder:
    """What Git is asked from now on."""
    return GitRecorder(tmp_path / "bin", monkeypatch)


def is_listed(git: GitRecorder) -> bool:
    """Whether all files of a commit were listed."""
    return any("ls-tree" in command for command in git.commands())


def test_a_new_version_is_served_and_what_was_found_elsewhere_stays(
    repository: PromptRepository, git: GitRecorder
) -> None:
    repository.write(BROKEN | {"prompts/notes.txt": "Notes\n"}).commit()
    before = sync.sync()
    asked = len(git.commands())
    repository.write(V3).commit()
    run = sync.sync()
    assert not any("ls-tree" in command for command in git.commands()[asked:])
    assert (run.prompts, run.versions) == (before.prompts, before.versions + 1)
    assert (run.new_versions, run.previous_commit) == (1, before.commit)
    found = set(run.findings.values_list("path", "code", "message"))
    assert found == set(before.findings.values_list("path", "code", "message"))
    assert {code for _, code, _ in found} == {"undeclared_variable", "unexpected_file"}
    assert lookup.by_version("greet", 3).version.template == "Good day kindly\n"


def test_a_new_prompt_and_a_mended_one(repository: PromptRepository, git: GitRecorder) -> None:
    repository.write(BROKEN).commit()
    assert sync.sync().findings.count() == 1
    repository.write(dict.fromkeys(BROKEN, "Hello\n")).commit()
    run = sync.sync()
    assert (run.findings.count(), run.prompts, run.versions) == (0, 3, 4)
    assert not is_listed(git)


def test_an_edited_version_rings_until_it_is_restored(
    repository: PromptRepository, git: GitRecorder
) -> None:
    path = "prompts/team/reply/v1.jinja2"
    repository.write({path: "Edited\n"}).commit()
    [finding] = sync.sync().findings.all()
    assert (finding.path, finding.code) == (path, "version_edited")
    repository.write(V3).commit()
    assert sync.sync().findings.count() == 1
    assert [alarm.subject for alarm in queries.open_alarms()] == [path]
    repository.write({path: SUITED[path]}).commit()
    assert sync.sync().findings.count() == 0
    assert not queries.open_alarms()
    assert not is_listed(git)


@pytest.mark.parametrize(
    "files",
    [
        {"gates.yaml": SUITED["gates.yaml"].replace("30", "20")},
        {"suites/greet.yaml": SUITED["suites/greet.yaml"] + "\n"},
        {"prompts/Greet/v3.jinja2": "Another case\n"},
        {"prompts/notes.txt": "Notes\n"},
        {"prompts/greet/prompt.yaml": "suites: [new]\n", "suites/new.yaml": "checks: []\n"},
        {f"prompts/p{i}/v1.jinja2": f"{i}\n" for i in range(201)},
    ],
    ids=lambda files: next(iter(files)),
)
def test_what_may_reach_further_is_looked_at_whole(
    repository: PromptRepository, git: GitRecorder, files: dict[str, str]
) -> None:
    repository.write(files).commit()
    assert sync.sync().status == "applied"
    assert is_listed(git)


@pytest.mark.parametrize(
    "files",
    [
        {"models.yaml": SUITED["models.yaml"].replace("r1", "r2")},
        {"tags.yaml": "greet:\n  stable: v2\n"},
        {"prompts/partials/tone/v2.jinja2": "coldly"},
        {"certificates/@ledger/000001.jsonl": "{}"},
        {"README.md": "Read me\n"},
        {"docs/deep/guide.md": "Read me\n"},
    ],
    ids=lambda files: next(iter(files)),
)
def test_what_reaches_few_prompts_though_it_is_no_file_of_theirs_is_not(
    repository: PromptRepository, git: GitRecorder, files: dict[str, str]
) -> None:
    repository.write(files).commit()
    assert sync.sync().status == "applied"
    assert not is_listed(git)


def test_a_partial_that_is_edited_rings_for_each_prompt_that_includes_it(
    repository: PromptRepository, git: GitRecorder
) -> None:
    path = "prompts/partials/tone/v1.jinja2"
    repository.write({path: "rudely"}).commit()
    told = [(found.path, found.code) for found in sync.sync().findings.all()]
    assert told == [("prompts/greet/v2.jinja2", "version_edited")]
    repository.write({path: SUITED[path]}).commit()
    assert not sync.sync().findings.exists()
    assert not is_listed(git)


def test_a_request_that_waits_is_told_until_the_tag_is_set(
    repository: PromptRepository, git: GitRecorder
) -> None:
    """With the commit that asks it is a request, with the next ones a finding."""
    repository.write({"tags.yaml": SUITED["tags.yaml"] + "ask:\n  stable: v1\n"})
    repository.write({"prompts/ask/v1.jinja2": "Ask\n"}).commit()
    assert not sync.sync().findings.exists()
    repository.write(V3).commit()
    [finding] = sync.sync().findings.all()
    assert (finding.path, finding.code) == ("tags.yaml", "needs_promotion")
    target = promotion.Target("ask", "stable", 1, "tiny")
    promotion.override(target=target, actor=ADMIN, reason="test")
    repository.write({"prompts/greet/v4.jinja2": "Hi\n"}).commit()
    assert not sync.sync().findings.exists()
    assert not is_listed(git)


def test_a_warning_about_a_published_version_is_told_by_every_sync(
    repository: PromptRepository,
) -> None:
    repository.write({"prompts/other/v1.jinja2": UNUSED}).commit()
    told = [(found.path, found.code) for found in sync.sync().findings.all()]
    assert told == [("prompts/other/v1.jinja2", "unused_variable")]
    for basis in (F("basis"), ""):
        MirrorState.objects.update(basis=basis)
        repository.write({f"docs/{basis}.md": "Read me\n"}).commit()
        assert [(found.path, found.code) for found in sync.sync().findings.all()] == told


def test_so_is_everything_after_a_failure_another_code_or_a_rewritten_history(
    repository: PromptRepository, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    first = repository.head
    repository.write(V3).commit()
    repository.path.rename(tmp_path / "away")
    assert sync.sync().status == "failed"
    (tmp_path / "away").rename(repository.path)
    for number, accident in enumerate(("failure", "other code", "rewritten"), start=4):
        if accident == "other code":
            MirrorState.objects.update(basis="1" * 64)
        if accident == "rewritten":
            repository.force_push(first)
        repository.write({f"prompts/greet/v{number}.jinja2": f"{number}\n"}).commit()
        with monkeypatch.context() as patched:
            git = GitRecorder(tmp_path / accident, patched)
            assert sync.sync().status == "applied"
            assert is_listed(git), accident


def test_a_mistake_in_looking_at_a_part_is_logged_and_the_whole_is_looked_at(
    repository: PromptRepository, settings: Settings, caplog: pytest.LogCaptureFixture
) -> None:
    settings.REPOSITORY_FOLLOWERS = [f"{__name__}.mistaken", *settings.REPOSITORY_FOLLOWERS]
    for number, text in enumerate(("One\n", "Two\n"), start=3):
        repository.write({f"prompts/greet/v{number}.jinja2": text}).commit()
        with caplog.at_level(logging.ERROR):
            assert sync.sync().status == "applied"
    assert caplog.messages == [f"{repository.head} could not be applied by what it changes"]
    assert SyncRun.objects.filter(status="applied").count() == 3
    assert lookup.by_version("greet", 4).version.template == "Two\n"


def mistaken(change: RepositoryChange) -> tuple[()]:
    """A follower with a bug."""
    if change.locality is not None:
        raise ValueError("nobody thought of that")
    return ()
