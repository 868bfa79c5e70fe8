"""Write one parsed commit into the tables. Only what changed is written.

What was published stays: an edited or removed file raises an alarm and a finding, and the stored
version goes on being served. Models and policies follow the repository; promotion fails closed on
what it no longer holds.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from django.db.models import QuerySet

from core.findings import Finding
from registry import certificates, outbox
from registry.domain.change import RepositoryChange
from registry.domain.files import AddressedFiles
from registry.domain.flattening import flatten
from registry.domain.model_pin import ModelPin
from registry.domain.repository import ParsedPrompt
from registry.domain.version import VersionContent
from registry.models import GatePolicy, ModelVersion, Prompt, PromptVersion
from registry.sync import alarms
from registry.sync.earlier import NOTHING_EARLIER, Earlier

_BATCH = 500
_GATES = "gates.yaml"


@dataclass(slots=True)
class Applied:
    """What a commit holds and what was new in it."""

    prompts: int = 0
    versions: int = 0
    new_versions: int = 0
    findings: list[Finding] = field(default_factory=list)


def apply_change(
    change: RepositoryChange,
    skipped: Iterable[Finding] = (),
    earlier: Earlier = NOTHING_EARLIER,
) -> Applied:
    """Apply models, policies, prompts and versions. Joins the transaction.

    `skipped` are the findings about files that `change.files` leaves out. What was published
    `earlier` is brought back first, and then compared with the change as if it had stayed.
    """
    applied = Applied(prompts=len(change.parsed.prompts))
    _apply_models(change.parsed.models.values())
    # A typo must not take certificates away for good: the last good policies stay in force.
    if not _has_error(_GATES, [*skipped, *change.parsed.findings]):
        _apply_policies(change)
    _bring_back_prompts(earlier)
    prompts = _apply_prompts(change)
    # What first contact finds was published long ago.
    is_told = PromptVersion.objects.exists()
    _bring_back_versions(earlier, prompts)
    _apply_versions(change, prompts, applied, is_told=is_told)
    return applied


def _bring_back_prompts(earlier: Earlier) -> None:
    rows = [_described(Prompt(name=prompt.name), prompt) for prompt in earlier.prompts]
    Prompt.objects.bulk_create(rows, batch_size=_BATCH)


def _bring_back_versions(earlier: Earlier, prompts: Mapping[str, Prompt]) -> None:
    rows = [
        _version(prompts[one.content.name], one.content, one.commit, one.blob)
        for one in earlier.versions
    ]
    PromptVersion.objects.bulk_create(rows, batch_size=_BATCH)


def _has_error(path: str, findings: Iterable[Finding]) -> bool:
    return any(found.path == path and found.severity == "error" for found in findings)


def _apply_models(pins: Iterable[ModelPin]) -> None:
    """A changed identity is a new row; a changed endpoint or price updates the row."""
    known = {(row.name, row.digest): row for row in ModelVersion.objects.all()}
    wanted = {(pin.name, pin.digest): pin for pin in pins}
    retired = [row.pk for key, row in known.items() if row.is_current and key not in wanted]
    ModelVersion.objects.filter(pk__in=retired).update(is_current=False)
    fresh = [pin for key, pin in wanted.items() if key not in known]
    ModelVersion.objects.bulk_create(
        ModelVersion(name=pin.name, digest=pin.digest, pin=pin.to_json()) for pin in fresh
    )
    changed, moved = [], []
    for key, row in known.items():
        pin = wanted.get(key)
        if pin is None or (row.is_current and row.pin == pin.to_json()):
            continue
        if _endpoint(row.pin) != _endpoint(pin.to_json()):
            moved.append(row.pk)
        row.is_current, row.pin = True, pin.to_json()
        changed.append(row)
    ModelVersion.objects.bulk_update(changed, ["is_current", "pin"], batch_size=_BATCH)
    # Nobody knows what answers at another address. Certificates stay, and hold again when it is
    # measured to be the same.
    ModelVersion.objects.filter(pk__in=moved).update(
        fingerprint="", fingerprint_mode="", fingerprint_detail=[], fingerprint_at=None
    )


def _endpoint(pin: Mapping[str, Any]) -> tuple[str, str]:
    """Where a pin is served; a variable counts by its name, as its value is not in Git."""
    return pin.get("base_url") or "", pin.get("base_url_env") or ""


def _apply_policies(change: RepositoryChange) -> None:
    """Policies are read by name; certificates of a policy that reads differently now expire."""
    parsed = change.parsed
    guarded: dict[str, list[str]] = {name: [] for name in parsed.policies}
    for tag, policy in sorted(parsed.tag_policies.items()):
        if policy in guarded:
            guarded[policy].append(tag)
    GatePolicy.objects.exclude(name__in=guarded).delete()
    rows = [
        GatePolicy(name=name, digest=rule.digest, spec=rule.to_json(), tags=guarded[name])
        for name, rule in parsed.policies.items()
    ]
    GatePolicy.objects.bulk_create(
        rows,
        update_conflicts=True,
        unique_fields=["name"],
        update_fields=["digest", "spec", "tags"],
    )
    certificates.require_policies(now=change.now)


def _apply_prompts(change: RepositoryChange) -> dict[str, Prompt]:
    """Create and update prompts; those without a folder become orphans and ring."""
    parsed = change.parsed.prompts
    # A prompt whose prompt.yaml is broken is not parsed, and not gone either: it stays as it was.
    folders = {path.rpartition("/")[0] for path in change.files.paths()}
    known = {row.name: row for row in _named(Prompt.objects.all(), "name", change)}
    fresh = [_described(Prompt(name=name), parsed[name]) for name in parsed if name not in known]
    Prompt.objects.bulk_create(fresh, batch_size=_BATCH)
    fields = ["description", "owners", "suites", "gate", "default_model", "orphaned"]
    changed = []
    for name, row in known.items():
        before = [getattr(row, field) for field in fields]
        if name in parsed:
            _described(row, parsed[name])
        else:
            row.orphaned = f"prompts/{name}" not in folders
        if before != [getattr(row, field) for field in fields]:
            changed.append(row)
    Prompt.objects.bulk_update(changed, fields, batch_size=_BATCH)
    known.update({row.name: row for row in fresh})
    removed = {
        row.name: f"the folder of {row.name} is gone from the repository; what is live stays live"
        for row in known.values()
        if row.orphaned
    }
    among = None if change.locality is None else known.keys()
    alarms.settle(alarms.Kind.PROMPT_REMOVED, removed, change.commit, change.now, among)
    return known


def _named(rows: QuerySet[Any], column: str, change: RepositoryChange) -> QuerySet[Any]:
    """The rows of the prompts that the change can make differ."""
    if change.locality is None:
        return rows
    return rows.filter(**{f"{column}__in": change.locality.prompts})


def _described(row: Prompt, parsed: ParsedPrompt) -> Prompt:
    row.description = parsed.description
    row.owners = list(parsed.owners)
    row.suites = list(parsed.suites)
    row.gate = parsed.gate or ""
    row.default_model = parsed.model or ""
    row.orphaned = False
    return row


def _apply_versions(
    change: RepositoryChange, prompts: Mapping[str, Prompt], applied: Applied, *, is_told: bool
) -> None:
    """Publish new versions; compare the published ones with what their files say now."""
    stored = {
        (row["prompt__name"], row["number"]): row
        for row in _named(
            PromptVersion.objects.values("prompt__name", "number", "digest", "path", "blob"),
            "prompt__name",
            change,
        )
    }
    found = {
        (prompt.name, content.number): content
        for prompt in change.parsed.prompts.values()
        for content in prompt.versions
    }
    applied.versions = len(found)
    fresh = [content for key, content in found.items() if key not in stored]
    applied.new_versions = len(fresh)
    PromptVersion.objects.bulk_create(
        [
            _version(prompts[content.name], content, change.commit, _blob(change, content.path))
            for content in fresh
        ],
        batch_size=_BATCH,
    )
    if is_told:
        outbox.tell_all(_told(change, content) for content in fresh)
    edited, removed = _compare(change, stored, found)
    among = None if change.locality is None else {row["path"] for row in stored.values()}
    alarms.settle(alarms.Kind.VERSION_EDITED, edited, change.commit, change.now, among)
    alarms.settle(alarms.Kind.VERSION_REMOVED, removed, change.commit, change.now, among)
    hint = "restore the file and publish the change as a new version"
    applied.findings += [
        Finding(path, 1, 1, "error", "version_edited", message, hint)
        for path, message in edited.items()
    ]


def _told(change: RepositoryChange, content: VersionContent) -> outbox.Fact:
    facts = {"prompt": content.name, "version": content.number, "digest": content.digest}
    return outbox.Fact(
        outbox.Topic.VERSION_PUBLISHED, content.name, {**facts, "commit": change.commit}
    )


def _version(prompt: Prompt, content: VersionContent, commit: str, blob: str) -> PromptVersion:
    return PromptVersion(
        prompt=prompt,
        number=content.number,
        digest=content.digest,
        commit=commit,
        blob=blob,
        path=content.path,
        content=content.to_json(),
        template=flatten(content.source, content.partials),
    )


def _blob(change: RepositoryChange, path: str) -> str:
    return change.files.blob_id(path) if isinstance(change.files, AddressedFiles) else ""


def _compare(
    change: RepositoryChange,
    stored: Mapping[tuple[str, int], Mapping[str, Any]],
    found: dict[tuple[str, int], VersionContent],
) -> tuple[dict[str, str], dict[str, str]]:
    """Messages by path: published versions that read differently now, and those that are gone."""
    paths = frozenset(change.files.paths())
    edited: dict[str, str] = {}
    removed: dict[str, str] = {}
    for key, row in stored.items():
        name, path = f"{key[0]} v{key[1]}", row["path"]
        content = found.get(key)
        if content is not None:
            if content.digest != row["digest"]:
                edited[path] = f"{name} was published and then edited; the first content stays"
        elif path not in paths:
            removed[path] = f"{name} was removed from the repository; it goes on being served"
        elif _blob(change, path) != row["blob"]:
            edited[path] = f"{name} was published and is broken now; the first content stays"
    return edited, removed
