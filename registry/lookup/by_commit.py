"""Which version was a commit's? Read from the mirror; what is served is the published copy."""

from __future__ import annotations

from core.errors import NotFoundError
from registry import mirrored, queries
from registry.domain.names import version_number
from registry.lookup.reading import Answer
from registry.mirror import CommitMissingError, Mirror, NotMirroredError
from registry.models import Prompt

_SUFFIX = ".jinja2"
_SHOWN = 12


class CommitWithoutVersionError(NotFoundError):
    """The commit has no version of this prompt."""

    code = "commit_without_version"


class CommitNotPublishedError(NotFoundError):
    """The newest version in this commit was never published as it is there."""

    code = "commit_not_published"
    hint = "ask for a published one by ?version="


def by_commit(name: str, digits: str) -> Answer:
    """The newest version of the prompt in the tree of a commit, live or not.

    `digits` is the commit's id or its beginning, if no other commit begins like that. The text is
    the published one, and it is the file's: a version that the commit has and the registry has not,
    or has with another text, is an error and no older version. Raises PromptUnknownError,
    CommitInvalidError, CommitAmbiguousError, CommitMissingError, NotMirroredError,
    CommitWithoutVersionError, CommitNotPublishedError, MirrorUnavailableError.
    """
    prompt = queries.prompt(name)
    with mirrored.configured() as mirror:
        commit = _resolved(mirror, digits)
        files = mirror.blobs_in(commit, f"prompts/{name}")
    blobs = {
        number: blob
        for file, blob in files.items()
        if file.endswith(_SUFFIX) and (number := version_number(file.removesuffix(_SUFFIX)))
    }
    if not blobs:
        raise CommitWithoutVersionError(f"commit {commit[:_SHOWN]} has no version of {name}")
    newest = max(blobs)
    return _published(prompt, newest, blobs[newest], commit)


def _resolved(mirror: Mirror, digits: str) -> str:
    """The whole id. A machine that did not sync itself fetches once, when its copy is behind."""
    try:
        return mirror.resolve(digits)
    except (CommitMissingError, NotMirroredError):
        state = queries.mirror()
        if state is None or not state.applied_commit or _has(mirror, state.applied_commit):
            raise
    mirror.fetch()
    return mirror.resolve(digits)


def _has(mirror: Mirror, commit: str) -> bool:
    try:
        return mirror.resolve(commit) == commit
    except (CommitMissingError, NotMirroredError):
        return False


def _published(prompt: Prompt, number: int, blob: str, commit: str) -> Answer:
    version = prompt.versions.select_related("prompt").filter(number=number).first()
    where = f"commit {commit[:_SHOWN]} has {prompt.name} v{number}"
    if version is None:
        raise CommitNotPublishedError(
            f"{where}, which was never published: it is broken, or was not synced"
        )
    if version.blob and version.blob != blob:
        raise CommitNotPublishedError(
            f"{where} with another text than the published one, which is of commit "
            f"{version.commit[:_SHOWN]}"
        )
    return Answer(prompt, version)
