"""Make an empty database what the repository says: the way back when the database is lost."""

from __future__ import annotations

from dataclasses import dataclass

from core.errors import ConflictError, UnavailableError
from registry import queries, sync
from registry.models import Prompt, PromptVersion, SyncRun


class NotEmptyError(ConflictError):
    """The database holds versions or moves of tags already."""

    code = "not_empty"
    hint = "give Assay an empty database or a new data folder; a database that lives is synced"


class RebuildFailedError(UnavailableError):
    """The repository could not be followed."""

    code = "rebuild_failed"


@dataclass(frozen=True, slots=True)
class Rebuilt:
    """What came back. `moves` are the entries of the ledger, `proven` of the live `tags` came with
    certificates that hold; `findings` say why others did not, and what else is wrong there.
    """

    commit: str
    prompts: int
    versions: int
    tags: int
    moves: int
    proven: int
    findings: tuple[str, ...]


def rebuild() -> Rebuilt:
    """Follow the configured repository into an empty database.

    The same versions, integers and tags come back, certificates where all they name is still so,
    and every move that was written back, in its order. Where there is a ledger, versions whose
    files are gone or edited by now come back with their first text, out of the branch's history.
    What only the database knew is gone: runs, people, tokens.

    Raises NotEmptyError, RebuildFailedError.
    """
    if PromptVersion.objects.exists() or queries.tags_with_history():
        raise NotEmptyError
    run = sync.sync()
    if run.status == SyncRun.Status.FAILED:
        raise RebuildFailedError(run.error)
    evidence = queries.tags_by_evidence()
    findings = run.findings.order_by("path", "line", "column")
    return Rebuilt(
        commit=run.commit,
        prompts=Prompt.objects.count(),
        versions=PromptVersion.objects.count(),
        tags=sum(evidence.values()),
        moves=sum(queries.moves_by_kind().values()),
        proven=sum(count for (_, state), count in evidence.items() if state == "proven"),
        findings=tuple(f"{one.path}: {one.code}: {one.message}" for one in findings),
    )
