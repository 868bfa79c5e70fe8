"""The database is a mirror: dropped and synced again it holds the same."""

from __future__ import annotations

from pathlib import Path

import pytest
from django.core.management import call_command
from django.utils import timezone
from pytest_django.fixtures import Settings

from registry import certificates, lookup, queries, sync
from registry.models import Prompt, PromptVersion
from tests.integration.registry.git_repositories import PromptRepository

pytestmark = pytest.mark.django_db(transaction=True)

FILES = {
    "prompts/greet/prompt.yaml": "description: Greets.\nmodel: tiny\n",
    "prompts/greet/v1.jinja2": "Hello\n",
    "prompts/greet/v2.jinja2": 'Hello {% include "partials/tone/v1" %}\n',
    "prompts/team/reply/v1.jinja2": "Reply\n",
    "prompts/partials/tone/v1.jinja2": "kindly",
    "models.yaml": "models:\n  tiny: {served_id: tiny, revision: r1, engine: vllm, "
    "base_url: 'http://127.0.0.1:1'}\n",
    "gates.yaml": "policies:\n  release: {min_cases: 30}\ntags: {stable: release}\n",
    "tags.yaml": "greet:\n  stable: {version: v2, model: tiny}\n"
    "  canary: {version: v1, model: tiny, weight: 25}\nteam/reply:\n  stable: v1\n",
}


@pytest.fixture
def repository(tmp_path: Path, settings: Settings) -> PromptRepository:
    made = PromptRepository(tmp_path / "prompts")
    made.write(FILES).commit()
    settings.REPOSITORY_URL = made.url
    settings.REPOSITORY_PROTOCOLS = ("file",)
    settings.DATA_DIR = tmp_path / "data"
    return made


def _dump() -> dict[str, object]:
    versions = PromptVersion.objects.order_by("prompt__name", "number")
    return {
        "versions": list(
            versions.values_list("prompt__name", "number", "digest", "template", "content", "blob")
        ),
        "tags": {
            f"{prompt.name}:{tag.name}": (
                tag.event.version.number if tag.event.version else None,
                tag.event.model.name if tag.event.model else None,
                tag.event.weight,
                tag.event.kind,
            )
            for prompt in queries.prompts()
            for tag in prompt.tags.all()
        },
        "prompts": list(Prompt.objects.values("name", "description", "default_model", "orphaned")),
    }


def test_first_contact_adopts_what_the_repository_says_is_live(
    repository: PromptRepository,
) -> None:
    run = sync.sync()
    assert (run.status, run.prompts, run.versions, run.new_versions) == ("applied", 2, 3, 3)
    assert _dump()["tags"] == {
        "greet:stable": (2, "tiny", None, "adopted"),
        "greet:canary": (1, "tiny", 25, "adopted"),
        "team/reply:stable": (1, None, None, "adopted"),
    }
    answer = lookup.by_tag("greet")
    assert (answer.version.template, answer.proven) == ("Hello kindly\n", False)


def test_an_emptied_database_is_rebuilt_from_git(repository: PromptRepository) -> None:
    sync.sync()
    repository.write({"prompts/greet/v3.jinja2": "Hi\n"}).commit()
    sync.sync()
    before = _dump()
    call_command("flush", interactive=False)
    assert not PromptVersion.objects.exists()
    sync.sync()
    assert _dump() == before


def test_syncing_again_changes_nothing(repository: PromptRepository) -> None:
    first = sync.sync()
    before = _dump()
    again = sync.sync()
    assert (again.status, again.commit, again.new_versions) == ("unchanged", first.commit, 0)
    assert _dump() == before


def test_a_later_change_of_tags_yaml_moves_nothing_by_itself(
    repository: PromptRepository,
) -> None:
    sync.sync()
    repository.write({"tags.yaml": "greet:\n  stable: {version: v1, model: tiny}\n"}).commit()
    sync.sync()
    assert lookup.by_tag("greet").version.number == 2


def test_a_broken_file_costs_only_itself(repository: PromptRepository) -> None:
    sync.sync()
    broken = {"prompts/greet/v3.jinja2": "{% if %}", "prompts/fresh/v1.jinja2": "Fresh\n"}
    repository.write(broken).commit()
    run = sync.sync()
    [finding] = run.findings.all()
    assert (finding.path, finding.line, finding.severity) == ("prompts/greet/v3.jinja2", 1, "error")
    assert lookup.by_version("fresh", 1).version.template == "Fresh\n"


def test_a_changed_pin_is_a_new_model_version(repository: PromptRepository) -> None:
    sync.sync()
    before = queries.current_model("tiny")
    changed = FILES["models.yaml"].replace("revision: r1", "revision: r2")
    repository.write({"models.yaml": changed}).commit()
    sync.sync()
    after = queries.current_model("tiny")
    assert after.pk != before.pk
    assert (after.pin["revision"], after.fingerprint) == ("r2", "")
    live = lookup.by_tag("greet").model
    assert live is not None
    assert live.pk == before.pk, "what is live keeps the model it was released with"
    repository.write({"models.yaml": FILES["models.yaml"]}).commit()
    sync.sync()
    assert queries.current_model("tiny").pk == before.pk


def test_a_changed_address_keeps_the_pin_and_forgets_what_was_measured(
    repository: PromptRepository,
) -> None:
    sync.sync()
    before = queries.current_model("tiny")
    certificates.record_fingerprint(
        model=before, fingerprint="f" * 64, mode="text/1", now=timezone.now(), detail=[{"probe": 1}]
    )
    moved = FILES["models.yaml"].replace("127.0.0.1:1", "127.0.0.1:2")
    repository.write({"models.yaml": moved}).commit()
    sync.sync()
    after = queries.current_model("tiny")
    assert (after.pk, after.pin["base_url"]) == (before.pk, "http://127.0.0.1:2")
    measured = (after.fingerprint, after.fingerprint_mode, after.fingerprint_detail)
    assert (*measured, after.fingerprint_at) == ("", "", [], None)


def test_ten_thousand_characters_of_nothing_are_an_empty_repository(
    repository: PromptRepository,
) -> None:
    repository.remove(*FILES).write({"README": "x" * 10_000}).commit()
    run = sync.sync()
    assert (run.status, run.prompts) == ("applied", 0)
