"""What was published comes back with its first text, though its file is gone or edited by now."""

from __future__ import annotations

import json
import time
from pathlib import Path

import pytest
from pytest_django.fixtures import Settings

from core.digest import digest
from registry import lookup, queries, sync
from registry.domain.actor import Actor
from registry.models import MirrorAlarm, OutboxMessage, Prompt, PromptVersion
from registry.sync import earlier
from tests.integration.registry.certified_repository import certify, promote
from tests.integration.registry.lost_database import (
    LEDGER,
    dump,
    followed,
    ledger,
    lose_everything,
    rebuild,
    write_back,
)
from tests.integration.registry.shared_repository import SharedRepository
from tests.integration.registry.writing_back import override

pytestmark = pytest.mark.django_db(transaction=True)

V1, V2, V3 = (f"prompts/greet/v{number}.jinja2" for number in (1, 2, 3))
TONE = "prompts/partials/tone/v1.jinja2"
GREET = "prompts/greet/prompt.yaml"
DESCRIBED = "description: Greets.\nmodel: tiny\nsuites: [greet]\n"


@pytest.fixture
def repository(tmp_path: Path, settings: Settings) -> SharedRepository:
    return followed(tmp_path, settings)


def commit(repository: SharedRepository, files: dict[str, str], *removed: str) -> None:
    """A commit of somebody."""
    repository.pull()
    if removed:
        repository.remove(*removed)
    repository.write(files).commit()


def change(repository: SharedRepository, files: dict[str, str], *removed: str) -> None:
    """A commit of somebody, followed at once."""
    commit(repository, files, *removed)
    sync.sync()


def texts(prompt: str = "greet") -> dict[int, str]:
    rows = PromptVersion.objects.filter(prompt__name=prompt).order_by("number")
    return dict(rows.values_list("number", "template"))


def test_a_lost_database_comes_back_as_one_that_lived_through_the_commits(
    repository: SharedRepository, settings: Settings, tmp_path: Path, promoter: Actor, admin: Actor
) -> None:
    """What is live, certified and named by the ledger, and files that nobody cares about."""
    certify()
    promote(promoter)
    override(admin, "beta", 1, "team/reply")
    write_back()
    change(repository, {V3: "Third\n"}, V1)
    change(repository, {V2: "Hello, edited\n", GREET: DESCRIBED})
    change(repository, {TONE: "rudely"})
    change(repository, {"prompts/new/v1.jinja2": "New {% include 'partials/tone/v1' %}\n"})
    change(repository, {"prompts/new/prompt.yaml": "owners: [ada]\n"})
    change(repository, {}, "prompts/new", "prompts/team")
    change(repository, {}, TONE)
    override(admin, "gamma", 3)
    write_back()
    before = dump()
    assert [alarm[:2] for alarm in before["alarms"]] == [
        ("prompt_removed", "new"),
        ("prompt_removed", "team/reply"),
        ("version_edited", V2),
        ("version_removed", V1),
        ("version_removed", "prompts/new/v1.jinja2"),
        ("version_removed", "prompts/team/reply/v1.jinja2"),
    ]
    assert [row[0] for row in before["findings"] if row[3] == "version_edited"] == [V2]
    rebuilt = rebuild(settings, tmp_path)
    assert dump() == before
    assert texts() == {1: "Hello\n", 2: "Hello kindly\n", 3: "Third\n"}
    assert texts("new") == {1: "New rudely\n"}
    assert (rebuilt.prompts, rebuilt.versions, rebuilt.proven) == (3, 5, 1)
    answer = lookup.by_tag("greet")
    assert (answer.version.template, answer.proven) == ("Hello\n", True)
    assert not OutboxMessage.objects.filter(topic="version.published").exists()
    override(admin, "beta", 2)
    write_back()
    before = dump()
    rebuild(settings, tmp_path / "again")
    assert dump() == before, "and once more, of a database that was rebuilt"


def test_a_version_keeps_the_partial_that_it_was_published_with(
    repository: SharedRepository, settings: Settings, tmp_path: Path, admin: Actor
) -> None:
    """Nobody touched the version's own file. What came later has the partial as it was then."""
    override(admin, "beta", 1)
    change(repository, {TONE: "rudely"})
    change(repository, {V3: 'Bye {% include "partials/tone/v1" %}\n'})
    write_back()
    before = dump()
    rebuild(settings, tmp_path)
    assert dump() == before
    assert texts() == {1: "Hello\n", 2: "Hello kindly\n", 3: "Bye rudely\n"}


def test_a_broken_description_hides_no_version(
    repository: SharedRepository, settings: Settings, tmp_path: Path, admin: Actor
) -> None:
    """A prompt.yaml that names a policy which gates.yaml lost, or that cannot be read, leaves all
    as it was; a file that is mended counts from then on.
    """
    override(admin, "beta", 1)
    change(repository, {V3: "{% if", GREET: DESCRIBED})
    change(repository, {V3: "Mended\n"})
    change(repository, {V3: "Edited\n", GREET: "suites: [greet\n"})
    write_back()
    before = dump()
    rebuild(settings, tmp_path)
    assert dump() == before
    assert texts()[3] == "Mended\n"
    assert Prompt.objects.get(name="greet").description == "Greets."


def test_of_two_texts_that_came_together_the_one_that_the_ledger_tells_comes_back(
    repository: SharedRepository, settings: Settings, tmp_path: Path, admin: Actor
) -> None:
    """A registry that was not looking at the first one published the second."""
    commit(repository, {V3: "Draft\n"})
    change(repository, {V3: "Meant\n"})
    change(repository, {V3: "Edited\n"})
    override(admin, "beta", 3)
    write_back()
    before = dump()
    assert texts()[3] == "Meant\n"
    rebuild(settings, tmp_path)
    assert dump() == before
    assert lookup.by_tag("greet", "beta").version.template == "Meant\n"


def test_where_nothing_tells_which_text_was_meant_it_is_the_first(
    repository: SharedRepository, settings: Settings, tmp_path: Path, admin: Actor
) -> None:
    override(admin, "beta", 1)
    commit(repository, {V3: "Draft\n"})
    change(repository, {V3: "Meant\n"})
    write_back()
    assert texts()[3] == "Meant\n"
    rebuilt = rebuild(settings, tmp_path)
    assert texts()[3] == "Draft\n"
    assert [V3 in finding for finding in rebuilt.findings] == [True], "that is told"


def test_what_a_merged_branch_tried_out_was_never_published(
    repository: SharedRepository, settings: Settings, tmp_path: Path, admin: Actor
) -> None:
    override(admin, "beta", 1)
    write_back()
    repository.pull()
    repository.git("checkout", "--quiet", "-b", "draft")
    for text in ("Tried\n", "Meant\n"):
        repository.write({V3: text}).git("commit", "--quiet", "-m", "Try.")
    repository.git("checkout", "--quiet", "main")
    repository.git("merge", "--quiet", "--no-ff", "-m", "Merge.", "draft")
    repository.push()
    sync.sync()
    change(repository, {}, V3)
    before = dump()
    rebuild(settings, tmp_path)
    assert dump() == before
    assert texts()[3] == "Meant\n"


def test_what_was_gone_before_the_registry_began_stays_gone(
    tmp_path: Path, settings: Settings, admin: Actor
) -> None:
    made = SharedRepository(tmp_path)
    made.write({"prompts/old/v1.jinja2": "Old\n", V1: "Draft\n"}).commit()
    made.remove("prompts/old").commit()
    made = continued(made, tmp_path, settings)
    override(admin, "beta", 1)
    write_back()
    before = dump()
    rebuild(settings, tmp_path)
    assert dump() == before
    assert texts("old") == {}
    assert texts()[1] == "Hello\n"


def continued(made: SharedRepository, tmp_path: Path, settings: Settings) -> SharedRepository:
    """Followed from here on, with the files of the others."""
    bare = made.bare
    made.bare = bare.rename(tmp_path / "followed.git")
    made.git("remote", "set-url", "origin", str(made.bare))
    other = followed(tmp_path / "other", settings)
    files = {path: other.file(path) for path in other.paths()}
    lose_everything(settings, tmp_path)
    made.write(files).commit()
    settings.REPOSITORY_URL = made.url
    sync.sync()
    return made


def test_a_registry_that_adopted_nothing_began_with_the_repository(
    tmp_path: Path, settings: Settings, admin: Actor
) -> None:
    """Also when a tag was adopted later, by a rebuild that found a hole in the ledger."""
    repository = followed(tmp_path, settings, tags="")
    change(repository, {V3: "Third\n"})
    change(repository, {}, V3)
    override(admin, "beta", 1)
    write_back()
    before = dump()
    repository.pull()
    [line] = repository.file(LEDGER).splitlines()
    told = {"revision": 2, "tag": "gamma", "kind": "adopted", "commit": repository.head}
    repository.write({LEDGER: f"{line}\n{json.dumps(json.loads(line) | told)}\n"}).commit()
    rebuild(settings, tmp_path)
    assert dump()["versions"] == before["versions"]
    assert [one["kind"] for one in ledger()] == ["overridden", "adopted"]


def squashed(repository: SharedRepository) -> None:
    """The history of the branch becomes one commit."""
    repository.pull()
    repository.start_again()
    repository.push(force=True)


def test_what_a_rewritten_history_does_not_hold_is_told(
    repository: SharedRepository, settings: Settings, tmp_path: Path, promoter: Actor, admin: Actor
) -> None:
    """The ledger says that it was there; nothing is made up. What is still there comes back."""
    override(admin, "beta", 2)
    override(admin, "gamma", 1)
    change(repository, {}, V1)
    change(repository, {V2: "Hello, edited\n"})
    write_back()
    squashed(repository)
    sync.sync()
    assert texts() == {1: "Hello\n", 2: "Hello kindly\n"}
    rebuilt = rebuild(settings, tmp_path)
    assert texts() == {2: "Hello, edited\n"}
    told = "greet:gamma was at v1, which the repository does not hold"
    assert [told in finding for finding in rebuilt.findings].count(True) == 1
    change(repository, {V3: "Third\n"})
    change(repository, {}, V3)
    override(admin, "beta", 2)
    write_back()
    rebuild(settings, tmp_path / "again")
    assert texts() == {2: "Hello, edited\n", 3: "Third\n"}, "from the new beginning on"


def test_without_a_ledger_nobody_lived_with_the_repository(
    repository: SharedRepository, settings: Settings, tmp_path: Path
) -> None:
    change(repository, {V3: "Third\n"}, V1)
    assert LEDGER not in repository.paths()
    rebuild(settings, tmp_path)
    assert texts() == {2: "Hello kindly\n", 3: "Third\n"}


def test_a_history_that_takes_too_long_says_what_may_be_missing(
    repository: SharedRepository,
    settings: Settings,
    tmp_path: Path,
    admin: Actor,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(earlier, "_SECONDS", 0)
    override(admin, "beta", 2)
    change(repository, {}, V1)
    write_back()
    rebuilt = rebuild(settings, tmp_path)
    assert "history_not_read" in rebuilt.findings[0]
    assert texts() == {2: "Hello kindly\n"}
    sync.sync()
    commit(repository, {"README.md": "Hello"})
    again = sync.sync().findings.values_list("code", flat=True)
    assert list(again) == ["version_gap"], "it is told once"


def test_a_digest_that_no_text_has_costs_only_its_entry(
    repository: SharedRepository, settings: Settings, tmp_path: Path, admin: Actor
) -> None:
    """Somebody wrote it, or its text was on a branch that is gone."""
    override(admin, "beta", 2)
    change(repository, {V2: "Hello, edited\n"})
    write_back()
    repository.pull()
    real = queries.version(queries.prompt("greet"), 2).digest
    text = repository.file(LEDGER).replace(real, digest("nothing"))
    repository.write({LEDGER: text}).commit("Trust me.")
    rebuild(settings, tmp_path)
    assert texts() == {1: "Hello\n", 2: "Hello kindly\n"}
    assert lookup.by_tag("greet", "beta").version.number == 2
    assert len(ledger()) == 3


@pytest.mark.slow
def test_a_long_history_comes_back_in_seconds(
    repository: SharedRepository, settings: Settings, tmp_path: Path, admin: Actor
) -> None:
    """Two thousand commits, each of a version; then a fifth of them is edited, a fifth deleted."""
    override(admin, "beta", 1)
    write_back()
    tip = repository.pull()
    paths = [f"prompts/p{number // 2}/v{number % 2 + 1}.jinja2" for number in range(2_000)]
    commits = [
        *([f"M 100644 inline {path}\ndata {len(path)}\n{path}\n"] for path in paths),
        [f"M 100644 inline {path}\ndata 6\nedited\n" for path in paths[:400]],
        [f"D {path}\n" for path in paths[400:800]],
    ]
    stream = "".join(
        f"commit refs/heads/main\ncommitter A <a@b> {1_800_000_000 + number} +0000\ndata 1\nx\n"
        f"{'' if number else f'from {tip}{chr(10)}'}{''.join(changes)}"
        for number, changes in enumerate(commits)
    )
    repository.git("fast-import", "--quiet", stdin=stream.encode())
    repository.push()
    began = time.monotonic()
    rebuilt = rebuild(settings, tmp_path)
    assert time.monotonic() - began < 60, "not minutes, however busy the machine"
    assert (rebuilt.prompts, rebuilt.versions) == (1_002, 2_003)
    rows = PromptVersion.objects.filter(prompt__name__startswith="p")
    assert all(row.template == row.path for row in rows)
    assert Prompt.objects.filter(orphaned=True).count() == 200
    assert MirrorAlarm.objects.filter(kind="version_edited").count() == 400
    assert MirrorAlarm.objects.filter(kind="version_removed").count() == 400
