"""What can go wrong between Assay and a prompt repository. None of them touches what is served."""

from __future__ import annotations

from core.errors import (
    ConflictError,
    InvalidError,
    NotFoundError,
    RefusedError,
    UnavailableError,
)


class MirrorUnavailableError(UnavailableError):
    """The prompt repository cannot be reached."""

    code = "mirror_unavailable"


class MirrorTimeoutError(MirrorUnavailableError):
    """The prompt repository took too long to answer."""

    code = "mirror_timeout"


class MirrorDamagedError(MirrorUnavailableError):
    """The local mirror is damaged; the next fetch rebuilds it."""

    code = "mirror_damaged"


class MirrorRefusedError(RefusedError):
    """The prompt repository is outside what Assay accepts."""

    code = "mirror_refused"


class BlobTooBigError(MirrorRefusedError):
    """The file is larger than Assay reads."""

    code = "blob_too_big"


class PushRefusedError(MirrorRefusedError):
    """The prompt repository does not take commits from Assay."""

    code = "push_refused"
    hint = "let the account of Assay push to the branch, or turn ASSAY_WRITE_BACK off"


class BranchMovedError(ConflictError):
    """Somebody else pushed first."""

    code = "branch_moved"
    hint = "fetch, and build the commit again on what is there now"


class BranchMissingError(NotFoundError):
    """The prompt repository has no such branch."""

    code = "branch_missing"


class EmptyRepositoryError(NotFoundError):
    """The prompt repository has no commit yet."""

    code = "repository_empty"


class NotMirroredError(NotFoundError):
    """Nothing has been fetched from the prompt repository yet."""

    code = "not_mirrored"


class CommitMissingError(NotFoundError):
    """The mirror has no such commit."""

    code = "commit_missing"


class CommitInvalidError(InvalidError):
    """This is not the id of a commit."""

    code = "commit_invalid"
    hint = "4 to 64 hex digits: all of the id, or its beginning"


class CommitAmbiguousError(InvalidError):
    """Several commits begin like this."""

    code = "commit_ambiguous"
    hint = "give more digits"


class BlobMissingError(NotFoundError):
    """The mirror has no such file content."""

    code = "blob_missing"


class FileMissingError(NotFoundError, KeyError):
    """The commit has no such file."""

    # A KeyError too: whoever reads `Files` knows nothing of Git.
    code = "file_missing"

    def __str__(self) -> str:
        """The message as it is; KeyError alone would quote it."""
        return self.message
