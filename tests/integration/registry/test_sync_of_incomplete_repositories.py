"""A file that somebody names and nobody wrote is a finding; the sync goes on with the rest."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest
from pytest_django.fixtures import Settings

from registry import lookup, queries, sync
from registry.domain.actor import Actor
from registry.errors import NotCertifiedError
from registry.models import SyncRun
from tests.integration.registry.certified_repository import SUITE, SUITED, certify, promote
from tests.integration.registry.git_repositories import PromptRepository

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def repository(tmp_path: Path, settings: Settings) -> PromptRepository:
    """Synced, and greet v1 is certified for stable."""
    made = PromptRepository(tmp_path / "prompts")
    made.write(SUITED).commit()
    settings.REPOSITORY_URL = made.url
    settings.REPOSITORY_PROTOCOLS = ("file",)
    settings.DATA_DIR = tmp_path / "data"
    assert not sync.sync().findings.exists()
    certify()
    return made


def _synced(repository: PromptRepository) -> SyncRun:
    """Commit with a new prompt beside the accident, and sync."""
    repository.write({"prompts/other/v1.jinja2": "Other\n"}).commit()
    return sync.sync()


def _name_a_missing_suite(repository: PromptRepository) -> None:
    repository.write({"prompts/greet/prompt.yaml": "model: tiny\nsuites: [greet, nowhere]\n"})


def _name_a_missing_dataset(repository: PromptRepository) -> None:
    elsewhere = SUITE | {"dataset": "datasets/nowhere.jsonl"}
    repository.write({"suites/greet.yaml": json.dumps(elsewhere)})


def _delete_the_suite(repository: PromptRepository) -> None:
    repository.remove("suites/greet.yaml")


def _delete_the_dataset(repository: PromptRepository) -> None:
    repository.remove("datasets/greet.jsonl")


@pytest.mark.parametrize(
    ("accident", "code"),
    [
        (_name_a_missing_suite, "unknown_suite"),
        (_name_a_missing_dataset, "dataset_missing"),
        (_delete_the_suite, "unknown_suite"),
        (_delete_the_dataset, "dataset_missing"),
    ],
)
def test_a_missing_file_is_a_finding_and_proves_nothing(
    repository: PromptRepository,
    promoter: Actor,
    accident: Callable[[PromptRepository], None],
    code: str,
) -> None:
    accident(repository)
    run = _synced(repository)
    assert (run.status, run.error) == ("applied", "")
    assert code in set(run.findings.values_list("code", flat=True))
    assert lookup.by_version("other", 1).version.template == "Other\n"
    assert queries.prompt("greet").suite_digest == ""
    with pytest.raises(NotCertifiedError):
        promote(promoter)


def test_without_gates_everything_is_published_and_nothing_is_promoted(
    repository: PromptRepository, promoter: Actor
) -> None:
    repository.remove("gates.yaml")
    run = _synced(repository)
    assert (run.status, run.error) == ("applied", "")
    assert lookup.by_version("other", 1).version.template == "Other\n"
    with pytest.raises(NotCertifiedError, match="no gate policy guards stable"):
        promote(promoter)


def test_what_is_whole_can_be_promoted(repository: PromptRepository, promoter: Actor) -> None:
    assert _synced(repository).status == "applied"
    promote(promoter)
    assert lookup.by_tag("greet").version.number == 1


def test_a_repository_of_one_prompt_can_be_synced(repository: PromptRepository) -> None:
    repository.remove(*SUITED).write({"prompts/alone/v1.jinja2": "Alone\n"})
    assert _synced(repository).status == "applied"
    assert lookup.by_version("alone", 1).version.template == "Alone\n"
