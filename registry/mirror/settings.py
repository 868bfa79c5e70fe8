"""The one configuration file Git reads for a mirror, and the secret it may hand to one host."""

from __future__ import annotations

import os
import secrets
import shlex
from pathlib import Path

from registry.mirror.address import Address
from registry.mirror.errors import MirrorRefusedError, MirrorUnavailableError
from registry.mirror.values import MirrorAccess

# fsck refuses malformed objects before they are stored; nothing is ever pruned, because the last
# good commit must stay comparable after a force-push.
_FIXED = """\
[core]
	hooksPath = /dev/null
	fsync = committed,reference
	fsyncMethod = fsync
	bigFileThreshold = 64m
	attributesFile = /dev/null
	excludesFile = /dev/null
	symlinks = false
	askPass = false
[fetch]
	fsckObjects = true
	recurseSubmodules = false
	unpackLimit = 1
	writeCommitGraph = false
	prune = false
[transfer]
	fsckObjects = true
	bundleURI = false
	unpackLimit = 1
[receive]
	fsckObjects = true
[protocol]
	version = 2
	allow = never
[protocol "ext"]
	allow = never
[submodule]
	recurse = false
[gc]
	autoDetach = false
	pruneExpire = never
	cruftPacks = true
[maintenance]
	auto = false
[pack]
	threads = 2
[log]
	showSignature = false
	mailmap = false
[http]
	followRedirects = false
	lowSpeedLimit = 1000
	lowSpeedTime = 30
"""


def prepare_folder(folder: Path, address: Address, access: MirrorAccess) -> None:
    """Make the mirror's folder, with its settings. Raises MirrorUnavailableError."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
        write_settings(folder, address, access)
    except OSError as error:
        raise MirrorUnavailableError(f"the mirror's folder cannot be written: {error}") from error


def write_settings(folder: Path, address: Address, access: MirrorAccess) -> None:
    """Put `gitconfig` (and `credential`, when the URL held one) into the mirror's folder.

    Both are readable by this account only, and replaced as a whole.
    """
    secret = folder / "credential"
    text = _FIXED + _access_settings(access)
    if address.protocol == "file":
        text += _ownership(address.url)
    if address.username:
        _write(secret, f"username={address.username}\npassword={address.password}\n")
        text += _credential(address.origin, secret)
    else:
        secret.unlink(missing_ok=True)
    _write(folder / "gitconfig", text)


def _access_settings(access: MirrorAccess) -> str:
    lines = ["[http]"]
    if access.proxy:
        lines.append(f"\tproxy = {_quoted(access.proxy)}")
    if access.ca_file:
        lines.append(f"\tsslCAInfo = {_quoted(str(access.ca_file))}")
    return "\n".join(lines) + "\n"


def _ownership(path: str) -> str:
    """Trust exactly the local repository the operator named, whoever owns it.

    Git asks for this because a foreign repository's own configuration could run programs. The
    serving side reads no hook setting from there (uploadpack.packObjectsHook is taken from
    protected configuration only) and GIT_NO_LAZY_FETCH keeps it from fetching.
    """
    resolved = str(Path(path).resolve())
    places = dict.fromkeys(p + tail for p in (path, resolved) for tail in ("", "/.git", ".git"))
    return "[safe]\n" + "".join(f"\tdirectory = {_quoted(p)}\n" for p in places)


def _credential(origin: str, secret: Path) -> str:
    """Answers `get` for this origin only, and ignores `erase`: a refusal must not lose the key."""
    program = f'!f() {{ test "$1" = get && cat {shlex.quote(str(secret))}; }}; f'
    return f"[credential {_quoted(origin)}]\n\thelper = {_quoted(program)}\n"


def _quoted(value: str) -> str:
    if not value.isprintable():
        raise MirrorRefusedError("a setting of the mirror holds control characters")
    escaped = value.replace("\\", "\\\\").replace('"', '\\"')
    return f'"{escaped}"'


def _write(path: Path, text: str) -> None:
    if path.is_file() and path.read_text(encoding="utf-8") == text:
        return
    # Two threads of one process may write it at once.
    staged = path.with_name(f"{path.name}.{secrets.token_hex(8)}")
    descriptor = os.open(staged, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    with os.fdopen(descriptor, "w", encoding="utf-8") as file:
        file.write(text)
    staged.replace(path)
