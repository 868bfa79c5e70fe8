"""One attempt to follow the repository. Whatever goes wrong, what is live goes on being served."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime

from django.conf import settings
from django.db import connection, transaction
from django.utils import timezone
from django.utils.module_loading import import_string

from core.errors import AssayError, UnavailableError
from core.findings import Finding
from registry.domain.change import Follower, RepositoryChange
from registry.domain.repository import parse_repository
from registry.mirror import (
    BranchMissingError,
    EmptyRepositoryError,
    Fetched,
    Mirror,
    MirrorUnavailableError,
)
from registry.models import MirrorState, StoredFinding, SyncRun
from registry.sync import alarms
from registry.sync.applying import Applied, apply_change
from registry.sync.published import published_contents

#: The advisory lock of the one writer; any number nobody else uses.
_LOCK = 0x41535341
#: A web worker must not wait for somebody else's download.
_PATIENCE_SECONDS = 20
_REMOTE_ALARMS = (
    alarms.Kind.UNREACHABLE,
    alarms.Kind.BRANCH_MISSING,
    alarms.Kind.REPOSITORY_EMPTY,
    alarms.Kind.REFUSED,
)


class SyncBusyError(UnavailableError):
    """Another sync is under way."""

    code = "sync_busy"
    hint = "its result will be at /api/v1/syncs/last"


def sync() -> SyncRun:
    """Fetch the configured repository and apply its newest commit. One sync runs at a time.

    Never raises for what the repository or its remote did: that is in the answer, in the findings
    and in the alarms. Raises SyncBusyError when another sync takes too long.
    """
    started = time.monotonic()
    with _only_writer():
        state = _state()
        try:
            with _mirror() as mirror:
                run = _follow(mirror, mirror.fetch(), state)
        except AssayError as error:
            run = _failed(error, state)
    run.duration_ms = int((time.monotonic() - started) * 1000)
    if run.status == SyncRun.Status.APPLIED:
        run.save(update_fields=["duration_ms"])
    return run


def _mirror() -> Mirror:
    return Mirror(
        settings.DATA_DIR / "mirror",
        settings.REPOSITORY_URL,
        settings.REPOSITORY_REF,
        allowed_protocols=tuple(settings.REPOSITORY_PROTOCOLS),
    )


def apply_commit(mirror: Mirror, commit: str, now: datetime) -> SyncRun:
    """Apply one commit of the mirror: versions, models, policies, suites, first live tags.

    All or nothing. Applying a commit twice changes nothing.
    """
    tree = mirror.tree(commit)
    with transaction.atomic():
        state = MirrorState.objects.select_for_update().get(pk=_state().pk)
        parsed = parse_repository(tree, published_contents())
        change = RepositoryChange(commit=commit, files=tree, parsed=parsed, now=now)
        applied = apply_change(change)
        findings = [*mirror.skipped(commit), *parsed.findings, *applied.findings]
        for path in settings.REPOSITORY_FOLLOWERS:
            follower: Follower = import_string(path)
            findings += follower(change)
        run = _stored(state, commit, applied, findings)
        state.applied_commit, state.applied_at = commit, now
        state.save(update_fields=["applied_commit", "applied_at"])
    return run


def _state() -> MirrorState:
    state, _ = MirrorState.objects.get_or_create(
        name="default",
        defaults={"ref": settings.REPOSITORY_REF},
    )
    return state


@contextmanager
def _only_writer() -> Iterator[None]:
    """Hold the advisory lock for fetch and transaction; it ends with the connection at worst."""
    give_up_at = time.monotonic() + _PATIENCE_SECONDS
    while not _locked():
        if time.monotonic() > give_up_at:
            raise SyncBusyError
        time.sleep(0.1)
    try:
        yield
    finally:
        with connection.cursor() as cursor:
            cursor.execute("SELECT pg_advisory_unlock(%s)", [_LOCK])


def _locked() -> bool:
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_try_advisory_lock(%s)", [_LOCK])
        return bool(cursor.fetchone()[0])


def _follow(mirror: Mirror, fetched: Fetched, state: MirrorState) -> SyncRun:
    now = timezone.now()
    alarms.resolve(_REMOTE_ALARMS, now)
    state.fetched_at = now
    state.url, state.ref = mirror.url, settings.REPOSITORY_REF
    state.save(update_fields=["fetched_at", "url", "ref"])
    before = state.applied_commit
    if before == fetched.commit:
        return _unchanged(before)
    if before and (fetched.rewritten or not mirror.is_ancestor(before, fetched.commit)):
        alarms.raise_alarm(
            alarms.Kind.HISTORY_REWRITTEN,
            f"{before[:12]}..{fetched.commit[:12]}",
            f"{settings.REPOSITORY_REF} was moved from {before} to {fetched.commit}, which does "
            "not contain it; what was published stays as it was",
            fetched.commit,
        )
    return apply_commit(mirror, fetched.commit, now)


def _unchanged(commit: str) -> SyncRun:
    """The same commit again. The answer is that of its own sync, whose findings still hold; no
    row is written, or a poll a minute would fill the table with nothing.
    """
    applied = SyncRun.objects.filter(commit=commit, status=SyncRun.Status.APPLIED).first()
    run = applied or SyncRun.objects.create(commit=commit, status=SyncRun.Status.UNCHANGED)
    run.status, run.previous_commit, run.new_versions = SyncRun.Status.UNCHANGED, commit, 0
    return run


def _failed(error: AssayError, state: MirrorState) -> SyncRun:
    kind = alarms.Kind.REFUSED
    if isinstance(error, MirrorUnavailableError):
        kind = alarms.Kind.UNREACHABLE
    elif isinstance(error, BranchMissingError):
        kind = alarms.Kind.BRANCH_MISSING
    elif isinstance(error, EmptyRepositoryError):
        kind = alarms.Kind.REPOSITORY_EMPTY
    alarms.raise_alarm(kind, settings.REPOSITORY_REF, str(error), state.applied_commit)
    last = SyncRun.objects.first()
    if last is not None and last.status == SyncRun.Status.FAILED and last.error == str(error):
        return last  # a remote that is down is one row, not one a minute
    return SyncRun.objects.create(
        status=SyncRun.Status.FAILED,
        commit=state.applied_commit,
        previous_commit=state.applied_commit,
        error=str(error),
    )


def _stored(state: MirrorState, commit: str, applied: Applied, findings: list[Finding]) -> SyncRun:
    run = SyncRun.objects.create(
        status=SyncRun.Status.APPLIED,
        commit=commit,
        previous_commit=state.applied_commit,
        prompts=applied.prompts,
        versions=applied.versions,
        new_versions=applied.new_versions,
    )
    _store_findings(run, sorted(set(findings)))
    return run


def _store_findings(run: SyncRun, findings: list[Finding]) -> None:
    rows = [
        StoredFinding(
            sync=run,
            path=found.path[:1000],
            line=found.line,
            column=found.column,
            severity=found.severity,
            code=found.code,
            message=found.message,
            hint=found.hint,
        )
        for found in findings
    ]
    StoredFinding.objects.bulk_create(rows, batch_size=1000)
