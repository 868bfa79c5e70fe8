"""A commit that cannot be applied changes nothing, and somebody is told, once."""

from __future__ import annotations

import json
import logging
from pathlib import Path

import pytest
from pytest_django.fixtures import Settings

from core.findings import Finding
from registry import lookup, queries, sync
from registry.domain.change import RepositoryChange
from registry.models import MirrorAlarm, Prompt, SyncRun
from tests.integration.registry.certified_repository import SUITED
from tests.integration.registry.git_repositories import PromptRepository

pytestmark = pytest.mark.django_db(transaction=True)

NEW = {"prompts/other/v1.jinja2": "Other\n"}


def mistaken(change: RepositoryChange) -> tuple[Finding, ...]:
    """A follower with a bug that some content brings to light."""
    raise ValueError(f"nobody thought of \0 and \ud800\nin {change.commit}")


def talkative(_: RepositoryChange) -> tuple[Finding, ...]:
    """A follower that repeats what it read."""
    return (Finding("suites/\0.yaml", 1, 1, "error", "odd", "key '\ud800'", "remove \0"),)


@pytest.fixture
def repository(tmp_path: Path, settings: Settings) -> PromptRepository:
    made = PromptRepository(tmp_path / "prompts")
    made.write(SUITED).commit()
    settings.REPOSITORY_URL = made.url
    settings.REPOSITORY_PROTOCOLS = ("file",)
    settings.DATA_DIR = tmp_path / "data"
    sync.sync()
    return made


@pytest.mark.parametrize("key", ["\0", "\ud800", "a\0b"])
def test_characters_no_database_holds_are_a_finding(repository: PromptRepository, key: str) -> None:
    row = json.dumps({"id": "odd", "expected": "Hello", key: 1})
    repository.write({"datasets/greet.jsonl": row, **NEW}).commit()
    run = sync.sync()
    assert (run.status, run.error) == ("applied", "")
    assert run.findings.filter(path="datasets/greet.jsonl", severity="error").exists()
    assert lookup.by_version("other", 1).version.template == "Other\n"


def test_findings_are_kept_readable(repository: PromptRepository, settings: Settings) -> None:
    settings.REPOSITORY_FOLLOWERS = [f"{__name__}.talkative"]
    repository.write(NEW).commit()
    [finding] = sync.sync().findings.all()
    kept = (finding.path, finding.message, finding.hint)
    assert kept == ("suites/\ufffd.yaml", "key '\ufffd'", "remove \ufffd")


def test_an_address_that_is_refused_says_which_setting_allows_it(settings: Settings) -> None:
    settings.REPOSITORY_PROTOCOLS = ("https", "ssh")
    run = sync.sync()
    said = "the protocol file is not allowed for the prompt repository"
    assert (run.status, run.error.partition(" (")[0]) == ("failed", said)
    assert "(allowed: https, ssh; ASSAY_REPOSITORY_PROTOCOLS says which)" in run.error
    assert queries.open_alarms()[0].message == run.error


def test_a_bug_of_ours_rings_and_what_is_served_stays(
    repository: PromptRepository, settings: Settings, caplog: pytest.LogCaptureFixture
) -> None:
    before = lookup.by_tag("greet").body()
    applied = SyncRun.objects.get()
    settings.REPOSITORY_FOLLOWERS = [*settings.REPOSITORY_FOLLOWERS, f"{__name__}.mistaken"]
    repository.write(NEW).commit()
    with caplog.at_level(logging.ERROR):
        run = sync.sync()
    said = "the commit could not be applied: ValueError: nobody thought of \ufffd and \ufffd"
    assert (run.status, run.error, run.commit) == ("failed", said, applied.commit)
    assert queries.last_sync() == run
    assert not Prompt.objects.filter(name="other").exists()
    assert lookup.by_tag("greet").body() == before
    [alarm] = queries.open_alarms()
    assert (alarm.kind, alarm.message) == ("refused", said)
    assert "Traceback" in caplog.text


def test_failing_again_and_again_is_one_alarm_and_one_run(
    repository: PromptRepository, settings: Settings
) -> None:
    followers = settings.REPOSITORY_FOLLOWERS
    settings.REPOSITORY_FOLLOWERS = [f"{__name__}.mistaken"]
    repository.write(NEW).commit()
    assert {sync.sync().status for _ in range(5)} == {"failed"}
    assert MirrorAlarm.objects.get().resolved_at is None
    assert SyncRun.objects.filter(status="failed").count() == 1
    settings.REPOSITORY_FOLLOWERS = followers
    assert sync.sync().status == "applied"
    assert not queries.open_alarms().exists()
    assert MirrorAlarm.objects.count() == 1


def test_going_back_to_the_applied_commit_ends_the_alarm(
    repository: PromptRepository, settings: Settings
) -> None:
    good = repository.head
    settings.REPOSITORY_FOLLOWERS = [f"{__name__}.mistaken"]
    repository.write(NEW).commit()
    sync.sync()
    assert queries.open_alarms().exists()
    repository.force_push(good)
    assert sync.sync().status == "unchanged"
    assert not queries.open_alarms().exists()


def test_an_alarm_that_goes_on_says_what_is_wrong_now(
    repository: PromptRepository, settings: Settings
) -> None:
    settings.REPOSITORY_FOLLOWERS = [f"{__name__}.mistaken"]
    repository.write(NEW).commit()
    sync.sync()
    settings.REPOSITORY_FOLLOWERS = [f"{__name__}.nowhere"]
    sync.sync()
    assert "ImportError" in MirrorAlarm.objects.get().message


def test_a_dead_remote_is_one_alarm_until_it_answers(
    repository: PromptRepository, settings: Settings, tmp_path: Path
) -> None:
    here = settings.REPOSITORY_URL
    settings.REPOSITORY_URL = str(tmp_path / "nowhere")
    assert {sync.sync().status for _ in range(3)} == {"failed"}
    assert MirrorAlarm.objects.get().kind == "unreachable"
    settings.REPOSITORY_URL = here
    settings.REPOSITORY_FOLLOWERS = [f"{__name__}.mistaken"]
    repository.write(NEW).commit()
    sync.sync()
    assert [alarm.kind for alarm in queries.open_alarms()] == ["refused"]
