"""What of a commit Assay reads: `git ls-tree` judged file by file. Pure; knows no process."""

from __future__ import annotations

import unicodedata
from collections.abc import Callable, Collection, Iterable, Iterator
from dataclasses import dataclass

from core.findings import Finding, Severity
from registry.mirror.errors import MirrorDamagedError, MirrorRefusedError
from registry.mirror.values import Entry, MirrorLimits

LFS_POINTER_BYTES = 1_024
_LFS_HEAD = b"version https://git-lfs.github.com/spec/"
_READ_FOLDERS = (
    *("prompts/", "suites/", "datasets/", "rubrics/", "calibration/", "certificates/"),
)
_BIDI = frozenset("\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069\u200e\u200f\u061c")
_REGULAR = ("100644", "100755", "100664")


@dataclass(frozen=True, slots=True)
class Row:
    """One line of ls-tree. `path` are raw bytes; `size` is -1 for what is not a blob."""

    mode: str
    blob_id: str
    size: int
    path: bytes


@dataclass(frozen=True, slots=True)
class Listing:
    """A commit's readable files and, as findings, everything that was left out. Both sorted."""

    entries: tuple[Entry, ...]
    skipped: tuple[Finding, ...]


def parse_rows(listing: bytes, limits: MirrorLimits) -> tuple[Row, ...]:
    """Read `ls-tree -r -l -z`. Raises MirrorRefusedError when there are more files than allowed."""
    lines = listing.split(b"\0")
    if len(lines) - 1 > limits.files:
        raise MirrorRefusedError(
            f"the commit has more than {limits.files:,} files",
            hint="keep prompts in a repository of their own",
        )
    return tuple(_row(line) for line in lines if line)


def _row(line: bytes) -> Row:
    head, _, path = line.partition(b"\t")
    mode, _, id_, size = head.decode("ascii").split()
    if size == "BAD":
        raise MirrorDamagedError(f"the mirror has lost object {id_}")
    return Row(mode, id_, -1 if size == "-" else int(size), path)


def screen(
    rows: Iterable[Row],
    limits: MirrorLimits,
    pointers: Callable[[Collection[Entry]], Collection[str]],
) -> Listing:
    """Keep regular files with plain, distinct, short UTF-8 names and bounded size.

    `pointers` says which blobs of some small files are Git LFS pointers. Raises MirrorRefusedError
    when what is kept would be larger than `limits.total_bytes`.
    """
    kept, skipped = by_shape(rows, limits)
    kept, collisions = _without_collisions(kept)
    stand_ins = set(pointers([e for e in kept if e.size < LFS_POINTER_BYTES]))
    skipped += collisions
    skipped += [_lfs(e.path) for e in kept if e.blob_id in stand_ins]
    entries = sorted(e for e in kept if e.blob_id not in stand_ins)
    total = sum(e.size for e in entries)
    if total > limits.total_bytes:
        raise MirrorRefusedError(
            f"the commit has {total:,} bytes of files, more than {limits.total_bytes:,}"
        )
    return Listing(tuple(entries), tuple(sorted(skipped)))


def is_lfs_pointer(content: bytes) -> bool:
    """True for the small text Git LFS leaves in place of a file (its specification, version 1)."""
    return content.startswith(_LFS_HEAD)


def by_shape(rows: Iterable[Row], limits: MirrorLimits) -> tuple[list[Entry], list[Finding]]:
    """Regular files with plain, short names and bounded size; and why the others are left out."""
    kept, skipped = [], []
    for row in rows:
        path = row.path.decode("utf-8", "backslashreplace")
        problem = _problem(row, path, limits)
        if problem:
            skipped.append(problem)
        else:
            kept.append(Entry(path, row.blob_id, row.size))
    return kept, skipped


def _problem(row: Row, path: str, limits: MirrorLimits) -> Finding | None:
    return _name_problem(row.path, path, limits) or _content_problem(row, path, limits)


def _name_problem(raw: bytes, path: str, limits: MirrorLimits) -> Finding | None:
    if len(path) > limits.path_chars:
        shown = f"{_visible(path[:100])}…"
        return _finding(shown, "path_too_long", f"longer than {limits.path_chars} characters")
    if not _is_utf8(raw):
        return _finding(_visible(path), "path_not_utf8", "the file name is not UTF-8")
    if not path.isprintable() and any(_is_control(c) for c in path):
        return _finding(
            _visible(path), "path_control_character", "the file name holds control characters"
        )
    if {"", ".", "..", ".git"} & {part.casefold() for part in path.split("/")}:
        return _finding(path, "path_unsafe", "the path has a part with a special meaning")
    return None


def _content_problem(row: Row, path: str, limits: MirrorLimits) -> Finding | None:
    if row.mode == "120000":
        return _finding(
            path, "symlink", "a symbolic link is never followed", "commit the file itself"
        )
    if row.mode == "160000":
        return _finding(
            path, "submodule", "a submodule is never fetched", "commit the files themselves"
        )
    if row.mode not in _REGULAR or row.size < 0:
        return _finding(path, "not_a_file", f"mode {row.mode} is not a regular file")
    allowed = limits.bytes_for(path)
    if row.size > allowed:
        said = f"{row.size:,} bytes, more than the {allowed:,} allowed here"
        return _finding(path, "blob_too_big", said, "large data belongs under datasets/")
    return None


def _without_collisions(entries: list[Entry]) -> tuple[list[Entry], list[Finding]]:
    """Of names that differ by case or Unicode form only, the one in plain form stays."""
    groups: dict[str, list[Entry]] = {}
    for entry in entries:
        groups.setdefault(plain(entry.path), []).append(entry)
    kept, skipped = [], []
    for form, group in groups.items():
        winner = min(group, key=lambda e: (e.path != form, e.path))
        kept.append(winner)
        skipped += [_collision(e.path, winner.path) for e in group if e is not winner]
    return kept, skipped


def plain(path: str) -> str:
    """What names that differ by case or Unicode form only have in common."""
    if path.isascii():
        return path.lower()  # the same, and a repository has ten thousands of names
    return unicodedata.normalize("NFC", unicodedata.normalize("NFC", path).casefold())


def _collision(path: str, winner: str) -> Finding:
    return _finding(
        path,
        "path_collision",
        f"differs from {winner} by case or Unicode form only",
        "file names must differ on every file system; rename one of them",
    )


def _lfs(path: str) -> Finding:
    return _finding(
        path, "lfs_pointer", "the file is in Git LFS, which is not read", "commit the file itself"
    )


def _finding(path: str, code: str, message: str, hint: str = "") -> Finding:
    """An error where Assay would have read the file; elsewhere it does no harm."""
    read = path.startswith(_READ_FOLDERS) or ("/" not in path and path.endswith((".yaml", ".yml")))
    severity: Severity = "error" if read else "warning"
    return Finding(path, 0, 0, severity, code, message, hint)


def _is_utf8(raw: bytes) -> bool:
    if raw.isascii():
        return True
    try:
        raw.decode("utf-8")
    except UnicodeDecodeError:
        return False
    return True


def _is_control(character: str) -> bool:
    """Also line separators and direction marks: they make a name look like another one."""
    return unicodedata.category(character) in ("Cc", "Zl", "Zp") or character in _BIDI


def _visible(path: str) -> str:
    return "".join(_characters(path))


def _characters(path: str) -> Iterator[str]:
    for character in path:
        hidden = _is_control(character)
        yield character.encode("unicode_escape").decode("ascii") if hidden else character
