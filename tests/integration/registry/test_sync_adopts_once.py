"""tags.yaml is believed at first contact only; from then on a tag moves with evidence."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path

import pytest
from django.db import connection, transaction
from pytest_django.fixtures import Settings

from core.findings import Finding
from registry import lookup, promotion, queries, sync
from registry.domain.actor import Actor
from registry.domain.change import RepositoryChange
from registry.errors import VersionUnknownError
from registry.models import MirrorState, SyncRun
from registry.models.ledger import TagEvent
from registry.promotion import Adoption, Target
from tests.integration.registry.conftest import make_shelf, stable
from tests.integration.registry.git_repositories import PromptRepository
from tests.integration.registry.test_rebuild import FILES

pytestmark = pytest.mark.django_db(transaction=True)

PAY = {"prompts/pay/v1.jinja2": "Pay\n", "prompts/pay/prompt.yaml": "model: tiny\n"}
PAY_IS_LIVE = {"tags.yaml": FILES["tags.yaml"] + "pay:\n  stable: v1\n"}

_PATIENCE_SECONDS = 20
_reached, _go_on = threading.Event(), threading.Event()


def slow(_: RepositoryChange) -> tuple[Finding, ...]:
    """A follower with a lot to read."""
    _reached.set()
    assert _go_on.wait(_PATIENCE_SECONDS)
    return ()


@pytest.fixture
def repository(tmp_path: Path, settings: Settings) -> PromptRepository:
    """Not synced yet."""
    made = PromptRepository(tmp_path / "prompts")
    made.write(FILES).commit()
    settings.REPOSITORY_URL = made.url
    settings.REPOSITORY_PROTOCOLS = ("file",)
    settings.DATA_DIR = tmp_path / "data"
    return made


@contextmanager
def _elsewhere() -> Iterator[ThreadPoolExecutor]:
    """A thread with a connection of its own."""
    with ThreadPoolExecutor(1) as pool:
        yield pool
        pool.submit(lambda: connection.close()).result()  # noqa: PLW0108 — of that thread


def _tags(prompt: str) -> set[str]:
    return {tag for name, tag in queries.tags_with_history() if name == prompt}


def _requests(run: SyncRun) -> list[tuple[str, int, str, str]]:
    found = run.findings.filter(code="needs_promotion")
    return [(one.path, one.line, one.severity, one.message) for one in found]


def test_a_tag_that_comes_later_waits_for_its_promotion(repository: PromptRepository) -> None:
    sync.sync()
    repository.write({**PAY, **PAY_IS_LIVE}).commit()
    run = sync.sync()
    assert (run.status, _requests(run)) == ("applied", [])
    [alarm] = queries.open_alarms()
    assert (alarm.kind, alarm.subject) == ("tags_differ", "pay:stable")
    repository.write({"README.md": "news"}).commit()
    said = "tags.yaml asks for pay:stable v1; promote it with `assay promote`"
    assert _requests(sync.sync()) == [("tags.yaml", 7, "warning", said)]
    assert _tags("pay") == set()
    assert lookup.by_version("pay", 1).version.template == "Pay\n"


def test_a_prompt_that_was_broken_at_first_contact_waits_too(
    repository: PromptRepository,
) -> None:
    broken = {"prompts/pay/v1.jinja2": "{% if %}"}
    repository.write({**PAY, **PAY_IS_LIVE, **broken}).commit()
    first = sync.sync()
    assert first.findings.filter(path="tags.yaml", code="unknown_version").exists()
    with pytest.raises(VersionUnknownError):
        lookup.by_version("pay", 1)
    repository.write(PAY).commit()
    [request] = _requests(sync.sync())
    assert "pay:stable" in request[3]
    assert _tags("pay") == set()


def test_an_admin_answers_the_request(repository: PromptRepository, admin: Actor) -> None:
    sync.sync()
    repository.write({**PAY, **PAY_IS_LIVE}).commit()
    sync.sync()
    promotion.override(target=stable(1, prompt="pay"), actor=admin, reason="first release")
    repository.write({"README.md": "news"}).commit()
    assert _requests(sync.sync()) == []


def test_a_first_commit_that_could_not_be_applied_was_no_contact(
    repository: PromptRepository, settings: Settings
) -> None:
    followers = settings.REPOSITORY_FOLLOWERS
    settings.REPOSITORY_FOLLOWERS = [f"{__name__}.nowhere"]
    assert sync.sync().status == "failed"
    assert not queries.tags_with_history()
    settings.REPOSITORY_FOLLOWERS = followers
    assert sync.sync().status == "applied"
    assert _tags("greet") == {"stable", "canary"}


def test_tags_that_were_moved_before_stay(repository: PromptRepository, admin: Actor) -> None:
    sync.sync()
    promotion.override(target=stable(1, prompt="greet"), actor=admin, reason="calm down")
    MirrorState.objects.update(applied_commit="")
    repository.write({**PAY, **PAY_IS_LIVE}).commit()
    assert sync.sync().status == "applied"
    assert lookup.by_tag("greet").version.number == 1
    assert _tags("pay") == {"stable"}


def test_rollback_does_not_wait_for_the_first_sync(
    repository: PromptRepository, settings: Settings, admin: Actor
) -> None:
    make_shelf("live")
    for number in (1, 2):
        target = stable(number, prompt="live")
        promotion.override(target=target, actor=admin, reason="before Git")
    settings.REPOSITORY_FOLLOWERS = [f"{__name__}.slow"]
    _reached.clear()
    _go_on.clear()
    with _elsewhere() as pool:
        syncing = pool.submit(sync.sync)
        try:
            assert _reached.wait(_PATIENCE_SECONDS)
            promotion.rollback(prompt="live", actor=admin)
            assert lookup.by_tag("live").version.number == 1
            assert not syncing.done()
        finally:
            _go_on.set()
        assert syncing.result().status == "applied"
    assert _tags("greet") == {"stable", "canary"}


def test_somebody_else_moves_a_tag_first(admin: Actor) -> None:
    shelf = make_shelf()
    held, let_go = threading.Event(), threading.Event()

    def move() -> None:
        with transaction.atomic():
            promotion.override(target=stable(2), actor=admin, reason="quicker")
            held.set()
            assert let_go.wait(_PATIENCE_SECONDS)

    def adopt() -> int:
        version = shelf.version(1)
        adoptions = [Adoption(shelf.prompt, tag, version, None) for tag in ("stable", "beta")]
        with transaction.atomic():
            return promotion.adopt(adoptions=adoptions, commit="c" * 40)

    with _elsewhere() as mover, _elsewhere() as adopter:
        moving = mover.submit(move)
        assert held.wait(_PATIENCE_SECONDS)
        adopting = adopter.submit(adopt)
        let_go.set()
        moving.result()
        assert adopting.result() == 1
    kinds = TagEvent.objects.values_list("tag", "kind", "registry_revision")
    assert set(kinds) == {("stable", "overridden", 1), ("beta", "adopted", 2)}


def test_nothing_is_adopted_when_all_is_moved_already(admin: Actor) -> None:
    shelf = make_shelf()
    promotion.override(target=Target("greeting", "stable", 1), actor=admin, reason="mine")
    adoption = Adoption(shelf.prompt, "stable", shelf.version(2), None)
    with transaction.atomic():
        assert promotion.adopt(adoptions=[adoption], commit="c" * 40) == 0
        assert promotion.adopt(adoptions=[], commit="c" * 40) == 0
    assert lookup.by_tag("greeting").version.number == 1
