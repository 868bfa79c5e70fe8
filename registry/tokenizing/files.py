"""Tokenizers on this machine: `tokenizer.json`, as Hugging Face's tools write and read it."""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from core.errors import UnavailableError
from registry.domain.model_pin import ModelPin
from registry.tokenizing.counts import Counts

if TYPE_CHECKING:
    from tokenizers import Tokenizer

_FILE = "tokenizer.json"
#: A repository of the hub, and a commit of it: other revisions move.
_REPOSITORY = re.compile(r"[\w.-]{1,96}/[\w.-]{1,96}", re.ASCII)
_COMMIT = re.compile(r"[0-9a-f]{40}")


class TokenizerUnusableError(UnavailableError):
    """There is a tokenizer.json, and it cannot be used."""

    code = "tokenizer_unusable"


@dataclass(frozen=True, slots=True)
class TokenizerFolders:
    """Where tokenizers are looked for: `own`/<model>/tokenizer.json, by the name in models.yaml;
    then Hugging Face's cache (`hub`), for models that are pinned to a commit.
    """

    own: Path | None = None
    hub: Path | None = None

    def file_for(self, pin: ModelPin) -> Path | None:
        """The tokenizer of a pin; None when there is none here."""
        candidates = []
        if self.own is not None:
            candidates.append(self.own / pin.name / _FILE)
        commit = pin.tokenizer_revision or pin.revision
        is_named = _REPOSITORY.fullmatch(pin.served_id) and _COMMIT.fullmatch(commit)
        if self.hub is not None and is_named:
            folder = f"models--{pin.served_id.replace('/', '--')}"
            candidates.append(self.hub / folder / "snapshots" / commit / _FILE)
        return next((path for path in candidates if path.is_file()), None)


def hub_folder(environment: Mapping[str, str]) -> Path | None:
    """Hugging Face's cache, as its own tools find it; None for a user without a home."""
    if environment.get("HF_HUB_CACHE"):
        return Path(environment["HF_HUB_CACHE"])
    if environment.get("HF_HOME"):
        return Path(environment["HF_HOME"]) / "hub"
    try:
        cache = environment.get("XDG_CACHE_HOME") or Path.home() / ".cache"
    except RuntimeError:
        return None
    return Path(cache) / "huggingface" / "hub"


class FileCounts:
    """Counts by one tokenizer.json."""

    def __init__(self, pin: ModelPin, file: Path) -> None:
        """Loads it. Raises TokenizerUnusableError."""
        self.how = f"counted by the tokenizer of {pin.name}"
        self._tokenizer = _load(file)
        self._known = Counts()

    def count(self, texts: Collection[str]) -> dict[str, int]:
        """The tokens of each text, without what begins or ends a prompt."""
        return {text: self._count(text) for text in texts}

    def _count(self, text: str) -> int:
        known = self._known.get(text)
        if known is None:
            known = len(self._tokenizer.encode(text, add_special_tokens=False).ids)
            self._known.put(text, known)
        return known


def _load(file: Path) -> Tokenizer:
    try:
        from tokenizers import Tokenizer
    except ImportError as error:
        raise TokenizerUnusableError(
            f"{file} needs a package to be read", hint="pip install 'assay[tokenizers]'"
        ) from error
    try:
        tokenizer = Tokenizer.from_file(str(file))
    except Exception as error:  # the library raises nothing narrower
        raise TokenizerUnusableError(f"{file} cannot be read: {str(error)[:200]}") from error
    # A file may have both switched on, for training.
    tokenizer.no_truncation()
    tokenizer.no_padding()
    return tokenizer
