"""What a certificate proves is gone when the repository changes it, and only then."""

from __future__ import annotations

from pathlib import Path

import pytest
from pytest_django.fixtures import Settings

from core.digest import digest
from registry import queries, sync
from registry.domain.actor import Actor
from registry.errors import ModelUnknownError, NotCertifiedError
from registry.models import Certificate, SyncRun
from tests.integration.registry.certified_repository import SUITED, certify, measure, promote
from tests.integration.registry.git_repositories import PromptRepository

pytestmark = pytest.mark.django_db(transaction=True)

MODELS = SUITED["models.yaml"]
AT_ANOTHER_PLACE = [
    MODELS.replace("127.0.0.1:1", "127.0.0.1:2"),
    MODELS.replace("base_url: 'http://127.0.0.1:1'", "base_url_env: ASSAY_MODEL_TINY_URL"),
]


@pytest.fixture
def repository(tmp_path: Path, settings: Settings) -> PromptRepository:
    """Synced, and greet v1 is certified for stable."""
    made = PromptRepository(tmp_path / "prompts")
    made.write(SUITED).commit()
    settings.REPOSITORY_URL = made.url
    settings.REPOSITORY_PROTOCOLS = ("file",)
    settings.DATA_DIR = tmp_path / "data"
    sync.sync()
    certify()
    return made


def _push(repository: PromptRepository, **files: str) -> SyncRun:
    names = {"models": "models.yaml", "gates": "gates.yaml"}
    repository.write({names[name]: text for name, text in files.items()}).commit()
    run = sync.sync()
    assert run.status == "applied"
    return run


@pytest.mark.parametrize("models", AT_ANOTHER_PLACE)
def test_another_address_proves_nothing_until_it_is_measured(
    repository: PromptRepository, promoter: Actor, models: str
) -> None:
    _push(repository, models=models)
    with pytest.raises(NotCertifiedError):
        promote(promoter)
    measure()
    promote(promoter)


def test_another_model_at_another_address_ends_the_certificate(
    repository: PromptRepository, promoter: Actor
) -> None:
    _push(repository, models=AT_ANOTHER_PLACE[0])
    measure(digest("other weights"))
    assert Certificate.objects.get().expired_reason == "tiny serves something else"
    with pytest.raises(NotCertifiedError):
        promote(promoter)


def test_a_model_that_comes_back_at_another_address_is_measured_again(
    repository: PromptRepository, promoter: Actor
) -> None:
    _push(repository, models=MODELS.replace("revision: r1", "revision: r2"))
    _push(repository, models=AT_ANOTHER_PLACE[0])
    with pytest.raises(NotCertifiedError):
        promote(promoter)


def test_another_price_costs_no_certificate(repository: PromptRepository, promoter: Actor) -> None:
    priced = MODELS.replace("engine: vllm", "engine: vllm, price: {prompt: 1}, concurrency: 9")
    _push(repository, models=priced)
    assert queries.current_model("tiny").pin["price_prompt"] == 1
    promote(promoter)


def test_a_typo_in_models_yaml_costs_no_certificate(
    repository: PromptRepository, promoter: Actor
) -> None:
    _push(repository, models="models: [")
    with pytest.raises(ModelUnknownError):
        promote(promoter)
    _push(repository, models=MODELS)
    promote(promoter)


GATES = SUITED["gates.yaml"]
TYPOS = [
    "policies: [",
    GATES.replace("min_cases", "min_casse"),
    GATES.replace("stable: release", "stable: releese"),
]


@pytest.mark.parametrize("typo", TYPOS)
def test_a_typo_in_gates_yaml_changes_no_gate(
    repository: PromptRepository, promoter: Actor, typo: str
) -> None:
    run = _push(repository, gates=typo)
    assert run.findings.filter(path="gates.yaml", severity="error").exists()
    promote(promoter)
    _push(repository, gates=GATES)
    assert Certificate.objects.get().expired_at is None
    promote(promoter)


def test_gates_that_cannot_be_read_change_no_gate(
    repository: PromptRepository, promoter: Actor
) -> None:
    repository.remove("gates.yaml").symlink("gates.yaml", "models.yaml").commit()
    assert sync.sync().status == "applied"
    promote(promoter)
    assert Certificate.objects.get().expired_at is None


def test_a_typo_does_not_let_an_uncertified_prompt_pass(
    repository: PromptRepository, promoter: Actor
) -> None:
    _push(repository, gates=GATES.replace("min_cases: 30", "min_cases: 31"))
    _push(repository, gates="policies: [")
    with pytest.raises(NotCertifiedError, match="policy release changed"):
        promote(promoter)


@pytest.mark.parametrize(
    "gates", ["policies: {}\n", "policies:\n  other: {}\ntags: {stable: other}\n", None]
)
def test_a_policy_that_is_taken_away_takes_its_certificates(
    repository: PromptRepository, promoter: Actor, gates: str | None
) -> None:
    if gates is None:
        repository.remove("gates.yaml").commit()
        sync.sync()
    else:
        _push(repository, gates=gates)
    assert Certificate.objects.get().expired_reason == "its gate policy changed"
    _push(repository, gates=GATES)
    with pytest.raises(NotCertifiedError):
        promote(promoter)
