"""One attempt to follow the repository. Whatever goes wrong, what is live goes on being served."""

from __future__ import annotations

import logging
import time
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from datetime import datetime

from django.conf import settings
from django.db import connection, transaction
from django.utils import timezone
from django.utils.module_loading import import_string

from core.errors import AssayError, UnavailableError
from core.findings import Finding
from registry import mirrored
from registry.domain.change import Follower, RepositoryChange, WholeNeededError
from registry.domain.ledger_file import read_ledger
from registry.domain.repository import parse_repository
from registry.domain.storable import storable
from registry.mirror import (
    BranchMissingError,
    EmptyRepositoryError,
    Fetched,
    Mirror,
    MirrorUnavailableError,
)
from registry.models import MirrorState, SyncRun
from registry.sync import alarms
from registry.sync.adopting import waiting_requests
from registry.sync.applying import Applied, apply_change
from registry.sync.basis import basis
from registry.sync.earlier import NOTHING_EARLIER, look_back
from registry.sync.findings import applied_run, store_findings, talked_about
from registry.sync.first_contact import meet
from registry.sync.local import local_change
from registry.sync.published import published_contents
from registry.sync.requests import decide_requests, note_requests

_log = logging.getLogger(__name__)
#: The advisory lock of the one writer; any number nobody else uses.
_LOCK = 0x41535341
#: A web worker must not wait for somebody else's download.
_PATIENCE_SECONDS = 20
#: An answer of the remote with a commit ends these.
_REMOTE_ALARMS = (
    alarms.Kind.UNREACHABLE,
    alarms.Kind.BRANCH_MISSING,
    alarms.Kind.REPOSITORY_EMPTY,
)


class SyncBusyError(UnavailableError):
    """Another sync is under way."""

    code = "sync_busy"
    hint = "its result will be at /api/v1/syncs/last"


def sync() -> SyncRun:
    """Fetch the configured repository and apply its newest commit. One sync runs at a time.

    Never raises for what the repository or its remote did, nor for our own mistakes in reading it:
    that is in the answer, in the findings and in the alarms. Raises SyncBusyError when another sync
    takes too long.
    """
    started = time.monotonic()
    with _only_writer():
        state = _state()
        try:
            with mirrored.configured() as mirror:
                run = _follow(mirror, mirror.fetch(), state)
        except AssayError as error:
            run = _failed(_alarm_for(error), error.sentence, state)
        except Exception as error:  # noqa: BLE001 — hostile input found a bug of ours: that must ring
            _log.exception("the prompt repository could not be followed")
            run = _failed(alarms.Kind.REFUSED, _unexpected(error), state)
    run.duration_ms = int((time.monotonic() - started) * 1000)
    if run.status == SyncRun.Status.APPLIED:
        run.save(update_fields=["duration_ms"])
    return run


def apply_commit(mirror: Mirror, commit: str, now: datetime, *, is_later: bool) -> SyncRun:
    """Write one commit into the tables, in one transaction. Blobs are read from the mirror only.

    All or nothing. Applying a commit twice changes nothing. tags.yaml is taken over once, at first
    contact: afterwards its changes are requests, to be decided after the transaction. Of a commit
    that `is_later` than the applied one, only what it changes is looked at, when that is a few
    prompts.
    """
    with transaction.atomic():
        state = MirrorState.objects.select_for_update().get(pk=_state().pk)
        run = _applied_locally(mirror, state, commit, now) if is_later else None
        if run is None:
            run, state.basis = _applied_whole(mirror, state, commit, now)
        state.applied_commit, state.applied_at = commit, now
        state.save(update_fields=["applied_commit", "applied_at", "basis"])
    return run


def _applied_locally(
    mirror: Mirror, state: MirrorState, commit: str, now: datetime
) -> SyncRun | None:
    """None when the whole commit has to be looked at; nothing was written then."""
    try:
        with transaction.atomic():
            local = local_change(mirror, state, commit, now)
            if local is None:
                return None
            applied = apply_change(local.change, local.skipped)
            applied.prompts += local.other_prompts
            applied.versions += local.other_versions
            findings = [*_findings(local.change, local.skipped, applied), *local.kept]
            asked = note_requests(mirror, local.change, state.applied_commit)
            findings += waiting_requests(local.change, asked)
            return _stored(state, commit, applied, findings)
    except WholeNeededError as reason:
        _log.info("%s is looked at whole: %s", commit, reason)
    except Exception:  # noqa: BLE001 — the whole way tells whether it is the commit's fault
        _log.exception("%s could not be applied by what it changes", commit)
    return None


def _applied_whole(
    mirror: Mirror, state: MirrorState, commit: str, now: datetime
) -> tuple[SyncRun, str]:
    """Also returns what the next commit may build on."""
    tree = mirror.tree(commit)
    before = state.applied_commit
    known = published_contents(but=talked_about(applied_run(before)))
    parsed = parse_repository(tree, known)
    change = RepositoryChange(commit=commit, files=tree, parsed=parsed, now=now)
    skipped = mirror.skipped(commit)
    told = None if before else read_ledger(tree)
    earlier = NOTHING_EARLIER if told is None else look_back(mirror, change, told.moves)
    applied = apply_change(change, skipped, earlier)
    findings = _findings(change, skipped, applied)
    contact = None if told is None else meet(change, mirror, told, earlier.findings)
    if contact is not None:
        findings += contact.findings
    else:
        findings += waiting_requests(change, note_requests(mirror, change, before))
    run = _stored(state, commit, applied, findings)
    if contact is not None:
        contact.take_over()
    # What first contact lacks is told once.
    return run, "" if contact and contact.findings else basis(mirror.limits)


def _findings(
    change: RepositoryChange, skipped: Iterable[Finding], applied: Applied
) -> list[Finding]:
    findings = [*skipped, *change.parsed.findings, *applied.findings]
    for path in settings.REPOSITORY_FOLLOWERS:
        follower: Follower = import_string(path)
        findings += follower(change)
    return findings


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
    run = _caught_up(mirror, fetched, state, now)
    decide_requests(timezone.now())
    # Not before: a commit that is refused at every attempt is one alarm.
    alarms.resolve((alarms.Kind.REFUSED,), now)
    return run


def _caught_up(mirror: Mirror, fetched: Fetched, state: MirrorState, now: datetime) -> SyncRun:
    before = state.applied_commit
    if before == fetched.commit:
        return _unchanged(before)
    is_next = before == fetched.previous and not fetched.rewritten
    is_later = bool(before) and (is_next or mirror.is_ancestor(before, fetched.commit))
    if before and not is_later:
        alarms.raise_alarm(
            alarms.Kind.HISTORY_REWRITTEN,
            f"{before[:12]}..{fetched.commit[:12]}",
            f"{settings.REPOSITORY_REF} was moved from {before} to {fetched.commit}, which does "
            "not contain it; what was published stays as it was",
            fetched.commit,
        )
    return apply_commit(mirror, fetched.commit, now, is_later=is_later)


def _unchanged(commit: str) -> SyncRun:
    """The same commit again. The answer is that of its own sync, whose findings still hold; no
    row is written, or a poll a minute would fill the table with nothing.
    """
    run = applied_run(commit) or SyncRun.objects.create(
        commit=commit, status=SyncRun.Status.UNCHANGED
    )
    run.status, run.previous_commit, run.new_versions = SyncRun.Status.UNCHANGED, commit, 0
    return run


def _alarm_for(error: AssayError) -> alarms.Kind:
    if isinstance(error, MirrorUnavailableError):
        return alarms.Kind.UNREACHABLE
    if isinstance(error, BranchMissingError):
        return alarms.Kind.BRANCH_MISSING
    if isinstance(error, EmptyRepositoryError):
        return alarms.Kind.REPOSITORY_EMPTY
    return alarms.Kind.REFUSED


def _unexpected(error: Exception) -> str:
    """One line: the next ones of a database's message repeat whole rows."""
    said = f"{type(error).__name__}: {error}".partition("\n")[0]
    return f"the commit could not be applied: {said[:500]}"


def _failed(kind: alarms.Kind, reason: str, state: MirrorState) -> SyncRun:
    reason = storable(reason)
    MirrorState.objects.filter(pk=state.pk).update(basis="")
    alarms.raise_alarm(kind, settings.REPOSITORY_REF, reason, state.applied_commit)
    last = SyncRun.objects.first()
    if last is not None and last.status == SyncRun.Status.FAILED and last.error == reason:
        return last  # a remote that is down is one row, not one a minute
    return SyncRun.objects.create(
        status=SyncRun.Status.FAILED,
        commit=state.applied_commit,
        previous_commit=state.applied_commit,
        error=reason,
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
    store_findings(run, findings)
    return run
