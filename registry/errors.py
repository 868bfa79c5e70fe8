"""What the registry refuses, one class per case."""

from __future__ import annotations

from collections.abc import Iterable

from core.errors import ConflictError, InvalidError, NotFoundError, RefusedError


class PromptUnknownError(NotFoundError):
    """There is no such prompt."""

    code = "prompt_unknown"

    @classmethod
    def named(cls, name: str) -> PromptUnknownError:
        """No prompt is called `name`."""
        return cls(f"there is no prompt {name!r}", hint="assay show lists them")


class VersionUnknownError(NotFoundError):
    """The prompt has no such version."""

    code = "version_unknown"

    @classmethod
    def among(cls, prompt: str, number: int, numbers: Iterable[int]) -> VersionUnknownError:
        """`number` is not among the prompt's `numbers`."""
        known = ", ".join(f"v{one}" for one in sorted(numbers)) or "none"
        return cls(f"{prompt} has no v{number}; it has {known}")


class TagUnknownError(NotFoundError):
    """The prompt has no such tag."""

    code = "tag_unknown"

    @classmethod
    def among(cls, prompt: str, tag: str, tags: Iterable[str]) -> TagUnknownError:
        """`tag` is not among the prompt's `tags`."""
        known = sorted(tags)
        return cls(
            f"{prompt} has no tag {tag!r}; it has {', '.join(known) or 'none'}",
            hint="promote a version, or ask by ?version=",
            prompt=prompt,
            tags=known,
        )


class ModelUnknownError(NotFoundError):
    """There is no such model version."""

    code = "model_unknown"


class TagNameInvalidError(InvalidError):
    """This cannot be the name of a tag."""

    code = "tag_name_invalid"
    hint = "lower-case letters, digits, dot, dash and underscore; `latest` is taken"


class TagNotSetError(ConflictError):
    """The tag is not set."""

    code = "tag_not_set"


class RevisionConflictError(ConflictError):
    """The tag was moved by somebody else first."""

    code = "revision_conflict"
    hint = "look at the tag again and repeat with its current revision"


class NotCertifiedError(RefusedError):
    """The version has no valid certificate for this tag."""

    code = "not_certified"


class EvidenceChangingError(ConflictError):
    """A sync is changing the evidence for this version."""

    code = "evidence_changing"
    hint = "try again when the sync is done; a rollback does not wait for it"


class NothingToRollBackToError(ConflictError):
    """There is no earlier entry to restore."""

    code = "nothing_to_roll_back_to"


class CannotClearStableError(InvalidError):
    """`stable` can be moved, never taken away."""

    code = "cannot_clear_stable"
    hint = "roll it back, or promote another version"


class CanaryNeedsWeightError(InvalidError):
    """The tag `canary` needs a weight from 0 to 100 percent, and only that tag has one."""

    code = "canary_needs_weight"


class ReasonMissingError(InvalidError):
    """An override needs a reason."""

    code = "reason_missing"


class ReleaseTargetTwiceError(InvalidError):
    """A release can move a tag only once."""

    code = "release_target_twice"


class CredentialsInvalidError(RefusedError):
    """The token or link is not valid."""

    code = "credentials_invalid"


class NeverSyncedError(NotFoundError):
    """The prompt repository was never synced."""

    code = "never_synced"
    hint = "assay sync"
