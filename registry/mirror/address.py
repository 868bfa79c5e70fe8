"""Where a prompt repository is: the only place where a URL or a branch name is judged.

What passes here can be given to Git after `--end-of-options`. Credentials are taken out of the
URL, so no error, log line, process list or configuration file shows them.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from pathlib import PurePosixPath
from urllib.parse import SplitResult, unquote, urlsplit

from registry.mirror.errors import MirrorRefusedError

KNOWN_PROTOCOLS = ("https", "ssh", "http", "file")
_URL_CHARS = 2_048
_BRANCH_CHARS = 200
_HOST = re.compile(r"(?!-)[A-Za-z0-9._-]{1,253}|\[[0-9A-Fa-f:.]{2,45}\]", re.ASCII)
_USER = re.compile(r"(?!-)[A-Za-z0-9._-]{1,64}", re.ASCII)
# No shell, environment or glob characters: none of them is in a real repository's path.
_REMOTE_PATH = re.compile(r"(?!/?[-+=@,%])[A-Za-z0-9._~/%+=@,-]{1,1024}", re.ASCII)
_SCP = re.compile(r"(?:(?P<user>[^@/:]+)@)?(?P<host>[^@/:]+|\[[^\]/]+\]):(?P<path>[^:].*)")
_HELPER = re.compile(r"[A-Za-z0-9.+_-]+::", re.ASCII)
_BRANCH_FORBIDDEN = re.compile(r"[\x00-\x20\x7f~^:?*\[\\]|\.\.|@\{|//")


@dataclass(frozen=True, slots=True)
class Address:
    """A judged remote. `url` is what Git is given and what may be shown; it holds no secret."""

    url: str
    protocol: str
    username: str = field(default="", repr=False)
    password: str = field(default="", repr=False)

    @property
    def origin(self) -> str:
        """`https://host:port`: the only place the credentials are sent to."""
        parts = urlsplit(self.url)
        return f"{parts.scheme}://{parts.netloc}"


def parse_address(url: str, allowed_protocols: tuple[str, ...]) -> Address:
    """Read `https://`, `http://`, `ssh://`, `user@host:path`, `file://` or an absolute path.

    Raises MirrorRefusedError for everything else, and for protocols that are not allowed.
    """
    if not url or len(url) > _URL_CHARS or not url.isprintable() or url.startswith("-"):
        raise _refused("it is empty, too long, or holds characters no URL has")
    address = _judge(url)
    if address.protocol not in allowed_protocols or address.protocol not in KNOWN_PROTOCOLS:
        raise MirrorRefusedError(
            f"the protocol {address.protocol} is not allowed for the prompt repository",
            hint=f"allowed: {', '.join(p for p in allowed_protocols if p in KNOWN_PROTOCOLS)}; "
            "ASSAY_REPOSITORY_PROTOCOLS says which",
        )
    return address


def _judge(url: str) -> Address:
    if _HELPER.match(url):
        raise _refused("remote helpers (`name::…`) run programs")
    if url.startswith("/"):
        return _local(url)
    if "://" in url:
        return _with_scheme(url)
    if match := _SCP.fullmatch(url):
        user, host, path = match["user"], match["host"], match["path"]
        return _ssh(url, user, host, path)
    raise _refused("it is neither a URL nor an absolute path")


def _with_scheme(url: str) -> Address:
    try:
        parts = urlsplit(url)
        port = parts.port
    except ValueError:
        raise _refused("it cannot be parsed") from None
    if set("?#\\") & set(url):
        raise _refused("a repository has no query, no fragment and no backslash")
    if parts.scheme == "file":
        if parts.netloc not in ("", "localhost"):
            raise _refused("a file URL names no host")
        return _local(unquote(parts.path))
    if parts.scheme == "ssh":
        if parts.password is not None:
            raise _refused("ssh takes a key, not a password")
        return _ssh(url, parts.username, _host(parts), parts.path)
    if parts.scheme in ("https", "http"):
        return _http(parts, port)
    raise _refused(f"the protocol {parts.scheme[:20]!r} is not supported")


def _http(parts: SplitResult, port: int | None) -> Address:
    host = _host(parts)
    _check(_HOST, host, "its host name is not valid")
    _check(_REMOTE_PATH, parts.path, "its path is not valid")
    username, password = unquote(parts.username or ""), unquote(parts.password or "")
    if not (username + password).isprintable():
        raise _refused("its credentials hold control characters")
    place = f"{host}:{port}" if port else host
    return Address(
        f"{parts.scheme}://{place}{parts.path}", parts.scheme, username=username, password=password
    )


def _ssh(url: str, user: str | None, host: str, path: str) -> Address:
    if user is not None:
        _check(_USER, user, "its user name is not valid")
    _check(_HOST, host, "its host name is not valid")
    _check(_REMOTE_PATH, path, "its path is not valid")
    return Address(url, "ssh")


def _local(path: str) -> Address:
    if not path.startswith("/") or not path.isprintable() or ".." in PurePosixPath(path).parts:
        raise _refused("a local repository needs an absolute path without `..`")
    return Address(f"/{path.strip('/')}", "file")


def _host(parts: SplitResult) -> str:
    host = parts.hostname or ""
    return f"[{host}]" if ":" in host else host


def _check(pattern: re.Pattern[str], value: str, complaint: str) -> None:
    if not pattern.fullmatch(value):
        raise _refused(complaint)


def _refused(reason: str) -> MirrorRefusedError:
    """The URL itself is not repeated: it may hold a password."""
    return MirrorRefusedError(f"the URL of the prompt repository is refused: {reason}")


def check_branch(name: str) -> str:
    """`name` if it can be a branch: the rules of git-check-ref-format(1), and nothing cleverer."""
    parts = name.split("/")
    wrong = (
        not 1 <= len(name) <= _BRANCH_CHARS
        or not name.isprintable()
        or _BRANCH_FORBIDDEN.search(name)
        or name in ("@", "HEAD")
        or name.startswith(("-", "refs/"))
        or name.endswith(".")
        or any(not p or p.startswith(".") or p.endswith(".lock") for p in parts)
    )
    if wrong:
        raise MirrorRefusedError(
            f"{name[:80]!r} is not a branch name", hint="give the branch alone, such as main"
        )
    return name
