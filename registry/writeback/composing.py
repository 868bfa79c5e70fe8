"""Which files of a commit have to change so that they say what is live."""

from __future__ import annotations

from collections.abc import Sequence

from core.findings import Finding
from registry.domain.certificate_file import FOLDER, CertificateFile
from registry.domain.files import Files
from registry.domain.live import DEFAULT_CANARY_WEIGHT, LiveTag, parse_live
from registry.domain.live_writing import PATH, Key, TagsFileError, rewritten
from registry.domain.moves_file import moves_path, parse_moves, to_bytes
from registry.models.ledger import TagEvent
from registry.writeback import ledger


def changed_files(
    files: Files, skipped: Sequence[Finding], moves: Sequence[TagEvent]
) -> dict[str, bytes]:
    """`path -> content` of tags.yaml, the certificates and the last moves that these moves change;
    mostly one of each, nothing when the commit says it already. Raises TagsFileError.
    """
    keys = {(move.prompt.name, move.tag) for move in moves}
    live = ledger.live_tags(keys)
    wanted = {key: ledger.as_entry(event) for key, event in live.items()}
    # What was adopted came from there, and a rebuild must not write over who moved it then.
    moved = [event for event in (*moves, *live.values()) if event.kind != TagEvent.Kind.ADOPTED]
    proofs = [ledger.certificate_file(event) for event in moved]
    new = {proof.path: proof.to_bytes() for proof in proofs if isinstance(proof, CertificateFile)}
    held = frozenset(files.paths())
    for prompt in {event.prompt.name for event in moved}:
        path = moves_path(prompt)
        written = parse_moves(prompt, files.read(path)) if path in held else ()
        new[path] = to_bytes(prompt, ledger.last_moves(prompt, written))
    _refuse_what_is_no_file(skipped, new)
    data = files.read(PATH) if PATH in held else b""
    new[PATH] = rewritten(data, _differing(data, wanted))
    return {
        path: content
        for path, content in new.items()
        if content != (files.read(path) if path in held else b"")
    }


def _refuse_what_is_no_file(skipped: Sequence[Finding], new: dict[str, bytes]) -> None:
    """A link or a submodule where we write, or above it, is somebody's intention."""
    for found in skipped:
        above = f"{found.path}/"
        is_ours = found.path in (PATH, *new) or any(path.startswith(above) for path in new)
        if is_ours or found.path == FOLDER.rstrip("/"):
            raise TagsFileError(f"{found.path} cannot be written: {found.message}")


def _differing(data: bytes, wanted: dict[Key, LiveTag | None]) -> dict[Key, LiveTag | None]:
    """Without those that the file says already, in its own words: a line without a model means the
    prompt's default, and people may have left it out on purpose.
    """
    entries, _ = parse_live(PATH, data)
    said = {(entry.live.prompt, entry.live.tag): entry.live for entry in entries}
    defaults = ledger.default_models({prompt for prompt, _ in wanted})
    return {
        key: live
        for key, live in wanted.items()
        if live is None or key not in said or _meaning(said[key], defaults) != live
    }


def _meaning(entry: LiveTag, defaults: dict[str, str | None]) -> LiveTag:
    weight = entry.weight
    if entry.tag == "canary" and weight is None:
        weight = DEFAULT_CANARY_WEIGHT
    model = entry.model or defaults.get(entry.prompt)
    return LiveTag(entry.prompt, entry.tag, entry.version, model, weight)
