"""Whatever happens to the repository, what is served stays byte for byte, and somebody is told."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from pytest_django.fixtures import Settings

from core.digest import canonical_json
from registry import lookup, queries, sync
from registry.models import MirrorAlarm
from tests.integration.registry.git_repositories import PromptRepository
from tests.integration.registry.test_rebuild import FILES

pytestmark = pytest.mark.django_db(transaction=True)

V2 = "prompts/greet/v2.jinja2"


@pytest.fixture
def repository(tmp_path: Path, settings: Settings) -> PromptRepository:
    made = PromptRepository(tmp_path / "prompts")
    made.write(FILES).commit()
    settings.REPOSITORY_URL = made.url
    settings.REPOSITORY_PROTOCOLS = ("file",)
    settings.DATA_DIR = tmp_path / "data"
    sync.sync()
    return made


def test_an_alarm_that_goes_on_says_what_is_wrong_now(repository: PromptRepository) -> None:
    for text, told in (("Edited\n", "then edited"), ("{% broken", "is broken now")):
        head = repository.write({V2: text}).commit()
        sync.sync()
        [alarm] = MirrorAlarm.objects.all()
        assert (told in alarm.message, alarm.commit, alarm.resolved_at) == (True, head, None)


def _served() -> bytes:
    answers = [lookup.by_tag("greet"), lookup.by_tag("greet", "canary")]
    answers += [lookup.by_version("greet", 1), lookup.by_tag("team/reply")]
    # A warning says what became of the repository; what an application uses is the rest.
    return canonical_json([answer.body() | {"warnings": None} for answer in answers])


def _force_push(repository: PromptRepository) -> None:
    repository.write({V2: "Rewritten history\n"})
    repository.start_again()


def _edit(repository: PromptRepository) -> None:
    repository.write({V2: "Quietly edited\n"}).commit()


def _break(repository: PromptRepository) -> None:
    repository.write({V2: "{% broken"}).commit()


def _edit_partial(repository: PromptRepository) -> None:
    repository.write({"prompts/partials/tone/v1.jinja2": "rudely"}).commit()


def _remove_version(repository: PromptRepository) -> None:
    repository.remove(V2).commit()


def _remove_prompt(repository: PromptRepository) -> None:
    repository.remove(*[path for path in FILES if path.startswith("prompts/greet/")]).commit()


def _rename_branch(repository: PromptRepository) -> None:
    repository.rename_branch("trunk")


def _empty(repository: PromptRepository) -> None:
    repository.remove(*FILES).commit()


def _drop_branches(repository: PromptRepository) -> None:
    repository.drop_all_branches()


def _delete(repository: PromptRepository) -> None:
    repository.delete()


@pytest.mark.parametrize(
    ("accident", "alarms"),
    [
        (_force_push, {"history_rewritten", "version_edited"}),
        (_edit, {"version_edited"}),
        (_break, {"version_edited"}),
        (_edit_partial, {"version_edited"}),
        (_remove_version, {"version_removed"}),
        (_remove_prompt, {"version_removed", "prompt_removed"}),
        (_rename_branch, {"branch_missing"}),
        (_empty, {"version_removed", "prompt_removed"}),
        (_drop_branches, {"repository_empty"}),
        (_delete, {"unreachable"}),
    ],
)
def test_what_is_live_is_served_byte_for_byte(
    repository: PromptRepository,
    accident: Callable[[PromptRepository], None],
    alarms: set[str],
) -> None:
    before = _served()
    accident(repository)
    sync.sync()
    sync.sync()  # an alarm rings once
    assert _served() == before
    rung = list(queries.open_alarms().values_list("kind", flat=True))
    assert set(rung) == alarms
    subjects = list(queries.open_alarms().values_list("kind", "subject"))
    assert len(subjects) == len(set(subjects))


def test_an_alarm_stops_when_its_cause_is_gone(repository: PromptRepository) -> None:
    _edit(repository)
    sync.sync()
    repository.write({V2: FILES[V2]}).commit()
    sync.sync()
    assert not queries.open_alarms().exists()
    assert MirrorAlarm.objects.get().resolved_at is not None


def test_a_remote_that_comes_back_is_followed_again(
    repository: PromptRepository, settings: Settings, tmp_path: Path
) -> None:
    here = settings.REPOSITORY_URL
    settings.REPOSITORY_URL = str(tmp_path / "nowhere")
    assert sync.sync().status == "failed"
    settings.REPOSITORY_URL = here
    repository.write({"prompts/greet/v3.jinja2": "Back\n"}).commit()
    assert sync.sync().new_versions == 1
    assert not queries.open_alarms().exists()


def test_an_edit_is_a_finding_that_names_the_file(repository: PromptRepository) -> None:
    _edit(repository)
    run = sync.sync()
    finding = run.findings.get(code="version_edited")
    assert (finding.path, finding.severity) == (V2, "error")
