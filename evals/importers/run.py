"""One import from beginning to end: read, map, assemble, report, write."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

from evals.importers.assembly import Assembled, assemble
from evals.importers.drafts import Draft
from evals.importers.errors import ImportRefusedError, SourceMissingError
from evals.importers.fidelity import Fidelity, Item
from evals.importers.fidelity_page import Outcome, as_json, as_markdown
from evals.importers.model_entries import merged_models
from evals.importers.names import slug
from evals.importers.openai_api.export import import_openai_api
from evals.importers.openai_evals.registry import import_openai_evals
from evals.importers.promptfoo.config import import_promptfoo
from evals.importers.sources import MAX_FILE_BYTES, SourceFolder
from evals.importers.writing import write_all
from registry.domain.names import is_name

Importer = Callable[[SourceFolder, str, str, Fidelity, str], Draft]

IMPORTERS: Mapping[str, Importer] = {
    "promptfoo": import_promptfoo,
    "openai-evals": import_openai_evals,
    "openai-api": import_openai_api,
}
_MODELS = "models.yaml"


@dataclass(frozen=True)
class Imported:
    """What an import made. `files` are relative to the target folder."""

    outcome: Outcome
    files: Mapping[str, bytes]
    fidelity: Fidelity

    def lost(self) -> list[Item]:
        """The items that were not mapped."""
        return [item for item, _ in self.fidelity.items() if item.fate == "not_mapped"]


def read_import(
    format_name: str, source: Path, name: str = "", judge: str = "", root: Path | None = None
) -> Imported:
    """Everything but the writing. `source` is a file or a folder.

    Nothing outside `root` is read; None means the folder of the source.

    `judge` is the model, by the name it is served under, that judges where the source names none.

    Raises SourceMissingError and ImportRefusedError.
    """
    if name and (not is_name(name) or name == "partials"):
        hint = "a name has lower-case letters and digits, with `-`, `.` or `_` between them"
        raise ImportRefusedError(f"{name!r} is not a valid name of a suite", hint=hint)
    folder, path = _place(source) if root is None else _below(root, source)
    fidelity = Fidelity()
    draft = IMPORTERS[format_name](folder, path, name or _default_name(source), fidelity, judge)
    made = assemble(draft, fidelity)
    if not made.files:
        reasons = "; ".join(fidelity.reasons()) or "it holds nothing"
        raise ImportRefusedError(f"nothing in {draft.source} could be imported: {reasons}")
    return Imported(_outcome(draft, made), _with_report(draft, made, fidelity), fidelity)


def write_import(imported: Imported, target: Path, *, force: bool = False) -> None:
    """Put the files into `target`. Raises TargetExistsError and ImportRefusedError."""
    files = dict(imported.files)
    models = target / _MODELS
    if force and _MODELS in files and models.is_file() and not models.is_symlink():
        files[_MODELS] = _combined(models, files[_MODELS])
    write_all(target, files, force=force)


def _combined(models: Path, wanted: bytes) -> bytes:
    from registry.domain.documents import load

    entries = load(wanted.decode()).value["models"]
    if models.stat().st_size > MAX_FILE_BYTES:
        raise ImportRefusedError(f"{models} is too large to add to")
    combined = merged_models(models.read_bytes(), entries)
    if combined is None:
        message = f"the models cannot be added to {models} without changing what it says"
        raise ImportRefusedError(message, hint="import into another folder and copy them")
    return combined


def _below(root: Path, source: Path) -> tuple[SourceFolder, str]:
    """As `_place`, for a source below the folder that may be read."""
    folder = SourceFolder(root)
    place = Path(os.path.realpath(source))
    if not root.is_dir() or not place.is_relative_to(folder.root):
        raise ImportRefusedError(f"{source} is not inside the folder {root}")
    if not place.is_file():
        hint = "with --root, PATH names the configuration file"
        raise SourceMissingError(f"there is no file {source}", hint=hint)
    return folder, place.relative_to(folder.root).as_posix()


def _place(source: Path) -> tuple[SourceFolder, str]:
    """(folder to read from, path of the file in it or "" for the folder itself)."""
    if source.is_dir():
        return SourceFolder(source), ""
    if not source.exists():
        raise SourceMissingError(f"there is no file or folder {source}")
    # A registry file of openai/evals refers to its sister folder `data`.
    if (
        source.absolute().parent.name == "evals"
        and (source.absolute().parents[1] / "data").is_dir()
    ):
        return SourceFolder(source.absolute().parents[1]), f"evals/{source.name}"
    return SourceFolder(source.absolute().parent), source.name


def _default_name(source: Path) -> str:
    absolute = source.absolute()
    if absolute.name.endswith(".jsonl.gz"):
        absolute = absolute.with_suffix("")
    is_generic = source.is_file() and absolute.stem.startswith("promptfooconfig")
    stem = (
        absolute.parent.name if is_generic else absolute.stem if source.is_file() else absolute.name
    )
    return slug(stem, "imported")


def _outcome(draft: Draft, made: Assembled) -> Outcome:
    names = sorted((*made.files, "fidelity.json", "fidelity.md"))
    return Outcome(
        draft.format, draft.source, tuple(made.suites), made.cases, made.unchecked, tuple(names)
    )


def _with_report(draft: Draft, made: Assembled, fidelity: Fidelity) -> dict[str, bytes]:
    outcome = _outcome(draft, made)
    return {
        **dict(sorted(made.files.items())),
        "fidelity.md": as_markdown(outcome, fidelity),
        "fidelity.json": as_json(outcome, fidelity),
    }
