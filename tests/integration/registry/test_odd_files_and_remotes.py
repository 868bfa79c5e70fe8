"""Odd files and remotes, met by a sync: a finding or an alarm says so, and what is live stays."""

from __future__ import annotations

import functools
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from pytest_django.fixtures import Settings

from core.digest import canonical_json
from registry import lookup, queries, sync
from tests.integration.registry.git_repositories import PromptRepository
from tests.integration.registry.test_mirror_http import PrivateFiles
from tests.integration.registry.test_rebuild import FILES
from tests.loopback import on_loopback

pytestmark = pytest.mark.django_db(transaction=True)

V2 = "prompts/greet/v2.jinja2"
GONE = ("tags.yaml", "unknown_version")
POINTER = f"version https://git-lfs.github.com/spec/v1\noid sha256:{'0' * 64}\nsize 12345\n"
Accident = Callable[[PromptRepository], None]


@pytest.fixture
def repository(tmp_path: Path, settings: Settings) -> PromptRepository:
    made = PromptRepository(tmp_path / "prompts")
    made.write(FILES).commit()
    made.git("tag", "released")
    settings.REPOSITORY_URL = made.url
    settings.REPOSITORY_PROTOCOLS = ("file", "http")
    settings.DATA_DIR = tmp_path / "data"
    sync.sync()
    return made


def served() -> bytes:
    answers = [lookup.by_tag("greet"), lookup.by_version("greet", 2), lookup.by_tag("team/reply")]
    return canonical_json([answer.body() | {"warnings": None} for answer in answers])


def alarms() -> set[str]:
    return set(queries.open_alarms().values_list("kind", flat=True))


def link(repository: PromptRepository) -> None:
    repository.remove(V2).symlink(V2, "/etc/passwd").commit()


def submodule(repository: PromptRepository) -> None:
    repository.remove(V2).plant("160000", V2.encode(), repository.head).commit()


def lfs_pointer(repository: PromptRepository) -> None:
    repository.write({V2: POINTER}).commit()


def line_ends(repository: PromptRepository) -> None:
    repository.write({V2: FILES[V2].replace("\n", "\r\n")}).commit()


def byte_order_mark(repository: PromptRepository) -> None:
    repository.write({V2: "\ufeff" + FILES[V2]}).commit()


def latin_1(repository: PromptRepository) -> None:
    repository.write({V2: b"Gr\xfc\xdfe\n"}).commit()


def other_case(repository: PromptRepository) -> None:
    repository.plant("100644", b"prompts/greet/V2.jinja2", b"Another text\n").commit()


def hundred_megabytes(repository: PromptRepository) -> None:
    repository.write({V2: bytes(100 * 1024 * 1024)}).commit()


def moved_tag(repository: PromptRepository) -> None:
    repository.git("checkout", "--quiet", "-b", "elsewhere")
    repository.write({V2: "Another text\n"}).commit()
    repository.git("tag", "--force", "released", "elsewhere")
    repository.git("checkout", "--quiet", "main")


@pytest.mark.parametrize(
    ("accident", "findings", "rung"),
    [
        (link, {(V2, "symlink"), GONE}, {"version_removed"}),
        (submodule, {(V2, "submodule"), GONE}, {"version_removed"}),
        (lfs_pointer, {(V2, "lfs_pointer"), GONE}, {"version_removed"}),
        (latin_1, {(V2, "file_not_utf8"), (V2, "version_edited"), GONE}, {"version_edited"}),
        (hundred_megabytes, {(V2, "blob_too_big"), GONE}, {"version_removed"}),
        (other_case, {("prompts/greet/V2.jinja2", "path_collision")}, set()),
        # These say the same: nothing is to be told.
        (line_ends, set(), set()),
        (byte_order_mark, set(), set()),
        (moved_tag, set(), set()),
    ],
)
def test_a_file_that_is_not_what_it_was(
    repository: PromptRepository,
    accident: Accident,
    findings: set[tuple[str, str]],
    rung: set[str],
) -> None:
    before = served()
    known = set(sync.sync().findings.values_list("path", "code"))
    accident(repository)
    run = sync.sync()
    assert run.status != "failed"
    assert set(run.findings.values_list("path", "code")) - known == findings
    assert (alarms(), served()) == (rung, before)


def test_a_remote_that_lost_an_object_is_followed_again_when_it_is_mended(
    repository: PromptRepository,
) -> None:
    before = served()
    repository.write({"prompts/greet/v3.jinja2": "News\n"}).commit()
    blob = repository.git("rev-parse", "HEAD:prompts/greet/v3.jinja2").decode().strip()
    stored = repository.path / ".git" / "objects" / blob[:2] / blob[2:]
    whole = stored.read_bytes()
    stored.chmod(0o600)
    stored.write_bytes(whole[:-4] + b"oops")
    assert sync.sync().status == "failed"
    assert len(alarms()) == 1
    assert served() == before
    stored.write_bytes(whole)
    assert (sync.sync().new_versions, alarms()) == (1, set())


@pytest.fixture
def host(tmp_path: Path, repository: PromptRepository) -> Iterator[str]:
    """`host:port` of a Git host over HTTP that asks for a password."""
    handler = functools.partial(PrivateFiles, directory=str(tmp_path))
    with on_loopback(handler) as host:
        yield host


def test_a_revoked_credential_is_an_alarm_until_there_is_another(
    repository: PromptRepository, host: str, settings: Settings
) -> None:
    before = served()
    repository.write({"prompts/greet/v3.jinja2": "News\n"}).commit()
    repository.git("update-server-info")
    settings.REPOSITORY_URL = f"http://robot:revoked@{host}/prompts/.git"
    run = sync.sync()
    assert (run.status, alarms(), served()) == ("failed", {"unreachable"}, before)
    assert "revoked" not in run.error
    settings.REPOSITORY_URL = f"http://robot:s3cr3t-t0ken@{host}/prompts/.git"
    assert (sync.sync().new_versions, alarms()) == (1, set())


@pytest.mark.slow
def test_ten_thousand_files_are_followed_and_taken_away_again(
    repository: PromptRepository,
) -> None:
    before, first = served(), repository.head
    many = {f"prompts/many/prompt-{n:05}/v1.jinja2": f"Prompt {n}\n" for n in range(10_000)}
    repository.write(many).commit()
    run = sync.sync()
    assert (run.status, run.new_versions, served()) == ("applied", 10_000, before)
    repository.force_push(first)
    sync.sync()
    assert {"history_rewritten", "version_removed", "prompt_removed"} == alarms()
    assert served() == before
    assert lookup.by_version("many/prompt-09999", 1).version.number == 1
