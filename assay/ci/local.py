"""Evaluate a change without a server of one's own: one is started for it, and stopped again."""

from __future__ import annotations

import socket
import tempfile
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit

from assay import server_code, settings
from assay.answers.checks import CommitCheck
from assay.ci.evaluating import checked
from assay.client import Assay
from assay.git import Clone
from assay.output import say
from core.errors import UnavailableError

_NOBODY = ("-c", "user.name=assay ci", "-c", "user.email=assay-ci@localhost")
_REACH_SECONDS = 10
_MAIN, _PROPOSED = "refs/heads/main", "refs/heads/proposed"


class ModelsUnreachableError(UnavailableError):
    """Nothing listens where the models should be asked."""

    code = "models_unreachable"
    hint = "start the model server first; --base-url is its address"


class BaseUnusableError(UnavailableError):
    """What the change is proposed for cannot be followed, so nothing is there to compare with."""

    code = "base_unusable"


@dataclass(frozen=True, slots=True)
class _Proposed:
    """Two commits whose top folder is that of the prompts."""

    base: str
    head: str


def checked_locally(
    clone: Clone, base: str, head: str, *, models_url: str, model: str | None
) -> CommitCheck:
    """The finished check of a change, all models being asked at `models_url`.

    What `base` calls live is live there, so the change is measured against it. Raises
    AssayApiError, UnavailableError and what the settings are wrong about.
    """
    models_url = settings.check_url(models_url, "--base-url")
    _reach(models_url)
    with tempfile.TemporaryDirectory(prefix="assay-change-") as scratch:
        repository = Path(scratch) / "prompts.git"
        proposed = _laid_out(clone, base, head, repository)
        say("starting a server for this check")
        with server_code.run("check-locally", repository, models_url, say) as (url, token):
            with Assay(url, token) as client:
                synced = client.sync()
                if synced.status == "failed":
                    raise BaseUnusableError(f"{base[:12]} cannot be followed: {synced.error}")
            return checked(url, proposed.head, proposed.base, model=model, token=token)


def _reach(address: str) -> None:
    """The engine would wait for a server that is down, as for one that restarts."""
    parts = urlsplit(address)
    port = parts.port or (443 if parts.scheme == "https" else 80)
    try:
        socket.create_connection((parts.hostname or "", port), _REACH_SECONDS).close()
    except OSError as error:
        raise ModelsUnreachableError(f"nothing answers at {address}: {error}") from error


def _laid_out(clone: Clone, base: str, head: str, repository: Path) -> _Proposed:
    """A bare repository with both commits. The objects stay where they are; nothing is written to
    the clone.
    """
    repository.mkdir()
    laid = Clone(repository)
    laid.run("init", "--quiet", "--bare", "--template=", "--initial-branch=main")
    objects = clone.run("rev-parse", "--path-format=absolute", "--git-path", "objects").decode()
    info = repository / "objects" / "info"
    info.mkdir(parents=True, exist_ok=True)
    (info / "alternates").write_text(objects.rstrip("\n") + "\n")
    first = _commit(laid, _tree(clone, base, laid), f"What {base[:12]} holds.")
    second = _commit(laid, _tree(clone, head, laid), f"What {head[:12]} proposes.", first)
    laid.run("update-ref", _MAIN, first)
    laid.run("update-ref", _PROPOSED, second)
    return _Proposed(first, second)


def _tree(clone: Clone, commit: str, laid: Clone) -> str:
    """The prompts' folder of a commit; the empty one where it does not exist yet."""
    wanted = f"{commit}:{clone.prefix.rstrip('/')}"
    found = clone.run("rev-parse", "--verify", "--quiet", wanted, ok=(0, 1, 128)).decode().strip()
    return found or laid.run("hash-object", "-w", "-t", "tree", "--stdin").decode().strip()


def _commit(laid: Clone, tree: str, message: str, *parents: str) -> str:
    after = [word for parent in parents for word in ("-p", parent)]
    return laid.run(*_NOBODY, "commit-tree", tree, *after, "-m", message).decode().strip()
