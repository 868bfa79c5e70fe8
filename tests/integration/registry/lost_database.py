"""A registry whose moves are written back, what its repository must bring back, and its loss."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from django.core.management import call_command
from pytest_django.fixtures import Settings

from registry import rebuilding, sync
from registry.models import (
    Certificate,
    MirrorAlarm,
    MirrorState,
    Prompt,
    PromptVersion,
    StoredFinding,
)
from registry.models.ledger import Tag, TagEvent
from registry.sync.findings import applied_run
from tests.integration.registry.certified_repository import SUITED
from tests.integration.registry.shared_repository import SharedRepository
from tests.integration.registry.writing_back import relay

_PROMPT = (
    *("name", "description", "owners", "suites", "gate", "default_model"),
    *("suite_digest", "orphaned"),
)
_ABOUT_FILES = ("version_edited", "version_removed", "prompt_removed")
LEDGER = "certificates/@ledger/000001.jsonl"
GATES = (
    "policies:\n  release: {min_cases: 30}\n  trial: {min_cases: 20}\n"
    "tags: {stable: release, canary: trial}\n"
)
TAGS = "team/reply:\n  stable: v1\ngreet:\n  stable: {version: v2, model: tiny}\n"


def followed(tmp_path: Path, settings: Settings, tags: str = TAGS) -> SharedRepository:
    """Followed already, with the write-back on."""
    made = SharedRepository(tmp_path)
    made.write(SUITED | {"tags.yaml": tags, "gates.yaml": GATES}).commit()
    settings.REPOSITORY_URL = made.url
    settings.REPOSITORY_PROTOCOLS = ("file",)
    settings.DATA_DIR = tmp_path / "data"
    settings.WRITE_BACK = True
    sync.sync()
    return made


def write_back() -> None:
    """Write back what waits, and follow it."""
    relay()
    sync.sync()


def lose_everything(settings: Settings, tmp_path: Path) -> None:
    """The database and the mirror."""
    call_command("flush", interactive=False)
    settings.DATA_DIR = tmp_path / "new"


def rebuild(settings: Settings, tmp_path: Path) -> rebuilding.Rebuilt:
    """Lose everything, and bring back what the repository knows."""
    lose_everything(settings, tmp_path)
    return rebuilding.rebuild()


def dump() -> dict[str, Any]:
    """What the repository knows; primary keys are the database's own."""
    versions = PromptVersion.objects.order_by("prompt__name", "number")
    tags = Tag.objects.order_by("event__registry_revision")
    return {
        "versions": list(
            versions.values("prompt__name", "number", "digest", "template", "blob", "content")
        ),
        "prompts": list(Prompt.objects.values(*_PROMPT)),
        "alarms": sorted(
            MirrorAlarm.objects.filter(kind__in=_ABOUT_FILES, resolved_at=None).values_list(
                "kind", "subject", "message"
            )
        ),
        # Which requests were refused, and what certificates at the tip prove nothing any more, is
        # told at first contact only.
        "findings": list(
            StoredFinding.objects.filter(sync=applied_run(MirrorState.objects.get().applied_commit))
            .exclude(code__in=("needs_promotion", "certificate_not_taken"))
            .order_by("path", "line", "column", "code")
            .values_list("path", "line", "column", "code", "message")
        ),
        "tags": list(
            tags.values(
                *("prompt__name", "name", "revision", "event__version__number"),
                *("event__model__digest", "event__weight", "event__certificate__digest"),
            )
        ),
        "certificates": list(
            Certificate.objects.filter(expired_at=None)
            .order_by("digest")
            .values(
                *("prompt_version__number", "model_version__digest", "fingerprint"),
                *("suite_digest", "policy", "policy_digest", "verdict", "run", "evidence"),
                *("digest", "issued_at", "valid_until"),
            )
        ),
        "ledger": ledger(),
    }


def ledger() -> list[dict[str, Any]]:
    """Every move in its order, and what it rests on. A release is told by its first move."""
    rows = TagEvent.objects.order_by("pk").values(
        *("prompt__name", "tag", "sequence", "kind", "version__number", "model__digest", "weight"),
        *("actor", "role", "reason", "certificate__digest", "restores__registry_revision"),
        *("release", "registry_revision", "created_at"),
    )
    first: dict[int, int] = {}
    return [
        row | {"release": first.setdefault(row["release"], row["registry_revision"])}
        if row["release"]
        else row
        for row in rows
    ]
