"""A merged change to tags.yaml asks for a move, and the gate answers as it answers everybody."""

from __future__ import annotations

from pathlib import Path

import pytest
from pytest_django.fixtures import Settings

from registry import lookup, outbox, promotion, queries, sync
from registry.channels import channels
from registry.domain.actor import Actor
from registry.errors import TagUnknownError
from registry.models import MirrorAlarm, OutboxMessage, TagRequest
from registry.models.ledger import TagEvent
from registry.promotion import Target
from registry.sync import following
from tests.integration.registry.certified_repository import SUITED, certify
from tests.integration.registry.shared_repository import SharedRepository

pytestmark = pytest.mark.django_db(transaction=True)

TAGS = """\
greet:
  stable: {version: v2, model: tiny}
  canary: {version: v2, model: tiny, weight: 25}
team/reply:
  stable: v1
"""
ASKED = TAGS.replace("stable: {version: v2", "stable: {version: v1")


@pytest.fixture
def repository(tmp_path: Path, settings: Settings) -> SharedRepository:
    """Followed once; v1 of greet can be certified."""
    made = SharedRepository(tmp_path)
    made.write(SUITED | {"tags.yaml": TAGS}).commit()
    settings.REPOSITORY_URL = made.url
    settings.REPOSITORY_PROTOCOLS = ("file",)
    settings.DATA_DIR = tmp_path / "data"
    sync.sync()
    return made


def merge(repository: SharedRepository, tags: str, subject: str = "Ship v1.") -> str:
    """What a person's merged pull request leaves, followed."""
    commit = repository.write({"tags.yaml": tags}).commit(subject)
    assert sync.sync().status == "applied"
    return commit


def live(tag: str = "stable") -> int:
    return lookup.by_tag("greet", tag).version.number


def alarms() -> list[tuple[str, str]]:
    found = queries.open_alarms().filter(kind=MirrorAlarm.Kind.TAGS_DIFFER)
    return [(one.subject, one.message) for one in found]


def statuses() -> list[str]:
    return list(TagRequest.objects.order_by("id").values_list("status", flat=True))


def test_a_certified_version_is_promoted_in_its_authors_name(
    repository: SharedRepository,
) -> None:
    certificate = certify()
    commit = merge(repository, ASKED)
    event = TagEvent.objects.first()
    assert event is not None
    assert (live(), event.kind, event.certificate) == (1, "promoted", certificate)
    assert (event.actor, event.role) == ("git:alice@example.org", "promote")
    assert event.reason == f"Ship v1. ({commit})"
    assert (statuses(), alarms()) == (["granted"], [])


def test_without_a_certificate_the_live_tag_stays_and_everybody_is_told_why(
    repository: SharedRepository,
) -> None:
    commit = merge(repository, ASKED)
    assert live() == 2
    request = TagRequest.objects.get()
    assert (request.status, request.code, request.commit) == ("refused", "not_certified", commit)
    [(subject, told)] = alarms()
    assert subject == "greet:stable"
    assert "tags.yaml asks for v1 on tiny (by alice@example.org)" in told
    assert "it never passed an evaluation there" in told
    [refused] = OutboxMessage.objects.filter(topic="gate.refused")
    assert (refused.subject, refused.payload["actor"]) == ("greet:stable", "git:alice@example.org")
    assert refused.payload["reasons"] == ["no evaluation of this version on this model has passed"]


def test_a_commit_asks_once(repository: SharedRepository) -> None:
    merge(repository, ASKED)
    certify()
    sync.sync()
    repository.write({"README.md": "news"}).commit()
    sync.sync()
    assert (live(), statuses()) == (2, ["refused"])
    assert OutboxMessage.objects.filter(topic="gate.refused").count() == 1


@pytest.mark.parametrize("way", ["moved", "taken back"])
def test_the_alarm_stops_when_both_say_the_same_again(
    repository: SharedRepository, admin: Actor, way: str
) -> None:
    merge(repository, ASKED)
    assert alarms()
    if way == "moved":
        promotion.override(target=Target("greet", "stable", 1), actor=admin, reason="it is fine")
        sync.sync()
    else:
        merge(repository, TAGS, "Back.")
    assert alarms() == []


def test_each_change_is_its_own_authors(repository: SharedRepository) -> None:
    certify()
    repository.write({"tags.yaml": ASKED})
    repository.git("commit", "--quiet", "--author=Bob <bob@example.org>", "-m", "Stable.")
    merge(repository, ASKED.replace("weight: 25", "weight: 50"), "More canary.")
    asked = TagRequest.objects.order_by("tag").values_list("tag", "author", "status", "code")
    assert list(asked) == [
        ("canary", "alice@example.org", "refused", "not_certified"),
        ("stable", "bob@example.org", "granted", ""),
    ]


def test_the_author_of_a_merged_branch_asks_not_who_merged_it(
    repository: SharedRepository,
) -> None:
    certify()
    repository.git("checkout", "--quiet", "-b", "topic")
    repository.write({"tags.yaml": ASKED})
    repository.git("commit", "--quiet", "--author=Bob <bob@example.org>", "-m", "Ship v1.")
    repository.git("checkout", "--quiet", "main")
    repository.write({"README.md": "meanwhile"}).commit()
    repository.git("merge", "--quiet", "--no-ff", "-m", "Merge topic.", "topic")
    repository.push()
    sync.sync()
    assert (live(), TagRequest.objects.get().author) == (1, "bob@example.org")


def test_a_line_that_is_taken_away_ends_a_canary_but_never_stable(
    repository: SharedRepository,
) -> None:
    merge(repository, "greet:\n  stable: {version: v2, model: tiny}\n", "End it.")
    assert lookup.by_tag("greet", "canary").fallback
    assert lookup.by_tag("team/reply").version.number == 1
    [(subject, told)] = alarms()
    assert (subject, "can be moved, never taken away" in told) == ("team/reply:stable", True)


@pytest.mark.parametrize("text", ["greet: {stable: v2\n", "greet:\n  stable: 2\n", None])
def test_a_broken_or_missing_tags_yaml_takes_nothing_away(
    repository: SharedRepository, text: str | None
) -> None:
    if text is None:
        repository.remove("tags.yaml").commit()
    else:
        repository.write({"tags.yaml": text}).commit()
    sync.sync()
    assert (live(), live("canary"), statuses()) == (2, 2, [])


def test_what_does_not_exist_is_refused_with_its_name(repository: SharedRepository) -> None:
    merge(repository, TAGS.replace("stable: {version: v2", "stable: {version: v9"))
    assert [(one.code, one.message) for one in TagRequest.objects.all()] == [
        ("version_unknown", "greet has no v9; it has v1, v2")
    ]
    assert live() == 2


def test_a_commit_that_writes_back_asks_for_nothing(
    repository: SharedRepository, admin: Actor, settings: Settings
) -> None:
    """Also when the tag has moved on since: our own old news is nobody's request."""
    settings.WRITE_BACK = True
    promotion.override(target=Target("greet", "stable", 1), actor=admin, reason="try it")
    now = OutboxMessage.objects.latest("created_at").created_at
    outbox.route(channels(), now)
    assert sum(outbox.deliver(channel) for channel in channels()) > 0
    promotion.rollback(prompt="greet", actor=admin)
    certify()
    assert "version: v1" in repository.file("tags.yaml")
    assert sync.sync().status == "applied"
    assert (live(), statuses(), alarms()) == (2, [], [])


def test_a_commit_that_only_says_that_it_writes_back_is_heard(
    repository: SharedRepository,
) -> None:
    """Else a pull request could carry a change of tags.yaml that nobody ever answers."""
    message = "Point greet:stable at v1.\n\n- greet:stable v2 -> v1\n\nAssay-Write-Back: 7\n"
    merge(repository, ASKED, message)
    assert (live(), statuses()) == (2, ["refused"])
    assert [subject for subject, _ in alarms()] == ["greet:stable"]
    merge(repository, TAGS, "Back.")
    certify()
    merge(repository, ASKED, message)
    assert (live(), statuses()[-1], alarms()) == (1, "granted", [])


def test_what_is_merged_while_a_move_waits_is_heard_before_it_is_written_over(
    repository: SharedRepository, admin: Actor, settings: Settings
) -> None:
    certify()
    settings.WRITE_BACK = True
    promotion.override(target=Target("greet", "beta", 2), actor=admin, reason="try it")
    repository.write({"tags.yaml": ASKED}).commit("Ship v1.")
    outbox.route(channels(), OutboxMessage.objects.latest("created_at").created_at)
    assert sum(outbox.deliver(channel) for channel in channels()) > 0
    assert (live(), statuses()) == (1, ["granted"])
    assert repository.file("tags.yaml") == ASKED.replace(
        "weight: 25}\n", "weight: 25}\n  beta: {version: v2, model: tiny}\n"
    )


def test_a_rewritten_history_asks_for_nothing(repository: SharedRepository) -> None:
    certify()
    first = repository.head
    repository.write({"README.md": "news"}).commit()
    sync.sync()
    repository.force_push(first)
    repository.write({"tags.yaml": ASKED})
    repository.git("commit", "--quiet", "-m", "Another past.")
    repository.push(force=True)
    sync.sync()
    assert (live(), statuses()) == (2, [])


def test_a_request_outlives_the_process_that_noted_it(
    repository: SharedRepository, monkeypatch: pytest.MonkeyPatch
) -> None:
    certify()
    with monkeypatch.context() as patched:
        patched.setattr(following, "decide_requests", lambda _now: 0)
        merge(repository, ASKED)
        assert (live(), statuses()) == (2, ["waiting"])
    sync.sync()
    assert (live(), statuses()) == (1, ["granted"])


def test_a_tag_of_that_name_is_still_unknown_after_a_refusal(
    repository: SharedRepository,
) -> None:
    merge(repository, TAGS + "  beta: v1\n")
    with pytest.raises(TagUnknownError):
        lookup.by_tag("team/reply", "beta")
    assert [subject for subject, _ in alarms()] == ["team/reply:beta"]
