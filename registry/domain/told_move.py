"""One line of the ledger in the repository: a move of a tag, and what it rested on.

Read as carefully as anybody's: what comes through here is what the database's own constraints on a
ledger entry let through, as far as a single line can say.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields
from datetime import datetime
from typing import Any

from registry.domain.json_file import mapping, moment, number, text
from registry.domain.live_writing import Key
from registry.domain.names import MAX_VERSION, RESERVED_TAGS, is_name, is_prompt_name

#: A registry that counts a move every millisecond gets there in a quarter of a million years. What
#: is beyond is a mistake, and would leave no numbers for the moves that follow.
MAX_REVISION = 2**53
_REASON_CHARS = 10_000
_DIGEST = re.compile(r"[0-9a-f]{64}", re.ASCII)
_COMMIT = re.compile(r"[0-9a-f]{40}(?:[0-9a-f]{24})?", re.ASCII)


@dataclass(frozen=True, slots=True)
class ToldMove:
    """A ledger entry as the repository tells it. None: there is nothing to tell.

    `revision` is the registry's count of moves, `sequence` the tag's. `restores` is the revision of
    the entry that a rollback restores, `release` that of the first entry of its release.
    `certificate`, `version_digest` and `model_digest` name exactly what was live on which evidence,
    `commit` what an adoption rests on.
    """

    revision: int
    at: str
    prompt: str
    tag: str
    sequence: int
    kind: str
    version: int | None
    version_digest: str | None
    model: str | None
    model_digest: str | None
    weight: int | None
    actor: str
    role: str
    reason: str
    certificate: str | None
    restores: int | None
    release: int | None
    commit: str

    @property
    def key(self) -> Key:
        """`(prompt, tag)`."""
        return self.prompt, self.tag

    @property
    def moment(self) -> datetime:
        """When it was made."""
        return datetime.fromisoformat(self.at)

    def to_line(self) -> bytes:
        """One line of JSON, without its end."""
        told = asdict(self) | {"reason": self.reason[:_REASON_CHARS]}
        return json.dumps(told, ensure_ascii=False, separators=(",", ":")).encode()


def parse_move(line: bytes) -> ToldMove:
    """Read what `to_line` wrote. Raises one of `json_file.MISTAKES`."""
    known = mapping(json.loads(line), {field.name for field in fields(ToldMove)})
    _check_counts(known)
    _check_texts(known)
    _check_place(known)
    _check_evidence(known)
    return ToldMove(**known)


def _check_counts(known: Mapping[str, Any]) -> None:
    if number(known["revision"]) > MAX_REVISION:
        raise ValueError("no registry has seen so many moves")
    if number(known["sequence"]) >= 2**31:
        raise ValueError("no tag has so many moves")
    for name in ("restores", "release"):
        if known[name] is not None and number(known[name]) > known["revision"]:
            raise ValueError(f"{name} is later than the move")


def _check_texts(known: Mapping[str, Any]) -> None:
    moment(known["at"])
    for name in ("kind", "reason"):
        text(known[name])
    for name, most in (("prompt", 200), ("tag", 100), ("actor", 200), ("role", 20)):
        if len(text(known[name])) > most:
            raise ValueError(f"{name} is longer than {most} characters")
    if not is_prompt_name(known["prompt"]):
        raise ValueError("no prompt can be called so")
    if not is_name(known["tag"]) or known["tag"] in RESERVED_TAGS:
        raise ValueError("no tag can be called so")
    for name in ("version_digest", "model_digest", "certificate"):
        if known[name] is not None and not _DIGEST.fullmatch(text(known[name])):
            raise ValueError(f"{name} is not a digest")
    if text(known["commit"]) and not _COMMIT.fullmatch(known["commit"]):
        raise ValueError("commit is no commit")


def _check_place(known: Mapping[str, Any]) -> None:
    """Where the tag points, as far as the constraints of the ledger demand it."""
    version, model, weight = known["version"], known["model"], known["weight"]
    if (version is None) != (known["kind"] == "cleared"):
        raise ValueError("a move has a version, unless it clears the tag")
    if version is None and (model is not None or known["tag"] == "stable"):
        raise ValueError("stable is never cleared, and nothing is on no model")
    if version is not None and number(version) > MAX_VERSION:
        raise ValueError("no version has such a number")
    if model is not None and not is_name(text(model)):
        raise ValueError("no model can be called so")
    if (model is None) != (known["model_digest"] is None):
        raise ValueError("a model has its digest")
    if (version is None) != (known["version_digest"] is None):
        raise ValueError("a version has its digest")
    has_weight = known["tag"] == "canary" and version is not None
    if has_weight and (type(weight) is not int or not 0 <= weight <= 100):
        raise ValueError("a canary has 0 to 100 percent")
    if not has_weight and weight is not None:
        raise ValueError("only a canary has a weight")


def _check_evidence(known: Mapping[str, Any]) -> None:
    """What each kind rests on."""
    has = {
        "adopted": bool(known["commit"]),
        "promoted": known["certificate"] is not None and known["model"] is not None,
        "rolled_back": known["restores"] is not None and known["restores"] != known["revision"],
        "overridden": known["role"] == "admin" and bool(known["reason"]),
        "cleared": True,
    }
    if not has.get(known["kind"], False):
        raise ValueError("it is of no kind, or does not say what it rests on")
