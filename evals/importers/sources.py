"""The folder an import reads from. Nothing outside it is ever opened, through no kind of path."""

from __future__ import annotations

import gzip
import io
import os
import posixpath
import re
import stat
import zlib
from pathlib import Path

from evals.importers.errors import UnreadableError

MAX_FILE_BYTES = 64 * 1024 * 1024
MAX_TOTAL_BYTES = 256 * 1024 * 1024
MAX_LISTED = 20_000
MAX_PATTERN_CHARS = 500
_MAGIC = re.compile(r"[*?\[{]")
_SKIPPED = frozenset({"node_modules", "__pycache__"})
_OID = re.compile(rb"^oid sha256:([0-9a-f]{12})[0-9a-f]*\s+^size ([0-9]{1,15})", re.MULTILINE)
_LFS_POINTER = b"version https://git-lfs"
_OUTSIDE = "it leads outside the folder that is imported"
_COPY = "import with --root FOLDER, or copy the file into the folder and name it there"
_COPY_LINKED = "copy the file itself into the folder"


class SourceFolder:
    """Reads files below `root` by relative paths with `/`. Links are not followed below it."""

    def __init__(self, root: Path) -> None:
        self.root = Path(os.path.realpath(root))
        self.bytes_left = MAX_TOTAL_BYTES
        self._listed: list[str] | None = None

    def read(self, path: str) -> bytes:
        """The bytes of `path`. Raises UnreadableError with the reason."""
        data = self._bytes(path)
        if data.startswith(_LFS_POINTER):
            raise UnreadableError(
                f"{path} is a Git LFS pointer{_pointed(data)}, not the data",
                "run `git lfs pull` in the source repository and import again",
            )
        return data

    def _bytes(self, path: str) -> bytes:
        target = self.root / path
        try:
            if os.path.realpath(target) != str(target):
                reason = f"{path} is reached through a symbolic link"
                raise UnreadableError(reason, _COPY_LINKED)
            # Non-blocking: a named pipe would wait for a writer for ever.
            descriptor = os.open(target, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK)
        except (OSError, ValueError) as error:
            raise UnreadableError(f"there is no readable file {path}") from error
        try:
            data = self._contents(descriptor, path)
        finally:
            os.close(descriptor)
        self.bytes_left -= len(data)
        return data

    def _contents(self, descriptor: int, path: str) -> bytes:
        info = os.fstat(descriptor)
        if not stat.S_ISREG(info.st_mode):
            raise UnreadableError(f"{path} is not a regular file")
        limit = min(MAX_FILE_BYTES, self.bytes_left)
        if info.st_size > limit:
            raise UnreadableError(f"{path} is larger than an import reads")
        with os.fdopen(descriptor, "rb", closefd=False) as file:
            return file.read(limit)

    def exists(self, path: str) -> bool:
        """Whether there is such a file, not reached through a link."""
        target = self.root / path
        try:
            return os.path.realpath(target) == str(target) and target.is_file()
        except (OSError, ValueError):
            return False

    def matching(self, pattern: str) -> list[str]:
        """The files a glob pattern names, sorted; a path without wildcards is itself."""
        if not is_pattern(pattern):
            return [pattern]
        if len(pattern) > MAX_PATTERN_CHARS:
            raise UnreadableError("the pattern is too long")
        wanted = _expression(pattern)
        return [path for path in self.paths() if wanted.fullmatch(path)]

    def paths(self) -> list[str]:
        """Every file below the root that is not hidden, at most MAX_LISTED; sorted."""
        if self._listed is None:
            self._listed = sorted(self._walk())
        return self._listed

    def _walk(self) -> list[str]:
        found: list[str] = []
        for folder, subfolders, names in os.walk(self.root, followlinks=False):
            subfolders[:] = sorted(
                name for name in subfolders if name not in _SKIPPED and not name.startswith(".")
            )
            for name in sorted(names):
                path = Path(folder) / name
                if not name.startswith(".") and not path.is_symlink():
                    found.append(path.relative_to(self.root).as_posix())
            if len(found) > MAX_LISTED:
                break
        return found[:MAX_LISTED]


def unpacked(path: str, data: bytes) -> bytes:
    """The bytes of a file, those inside it when it is `.gz`. Raises UnreadableError."""
    if not path.endswith(".gz"):
        return data
    try:
        with gzip.GzipFile(fileobj=io.BytesIO(data)) as file:
            found = file.read(MAX_FILE_BYTES + 1)  # a small file can unpack to a very large one
    except (OSError, EOFError, zlib.error) as error:
        raise UnreadableError(f"{path} is not a file that gzip wrote") from error
    if len(found) > MAX_FILE_BYTES:
        raise UnreadableError(f"{path} unpacks to more than an import reads")
    return found


def is_pattern(path: str) -> bool:
    """Whether a path has wildcards."""
    return _MAGIC.search(path) is not None


def inside(base: str, reference: str) -> str:
    """The path of `reference`, given relative to the folder `base`. Raises UnreadableError."""
    if not reference.strip() or "\0" in reference or "\\" in reference:
        raise UnreadableError("this is not a path that can be used")
    if reference.startswith(("/", "~")) or re.match(r"[A-Za-z]:", reference):
        raise UnreadableError(_OUTSIDE, _COPY)
    path = posixpath.normpath(posixpath.join(base, reference))
    if path == ".." or path.startswith("../"):
        raise UnreadableError(_OUTSIDE, _COPY)
    return path


def _pointed(data: bytes) -> str:
    found = _OID.search(data)
    return f" to {int(found[2]):,} bytes ({found[1].decode()}…)" if found else ""


def _expression(pattern: str) -> re.Pattern[str]:
    """Glob to regular expression: `**`, `*`, `?`, `[…]`, `{a,b}`."""
    pieces = re.split(r"(\*\*/|\*\*|\*|\?|\[[^\]/]+\]|\{[^{}/]*\})", pattern)
    written = {"**/": r"(?:[^/]+/)*", "**": r".*", "*": r"[^/]*", "?": r"[^/]"}
    parts = []
    for piece in pieces:
        if piece in written:
            parts.append(written[piece])
        elif piece.startswith("[") and piece.endswith("]") and len(piece) > 2:
            parts.append(_class(piece))
        elif piece.startswith("{") and piece.endswith("}"):
            parts.append(f"(?:{'|'.join(re.escape(p) for p in piece[1:-1].split(','))})")
        else:
            parts.append(re.escape(piece))
    return re.compile("".join(parts))


def _class(piece: str) -> str:
    body = piece[1:-1]
    negated = "^" if body[0] in "!^" else ""
    inner = re.sub(r"([\\\[\]^&~|])", r"\\\1", body[1:] if negated else body)
    try:
        re.compile(f"[{negated}{inner}]")
    except re.error:
        return re.escape(piece)
    return f"[{negated}{inner}]"
