"""Which files of a commit have to change so that they say what is live."""

from __future__ import annotations

import itertools
from collections.abc import Iterable, Sequence

from core.findings import Finding
from registry.domain.certificate_file import FOLDER, CertificateFile
from registry.domain.files import Files
from registry.domain.ledger_file import appended, ledger_paths, moves_in
from registry.domain.live import DEFAULT_CANARY_WEIGHT, LiveTag, parse_live
from registry.domain.live_writing import PATH, Key, TagsFileError, rewritten
from registry.models.ledger import TagEvent
from registry.writeback import ledger


def entries_untold(files: Files) -> list[TagEvent]:
    """The entries that follow the newest one that the repository tells. When it tells none of ours,
    but somebody else's or those of a state that a backup has overtaken: all of them.
    """
    for path in reversed(ledger_paths(files.paths())):
        moves, _ = moves_in(files.read(path))
        if (newest := ledger.newest_known(moves)) is not None:
            return list(ledger.entries_after(newest))
    return list(ledger.entries_after(0))


def certified(events: Iterable[TagEvent]) -> list[TagEvent]:
    """Those that were made on a certificate."""
    return [event for event in events if event.certificate_id is not None]


def changed_files(
    files: Files,
    skipped: Sequence[Finding],
    moves: Sequence[TagEvent],
    untold: Sequence[TagEvent],
) -> dict[str, bytes]:
    """`path -> content` of tags.yaml, the certificates and the ledger that these moves, and those
    that it does not tell yet, change; mostly one of each, nothing when the commit says it already.
    Raises TagsFileError.
    """
    keys = {(move.prompt.name, move.tag) for move in moves}
    live = ledger.live_tags(keys)
    wanted = {key: ledger.as_entry(event) for key, event in live.items()}
    held = frozenset(files.paths())
    proving = _proving(certified(untold), moves, live.values())
    proofs = [ledger.certificate_file(event) for event in proving]
    new = {proof.path: proof.to_bytes() for proof in proofs if isinstance(proof, CertificateFile)}
    new |= appended(files, held, ledger.told(untold))
    _refuse_what_is_no_file(skipped, new)
    data = files.read(PATH) if PATH in held else b""
    new[PATH] = rewritten(data, _differing(data, wanted))
    return {
        path: content
        for path, content in new.items()
        if content != (files.read(path) if path in held else b"")
    }


def _proving(*events: Iterable[TagEvent]) -> list[TagEvent]:
    """One entry for each version and model that a certificate may prove, newest last."""
    newest = {(event.version_id, event.model_id): event for event in itertools.chain(*events)}
    return sorted(newest.values(), key=lambda event: event.pk)


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
