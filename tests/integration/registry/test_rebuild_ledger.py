"""The repository alone brings back how every tag came to be where it is, and so the way back."""

from __future__ import annotations

import contextlib
import time
import uuid
from dataclasses import replace
from pathlib import Path

import pytest
from django.core.management import call_command
from hypothesis import HealthCheck, given
from hypothesis import settings as settings_of
from hypothesis import strategies as st
from pytest_django.fixtures import Settings

from registry import lookup, promotion, queries, sync
from registry.domain.actor import Actor
from registry.domain.files import MemoryFiles
from registry.domain.ledger_file import appended, moves_in
from registry.errors import NothingToRollBackToError, TagNotSetError
from registry.models import Certificate, OutboxMessage
from registry.models.ledger import Tag
from registry.promotion import Target
from tests.integration.registry.certified_repository import SUITED, certify, promote
from tests.integration.registry.lost_database import (
    LEDGER,
    dump,
    followed,
    ledger,
    rebuild,
    write_back,
)
from tests.integration.registry.shared_repository import SharedRepository
from tests.integration.registry.writing_back import override

pytestmark = pytest.mark.django_db(transaction=True)

TINY_R2 = SUITED["models.yaml"].replace("revision: r1", "revision: r2")


@pytest.fixture
def repository(tmp_path: Path, settings: Settings) -> SharedRepository:
    return followed(tmp_path, settings)


def busy_weeks(promoter: Actor, admin: Actor) -> None:
    """Promotions, canaries, overrides, rollbacks, a release; some are written back together."""
    certify(1)
    certify(2, "trial")
    promotion.set_canary(prompt="greet", version=2, weight=10, actor=promoter, reason="try")
    write_back()
    promote(promoter, 1)
    promotion.set_canary(prompt="greet", version=2, weight=50, actor=promoter)
    promotion.rollback(prompt="greet", actor=admin, reason="it was rude")
    write_back()
    promotion.clear_canary(prompt="greet", actor=promoter)
    override(admin, "stable", 1)
    override(admin, "beta", 1)
    promotion.rollback(prompt="greet", actor=admin)
    promotion.set_canary(prompt="greet", version=2, weight=5, actor=promoter)
    write_back()
    certify(2)
    promotion.release(
        targets=[Target("greet", "stable", 1), Target("greet", "canary", 2, weight=20)],
        actor=promoter,
        reason="together",
    )
    promote(promoter, 2)
    promote(promoter, 1)
    write_back()


def test_the_ledger_comes_back_move_by_move(
    repository: SharedRepository,
    settings: Settings,
    tmp_path: Path,
    promoter: Actor,
    admin: Actor,
) -> None:
    busy_weeks(promoter, admin)
    before = dump()
    kinds = {entry["kind"] for entry in before["ledger"]}
    assert kinds == {"adopted", "promoted", "rolled_back", "overridden", "cleared"}
    assert len(before["ledger"]) == 15
    rebuilt = rebuild(settings, tmp_path / "first")
    assert dump() == before
    assert (rebuilt.findings, rebuilt.moves) == ((), 15)
    override(admin, "stable", 1, "team/reply")
    write_back()
    before = dump()
    rebuild(settings, tmp_path / "second")
    assert dump() == before, "and once more, after a move in the registry that came back"


def test_after_a_rebuild_the_way_back_is_the_one_there_was(
    repository: SharedRepository,
    settings: Settings,
    tmp_path: Path,
    promoter: Actor,
    admin: Actor,
) -> None:
    """Nobody measured anything yet: a rollback needs no evaluation. It follows the trail, and an
    override stays where only admins go.
    """
    busy_weeks(promoter, admin)
    rebuild(settings, tmp_path)
    assert [stable() for _ in range(4)] == [1, 1, 1, 1]
    assert [rolled_back(promoter) for _ in range(2)] == [2, 1]
    assert lookup.by_tag("greet").proven, "what it restored rests on its certificate"
    override(admin, "gamma", 1)
    override(admin, "gamma", 2)
    write_back()
    rebuild(settings, tmp_path / "again")
    with pytest.raises(NothingToRollBackToError):
        promotion.rollback(prompt="greet", tag="gamma", actor=promoter)
    promotion.rollback(prompt="greet", tag="gamma", actor=admin)
    assert lookup.by_tag("greet", "gamma").version.number == 1


def stable() -> int:
    return lookup.by_tag("greet").version.number


def rolled_back(actor: Actor) -> int:
    promotion.rollback(prompt="greet", actor=actor)
    return stable()


def test_moves_made_before_the_write_back_was_on_are_told_with_the_first_that_is_written(
    repository: SharedRepository, settings: Settings, tmp_path: Path, promoter: Actor, admin: Actor
) -> None:
    settings.WRITE_BACK = False
    certify()
    promote(promoter)
    override(admin, "stable", 2)
    write_back()
    settings.WRITE_BACK = True
    override(admin, "beta", 1, "team/reply")
    write_back()
    before = dump()
    repository.pull()
    assert repository.file("tags.yaml").count("stable: {version: v2, model: tiny}") == 1
    rebuild(settings, tmp_path)
    assert dump() == before


def test_a_certificate_that_was_replaced_comes_back_from_the_history_as_expired(
    repository: SharedRepository, settings: Settings, tmp_path: Path, promoter: Actor
) -> None:
    first = certify()
    promote(promoter)
    write_back()
    repository.pull()
    harder = SUITED["datasets/greet.jsonl"].replace("Hello", "Good day")
    repository.write({"datasets/greet.jsonl": harder}).commit()
    sync.sync()
    second = certify()
    promote(promoter)
    write_back()
    assert first.digest not in repository.file("certificates/greet/v1@tiny.json")
    before = dump()
    assert rebuild(settings, tmp_path).findings == ()
    assert dump() == before
    old = Certificate.objects.get(digest=first.digest)
    assert "suite reads differently now" in old.expired_reason
    assert Certificate.objects.get(digest=second.digest).expired_at is None


def test_a_pin_that_was_changed_since_comes_back_for_what_ran_on_it(
    repository: SharedRepository, settings: Settings, tmp_path: Path, promoter: Actor, admin: Actor
) -> None:
    certify()
    promote(promoter)
    repository.write({"models.yaml": TINY_R2}).commit()
    sync.sync()
    override(admin, "beta", 1)
    write_back()
    before = dump()
    assert rebuild(settings, tmp_path).findings == ()
    assert dump() == before
    live = lookup.by_tag("greet").model
    assert live is not None
    assert live.pin["revision"] == "r1"
    assert queries.current_model("tiny").pin["revision"] == "r2"


def test_a_rebuild_tells_the_world_where_tags_are_not_every_step(
    repository: SharedRepository, settings: Settings, tmp_path: Path, promoter: Actor, admin: Actor
) -> None:
    busy_weeks(promoter, admin)
    rebuild(settings, tmp_path)
    assert OutboxMessage.objects.filter(topic="tag.moved").count() == Tag.objects.count() == 4


VERSIONS = st.sampled_from((1, 2))
STEPS = st.one_of(
    st.tuples(st.just("promote"), VERSIONS),
    st.tuples(st.just("canary"), VERSIONS),
    st.tuples(st.just("override"), VERSIONS),
    st.tuples(st.sampled_from(("edit", "break", "delete")), VERSIONS),
    st.tuples(st.sampled_from(("rollback", "clear", "suite", "tone", "write back")), st.just(0)),
)


def step(repository: SharedRepository, actor: Actor, verb: str, version: int) -> None:
    """One move, or a change of what certificates rest on. What is refused is no move."""
    match verb:
        case "promote":
            certify(version)
            promote(actor, version)
        case "canary":
            certify(version, "trial")
            promotion.set_canary(prompt="greet", version=version, weight=version, actor=actor)
        case "override":
            override(actor, "stable", version)
        case "rollback":
            with contextlib.suppress(NothingToRollBackToError):
                promotion.rollback(prompt="greet", actor=actor)
        case "clear":
            with contextlib.suppress(TagNotSetError):
                promotion.clear_canary(prompt="greet", actor=actor)
        case "write back":
            write_back()
        case _:
            write_back()
            repository.pull()
            commit(repository, verb, f"prompts/greet/v{version}.jinja2")
            sync.sync()


def commit(repository: SharedRepository, verb: str, path: str) -> None:
    """A commit of somebody who may do anything to published files."""
    text = f"Hello {repository.commits()}\n"
    match verb:
        case "suite":
            suite = (repository.path / "datasets/greet.jsonl").read_text()
            repository.write({"datasets/greet.jsonl": suite.replace("Hello", "Hello!")})
        case "tone":
            repository.write({"prompts/partials/tone/v1.jinja2": text})
        case "edit":
            repository.write({path: text})
        case "break":
            repository.write({path: "{% if"})
        case "delete":
            if path in repository.paths():
                repository.remove(path)
    repository.commit()


@pytest.mark.slow
@settings_of(max_examples=12, deadline=None, suppress_health_check=list(HealthCheck))
@given(steps=st.lists(STEPS, min_size=1, max_size=8))
def test_any_history_comes_back(
    steps: list[tuple[str, int]], settings: Settings, tmp_path: Path, admin: Actor
) -> None:
    here = tmp_path / uuid.uuid4().hex
    call_command("flush", interactive=False)
    repository = followed(here, settings)
    for verb, version in steps:
        step(repository, admin, verb, version)
    write_back()
    before = dump()
    rebuilt = rebuild(settings, here)
    assert [one for one in rebuilt.findings if "ledger" in one] == []
    if all(one["kind"] == "adopted" for one in before["ledger"]):
        return  # nothing was written back yet
    assert dump() == before
    with contextlib.suppress(NothingToRollBackToError):
        promotion.rollback(prompt="greet", actor=admin)


@pytest.mark.slow
def test_ten_thousand_moves_come_back_in_seconds(
    repository: SharedRepository, settings: Settings, tmp_path: Path, admin: Actor
) -> None:
    """Too many to be made one by one here: the last three, ever again."""
    override(admin, "stable", 1)
    override(admin, "stable", 2)
    promotion.rollback(prompt="greet", actor=admin)
    write_back()
    repository.pull()
    moves, _ = moves_in(repository.file(LEDGER).encode())
    for number in range(len(moves), 10_001):
        last = moves[-3]
        restores = last.restores + 3 if last.restores else None
        counted = replace(last, revision=last.revision + 3, sequence=last.sequence + 3)
        moves.append(replace(counted, restores=restores))
        assert moves[-1].revision == number + 1
    repository.remove(LEDGER).write(appended(MemoryFiles({}), (), moves)).commit()
    began = time.monotonic()
    assert rebuild(settings, tmp_path).findings == ()
    assert time.monotonic() - began < 60, "not minutes, however busy the machine"
    assert [one["registry_revision"] for one in ledger()] == [move.revision for move in moves]
    assert (ledger()[-1]["kind"], stable()) == ("rolled_back", 1)
    assert rolled_back(admin) == 2
    write_back()
    assert len(ledger()) == 10_002
