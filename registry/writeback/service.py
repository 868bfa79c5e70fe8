"""Write moves back, as one commit on what the branch is now."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta
from pathlib import PurePosixPath

from django.conf import settings
from django.db.models import Min
from django.utils import timezone

from core.errors import AssayError, UnavailableError
from core.findings import Finding
from registry import mirrored, queries, sync
from registry.domain.certificate_file import FOLDER
from registry.domain.files import Files
from registry.domain.ledger_file import LEDGER
from registry.domain.live_writing import TagsFileError
from registry.domain.write_back_message import WrittenMove, message_of
from registry.mirror import Author, BranchMovedError, Chosen, Mirror, PushRefusedError
from registry.models import OutboxMessage, SyncRun, WriteBack
from registry.models.ledger import TagEvent
from registry.sync import alarms
from registry.writeback import ledger
from registry.writeback.composing import certified, changed_files, entries_untold

_log = logging.getLogger(__name__)
#: Somebody else pushes at the same time: so often in a row it is somebody's loop.
_TRIES = 5
#: So long a write-back may wait for the remote before it rings.
_PATIENCE = timedelta(minutes=10)


class CannotFollowError(UnavailableError):
    """The repository must be followed before it is written to."""

    code = "cannot_follow"


def write_back(messages: Sequence[OutboxMessage]) -> None:
    """Make tags.yaml and the certificates say what these `tag.moved` messages tell.

    Raises an AssayError kind when that has to be tried again; then the alarm rings at once if
    somebody has to do something, or when it has waited for long.
    """
    moves = ledger.moves([message.payload["event"] for message in messages])
    try:
        if moves:
            _write(moves)
    except AssayError as error:
        _ring(messages, error)
        raise
    alarms.resolve((alarms.Kind.WRITE_BACK,), timezone.now())


def _write(moves: Sequence[TagEvent]) -> None:
    for _ in range(_TRIES - 1):
        try:
            return _write_once(moves)
        except BranchMovedError:
            continue
    return _write_once(moves)


def _write_once(moves: Sequence[TagEvent]) -> None:
    """Follow first: what people pushed is read as their requests before it is written over."""
    run = sync.sync()
    state = queries.mirror()
    if run.status == SyncRun.Status.FAILED or state is None or not state.applied_commit:
        raise CannotFollowError(run.error)
    base = state.applied_commit
    with mirrored.configured() as mirror:
        untold = entries_untold(_held(mirror, base, ())[0])
        held, skipped = _held(mirror, base, [*moves, *certified(untold)])
        files = changed_files(held, skipped, moves, untold)
        if not files:
            return
        message = message_of([_in_words(move) for move in moves], ledger.newest_revision())
        author = Author(*settings.WRITE_BACK_AUTHOR)
        note = _Note(base, len(moves))
        try:
            commit = mirror.push(base, files, message, author, timezone.now(), made=note.take)
        except (BranchMovedError, PushRefusedError):
            note.take_back()
            raise
    _log.info("wrote %d moves back: %s", len(moves), commit)


def _held(mirror: Mirror, base: str, moves: Sequence[TagEvent]) -> tuple[Files, Sequence[Finding]]:
    """The files of a commit that are written to for these moves, the ledger among them, with what
    is beside and above them; and what is no file there.
    """
    written = {PurePosixPath(FOLDER, move.prompt.name) for move in moves} | {PurePosixPath(LEDGER)}
    folders = {str(each) for folder in written for each in (folder, *folder.parents)} - {"."}
    part = mirror.part(base, Chosen({"", *folders}))
    if part is None:
        return mirror.tree(base), mirror.skipped(base)
    return part, part.skipped


@dataclass(slots=True)
class _Note:
    """Our commit is noted before anybody can see it: a sync must know it again although its worker
    was killed over it, or the remote took it and did not say so.
    """

    base: str
    moves: int
    row: WriteBack | None = None

    def take(self, commit: str) -> None:
        """Within a second, the same moves on the same base make the same commit again."""
        told = {"base": self.base, "moves": self.moves}
        row, is_new = WriteBack.objects.get_or_create(commit=commit, defaults=told)
        self.row = row if is_new else None

    def take_back(self) -> None:
        """The remote said that it did not take it. An earlier try of the same may have arrived."""
        if self.row is not None:
            self.row.delete()


def _in_words(move: TagEvent) -> WrittenMove:
    before = move.previous.version if move.previous else None
    return WrittenMove(
        prompt=move.prompt.name,
        tag=move.tag,
        before=f"v{before.number}" if before else "",
        after=f"v{move.version.number}" if move.version else "",
        model=move.model.name if move.model else "",
        kind=move.get_kind_display().lower(),
        actor=move.actor,
        reason=move.reason,
    )


def _ring(messages: Sequence[OutboxMessage], error: AssayError) -> None:
    now = timezone.now()
    ids = [message.pk for message in messages]
    since = OutboxMessage.objects.filter(pk__in=ids).aggregate(since=Min("created_at"))["since"]
    needs_somebody = isinstance(error, PushRefusedError | TagsFileError)
    if needs_somebody or since is None or since < now - _PATIENCE:
        waiting = f"{len(ids)} {'move is' if len(ids) == 1 else 'moves are'} not written back"
        told = f"{waiting}: {error.message}"
        alarms.raise_alarm(alarms.Kind.WRITE_BACK, settings.REPOSITORY_REF, told)
