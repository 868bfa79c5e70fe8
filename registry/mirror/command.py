"""Starts Git: the only importer of GitPython, and the only place an argument list is completed.

GitPython always adds to the environment it was started in, so `env -i` stands in front of Git and
begins from nothing: no GIT_*, LD_*, proxy or HOME of the server reaches it, nor any config file but
the one written here.
"""

from __future__ import annotations

import contextlib
import os
import re
import selectors
import shlex
import shutil
import signal
import subprocess
import tempfile
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO, cast

from registry.mirror.errors import MirrorRefusedError, MirrorTimeoutError, MirrorUnavailableError
from registry.mirror.values import MirrorAccess, MirrorLimits

if TYPE_CHECKING:
    from git import Git

_MINIMUM_GIT = (2, 36)  # cat-file --batch-command
#: Programs that were found new enough.
_CHECKED: set[str] = set()
_STDERR_CHARS = 20_000
_CHUNK = 65_536
# A size limit on written files is the only one that stops a download while it runs; with signal 25
# (SIGXFSZ) ignored Git says so before it ends. Shells count 512-byte blocks for -f and kilobytes
# for -v; macOS has no -v.
_LIMITED = 'trap "" 25; ulimit -f "$1" 2>/dev/null; ulimit -v "$2" 2>/dev/null; shift 2; exec "$@"'
_QUIET = _LIMITED + " 2>/dev/null"


@dataclass(frozen=True, slots=True)
class Output:
    """What a finished command left: exit status, bytes of stdout, text of stderr (bounded)."""

    status: int
    stdout: bytes
    stderr: str

    @property
    def text(self) -> str:
        """Standard output as text, without surrounding space."""
        return self.stdout.decode("utf-8", "replace").strip()


@dataclass(frozen=True, slots=True)
class GitCommand:
    """Runs Git in one mirror folder for one protocol.

    `held` are file descriptors every child keeps open: the lock of the mirror is among them, so a
    download that outlives its killed parent still holds the lock.
    """

    folder: Path
    protocol: str
    limits: MirrorLimits
    access: MirrorAccess = field(default_factory=MirrorAccess)
    held: tuple[int, ...] = ()

    def run(
        self,
        args: Sequence[str],
        *,
        seconds: float = 30,
        stdout_bytes: int = 1_048_576,
        stdin: bytes = b"",
    ) -> Output:
        """Run `git args` to its end and return what it said, whatever its exit status.

        Raises MirrorTimeoutError after `seconds`, MirrorRefusedError when it writes more than
        `stdout_bytes`; the whole process group is gone by then.
        """
        argv = [*_guard(seconds), _git(), *args]
        with _file_of(stdin) as source:
            process = self._start(_LIMITED, argv, stdin=source)
            try:
                return _collect(process, time.monotonic() + seconds, stdout_bytes, args)
            finally:
                kill_group(process)

    def converse(self, args: Sequence[str]) -> Git.AutoInterrupt:
        """Start `git args` with pipes on stdin and stdout; the caller ends it with `kill_group`."""
        return self._start(_QUIET, [_git(), *args], stdin=subprocess.PIPE)

    def check_version(self) -> None:
        """Raises MirrorUnavailableError when Git is too old for what the mirror asks of it."""
        program = _git()
        if program in _CHECKED:
            return
        said = self.run(["version"]).text
        found = re.search(r"(\d+)\.(\d+)", said)
        if not found or (int(found[1]), int(found[2])) < _MINIMUM_GIT:
            raise MirrorUnavailableError(
                f"Git {'.'.join(map(str, _MINIMUM_GIT))} or newer is needed; found {said[:60]!r}"
            )
        _CHECKED.add(program)

    def _start(
        self, script: str, argv: list[str], stdin: BinaryIO | int | None
    ) -> Git.AutoInterrupt:
        limits = (str(self.limits.total_bytes // 512), str(self.limits.memory_bytes // 1024))
        variables = [f"{name}={value}" for name, value in self._environment().items()]
        command = [_program("env"), "-i", *variables, _program("sh"), "-c", script, "sh"]
        try:
            process: Git.AutoInterrupt = _git_in(self.folder).execute(
                [*command, *limits, *argv],
                istream=stdin,
                as_process=True,
                shell=False,
                start_new_session=True,
                pass_fds=self.held,
            )
        except OSError as error:
            raise MirrorUnavailableError(f"Git cannot be started: {error}") from error
        return process

    def _environment(self) -> dict[str, str]:
        never = shutil.which("false") or "/bin/false"
        return {
            "PATH": _path(),
            "HOME": "/dev/null",
            "XDG_CONFIG_HOME": "/dev/null",
            "LC_ALL": "C",
            "LANGUAGE": "C",
            "GIT_CONFIG_NOSYSTEM": "1",
            "GIT_CONFIG_GLOBAL": str(self.folder / "gitconfig"),
            "GIT_ATTR_NOSYSTEM": "1",
            "GIT_TERMINAL_PROMPT": "0",
            "GIT_ASKPASS": never,
            "SSH_ASKPASS": never,
            "GIT_ALLOW_PROTOCOL": self.protocol,
            "GIT_SSH_COMMAND": _ssh_command(self.access) if self.protocol == "ssh" else never,
            "GIT_SSH_VARIANT": "ssh",
            "GIT_NO_LAZY_FETCH": "1",
            "GIT_NO_REPLACE_OBJECTS": "1",
            "GIT_LITERAL_PATHSPECS": "1",
            "GIT_OPTIONAL_LOCKS": "0",
        }


@contextlib.contextmanager
def _file_of(content: bytes) -> Iterator[BinaryIO | None]:
    """A file, not a pipe: Git may answer before it has read everything. None for nothing."""
    if not content:
        yield None
        return
    with tempfile.TemporaryFile() as file:
        file.write(content)
        file.seek(0)
        yield cast("BinaryIO", file)


def kill_group(process: Git.AutoInterrupt) -> None:
    """End the process and everything it started, and take its exit status. Safe to call twice."""
    inner = process.proc
    if inner is None:
        return
    if inner.poll() is None:
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.killpg(inner.pid, signal.SIGKILL)
        inner.wait()
    for stream in (inner.stdin, inner.stdout, inner.stderr):
        if stream is not None:
            with contextlib.suppress(OSError):
                stream.close()


def _collect(
    process: Git.AutoInterrupt, deadline: float, stdout_bytes: int, args: Sequence[str]
) -> Output:
    """Drain both pipes until they end, within the deadline and the byte limit."""
    inner = process.proc
    assert inner is not None
    assert inner.stdout is not None
    assert inner.stderr is not None
    texts = {"stdout": bytearray(), "stderr": bytearray()}
    with selectors.DefaultSelector() as selector:
        selector.register(inner.stdout, selectors.EVENT_READ, "stdout")
        selector.register(inner.stderr, selectors.EVENT_READ, "stderr")
        while selector.get_map():
            for key, _ in selector.select(_left(deadline, args)):
                chunk = os.read(key.fd, _CHUNK)
                if not chunk:
                    selector.unregister(key.fileobj)
                texts[key.data] += chunk
            del texts["stderr"][:-_STDERR_CHARS]
            if len(texts["stdout"]) > stdout_bytes:
                raise MirrorRefusedError(f"git {_verb(args)} answers more than Assay reads")
    try:
        status = inner.wait(_left(deadline, args))
    except subprocess.TimeoutExpired:
        raise _too_long(args) from None
    return Output(status, bytes(texts["stdout"]), texts["stderr"].decode("utf-8", "replace"))


def _left(deadline: float, args: Sequence[str]) -> float:
    left = deadline - time.monotonic()
    if left <= 0:
        raise _too_long(args)
    return left


def _too_long(args: Sequence[str]) -> MirrorTimeoutError:
    return MirrorTimeoutError(f"git {_verb(args)} did not finish in time and was stopped")


def _verb(args: Sequence[str]) -> str:
    return next((a for a in args if not a.startswith("-")), "")


def load_git() -> None:
    """Import what starting Git takes, ahead of the first need. Nothing where Git is missing."""
    with contextlib.suppress(MirrorUnavailableError):
        _git_in(Path())


def _git_in(folder: Path) -> Git:
    """Imported late: GitPython refuses to load where there is no Git, and lookups need none."""
    try:
        from git import Git
    except ImportError as error:
        raise MirrorUnavailableError("Git is not installed on this server") from error
    return Git(folder)


def _git() -> str:
    return _program("git")


def _program(name: str) -> str:
    found = shutil.which(name)
    if found is None:
        raise MirrorUnavailableError(f"the program `{name}` is not installed on this server")
    return str(Path(found).absolute())


def _path() -> str:
    """Where Git may look for programs: beside itself, and in the system's folders."""
    return os.pathsep.join(dict.fromkeys([str(Path(_git()).parent), "/usr/bin", "/bin"]))


def _guard(seconds: float) -> list[str]:
    """A second clock outside this process: a download must end even if its parent was killed."""
    clock = shutil.which("timeout")
    return [clock, "-s", "KILL", str(round(seconds) + 5)] if clock else []


def _ssh_command(access: MirrorAccess) -> str:
    options = [
        *("BatchMode=yes", "StrictHostKeyChecking=yes", "ProxyCommand=none", "ForwardAgent=no"),
        *("PermitLocalCommand=no", "ClearAllForwardings=yes", "ConnectTimeout=15"),
        *("ServerAliveInterval=15", "ServerAliveCountMax=2"),
    ]
    if access.ssh_key:
        options += ["IdentitiesOnly=yes", f"IdentityFile={access.ssh_key}"]
    if access.known_hosts:
        options += [f"UserKnownHostsFile={access.known_hosts}"]
    return shlex.join([_program("ssh"), "-F", "/dev/null", *(f"-o{o}" for o in options)])
