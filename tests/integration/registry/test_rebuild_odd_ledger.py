"""A ledger in the repository that nobody wrote so, or that tells more than there is."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from pytest_django.fixtures import Settings

from registry import lookup, promotion, queries, sync
from registry.domain.actor import Actor
from registry.models.ledger import TagEvent
from tests.integration.registry.certified_repository import certify, promote
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


@pytest.fixture
def repository(tmp_path: Path, settings: Settings) -> SharedRepository:
    return followed(tmp_path, settings)


def stable() -> int:
    return lookup.by_tag("greet").version.number


def test_what_tags_yaml_asked_for_in_vain_is_not_live_after_a_rebuild(
    repository: SharedRepository, settings: Settings, tmp_path: Path, admin: Actor
) -> None:
    override(admin, "stable", 1)
    write_back()
    repository.pull()
    asked = repository.file("tags.yaml").replace("version: v1", "version: v2")
    repository.write({"tags.yaml": asked + "  beta: v1\n"}).commit("Please.")
    sync.sync()
    before = dump()
    rebuilt = rebuild(settings, tmp_path)
    assert dump() == before
    assert stable() == 1
    told = ("greet:stable v2", "greet:beta v1")
    assert [any(name in finding for finding in rebuilt.findings) for name in told] == [True, True]
    assert len(rebuilt.findings) == 2


def test_a_promotion_whose_certificate_is_nowhere_comes_back_as_adopted(
    repository: SharedRepository, settings: Settings, tmp_path: Path, promoter: Actor
) -> None:
    """Its history was squashed away after the file was replaced."""
    first = certify()
    promote(promoter)
    certify(2)
    promote(promoter, 2)
    write_back()
    repository.pull()
    repository.remove("certificates/greet/v1@tiny.json")
    tree = repository.git("write-tree").decode().strip()
    alone = repository.git("commit-tree", tree, "-m", "All of it.").decode().strip()
    repository.git("reset", "--quiet", "--hard", alone)
    repository.push(force=True)
    before = ledger()
    rebuilt = rebuild(settings, tmp_path)
    assert (rebuilt.findings, rebuilt.proven) == ((), 1)
    [lost] = [one for one in before if one["certificate__digest"] == first.digest]
    told = [one for one in ledger() if one["registry_revision"] == lost["registry_revision"]]
    assert told == [lost | {"kind": "adopted", "certificate__digest": None}]
    promotion.rollback(prompt="greet", actor=promoter)
    assert stable() == 1
    assert not lookup.by_tag("greet").proven


def changed_line(repository: SharedRepository, number: int, **changed: Any) -> str:
    lines = repository.file(LEDGER).splitlines()
    lines[number] = json.dumps(json.loads(lines[number]) | changed)
    return "\n".join(lines) + "\n"


@pytest.mark.slow
def test_lines_that_nobody_wrote_so_cost_only_themselves(
    repository: SharedRepository, settings: Settings, tmp_path: Path, promoter: Actor, admin: Actor
) -> None:
    """Every tag is served what tags.yaml says, at least as adopted, and the registry goes on."""
    certify()
    promote(promoter)
    override(admin, "beta", 1)
    promotion.rollback(prompt="greet", actor=promoter)
    write_back()
    repository.pull()
    live = {(tag["prompt__name"], tag["name"]): tag for tag in dump()["tags"]}
    whole = repository.file(LEDGER)
    forged = {
        "no registry has seen": changed_line(repository, 2, revision=2**60),
        "no ledger entry": whole.replace('{"revision":4', "<<<<<<< ours\n{", 1),
        "is missing": "\n".join(whole.splitlines()[:1] + whole.splitlines()[2:]),
        "were overtaken": whole + changed_line(repository, 0).splitlines()[0] + "\n",
        "does not hold": changed_line(repository, -1, version=9),
        "left out": changed_line(repository, 2, version=9),
        "it is of no kind": whole.replace("overridden", "blessed"),
    }
    base = repository.tip
    for number, (why, text) in enumerate(forged.items()):
        repository.force_push(base)
        repository.push(force=True)
        repository.write({LEDGER: text}).commit("Trust me.")
        rebuilt = rebuild(settings, tmp_path / str(number))
        assert any(why in finding for finding in rebuilt.findings), (why, rebuilt.findings)
        came = {(tag["prompt__name"], tag["name"]): tag for tag in dump()["tags"]}
        assert came.keys() == live.keys(), why
        for key, tag in came.items():
            assert tag["event__version__number"] == live[key]["event__version__number"], why
        override(admin, "delta", 1)
        write_back()
        assert TagEvent.objects.latest("pk").registry_revision < 1000


def test_a_rollback_to_somewhere_else_and_a_borrowed_certificate_are_adoptions(
    repository: SharedRepository, settings: Settings, tmp_path: Path, promoter: Actor
) -> None:
    proof = certify()
    promote(promoter)
    promotion.rollback(prompt="greet", actor=promoter)
    write_back()
    repository.pull()
    other = queries.version(queries.prompt("greet"), 2).digest
    borrowed = {"version": 2, "version_digest": other, "certificate": proof.digest}
    for number, text in enumerate(
        (changed_line(repository, 2, **borrowed), changed_line(repository, 3, restores=3))
    ):
        repository.write({LEDGER: text}).commit("Trust me.")
        rebuild(settings, tmp_path / str(number))
        assert "adopted" in [one["kind"] for one in ledger()[2:]]
        assert (stable(), lookup.by_tag("greet").proven) == (2, False)


def test_a_database_put_back_from_a_backup_goes_on_from_there(
    repository: SharedRepository, settings: Settings, tmp_path: Path, admin: Actor
) -> None:
    """The moves since then are told no more once the next one is."""
    override(admin, "stable", 1)
    write_back()
    repository.pull()
    backup = repository.tip
    override(admin, "stable", 2)
    override(admin, "beta", 2)
    write_back()
    newest = repository.pull()
    repository.force_push(backup)
    repository.push(force=True)
    rebuild(settings, tmp_path / "backup")
    repository.force_push(newest)
    repository.push(force=True)
    override(admin, "gamma", 1)
    write_back()
    before = ledger()
    assert [one["tag"] for one in before] == ["stable", "stable", "stable", "gamma"]
    rebuilt = rebuild(settings, tmp_path / "rebuilt")
    assert any("2 moves before revision 4 were overtaken" in one for one in rebuilt.findings)
    assert ledger()[:4] == before
