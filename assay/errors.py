"""What the client and the command line report, one class per case."""

from __future__ import annotations

from typing import Any, Literal

from core.errors import InvalidError, NotFoundError, UnavailableError

Kind = Literal["not_found", "invalid", "conflict", "refused", "unavailable"]


class AssayApiError(Exception):
    """The server refused, or did not answer.

    `kind` is one of the five kinds of wrong, `code` the exact case (`not_certified`), `status` the
    HTTP status (None: no answer arrived) and `fields` the facts of the case, such as `revision`.
    """

    def __init__(
        self,
        *,
        kind: Kind,
        code: str,
        message: str,
        hint: str = "",
        status: int | None = None,
        fields: dict[str, Any] | None = None,
    ) -> None:
        super().__init__(message)
        self.kind: Kind = kind
        self.code = code
        self.message = message
        self.hint = hint
        self.status = status
        self.fields = fields or {}

    @property
    def is_passing(self) -> bool:
        """Whether asking again later may help: no answer, too many calls, a server in trouble.

        A plain 500 counts: it is what a web server says while its database restarts.
        """
        return self.kind == "unavailable"


class AnswerNotUnderstoodError(UnavailableError):
    """The server's answer is not what this version of the client expects."""

    code = "answer_not_understood"
    hint = "does ASSAY_URL name an Assay server of this version?"


class ServerCodeMissingError(UnavailableError):
    """This command needs the server's code, which is not installed here."""

    code = "server_code_missing"
    hint = "install the `assay` package with its server parts in this environment"


class ServerNotConfiguredError(InvalidError):
    """The server's settings do not allow it to start."""

    code = "server_not_configured"


class DatabaseUnavailableError(UnavailableError):
    """The database does not answer."""

    code = "database_unavailable"
    hint = "is `assay serve` running with the same --data folder, or DATABASE_URL right?"


class FileUnusableError(InvalidError):
    """A file named on the command line cannot be used."""

    code = "file_unusable"


class FolderNotEmptyError(InvalidError):
    """The folder is not empty."""

    code = "folder_not_empty"
    hint = "name a new folder; nothing was written"


class WorkerLostError(UnavailableError):
    """A process that did a part of the work was killed."""

    code = "worker_lost"
    hint = "was there too little memory? Nothing was written; try again"


class GitMissingError(UnavailableError):
    """Git is not installed."""

    code = "git_missing"
    hint = "install git and try again; nothing was written"


class GitFailedError(UnavailableError):
    """Git could not do what it was asked."""

    code = "git_failed"


class NoGitError(InvalidError):
    """The folder is not in a Git repository."""

    code = "no_git"
    hint = "without Git there is nothing to compare with; leave --base away"


class CommitUnknownError(NotFoundError):
    """There is no such commit here."""

    code = "commit_unknown"
    hint = "a CI job has to fetch the history: fetch-depth: 0, or GIT_DEPTH: 0"


class StarterMissingError(NotFoundError):
    """The starter repository is not part of this installation."""

    code = "starter_missing"


class RepositoryMissingError(NotFoundError):
    """There is no prompt repository here."""

    code = "repository_missing"
    hint = "a prompt repository has a folder `prompts/`; `assay init DIR` makes one"


class PromptMissingError(NotFoundError):
    """The prompt repository has no such prompt or version."""

    code = "prompt_missing"


class ModelMissingError(NotFoundError):
    """models.yaml has no such model."""

    code = "model_missing"


class PlanUnclearError(InvalidError):
    """What is to be planned is said twice, or not at all."""

    code = "plan_unclear"


class SyncFailedError(UnavailableError):
    """The sync failed; what was published before stays served."""

    code = "sync_failed"
