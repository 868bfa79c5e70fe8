"""Processes that do not outlive the one that started them (Linux).

Run as a program, this file is the launcher in front of every child: it arranges the child's death
with its parent, changes identity where asked, and then *becomes* the given program (same pid):

    python -I -S processes.py PARENT_PID SIGNAL IDENTITY program argument…

A launcher instead of `preexec_fn`: the supervisor has threads, and Python code between fork and
exec may deadlock in a process that has threads. Standard library only; the package is not imported.
"""

from __future__ import annotations

import ctypes
import os
import signal
import sys
from pathlib import Path

#: The launcher's pid, which its program keeps: grandchildren see in it who their parent should be.
GUARDIAN = "ASSAY_GUARDIAN_PID"

#: As the caller · as nobody of a new user namespace (files stay the caller's) · as the real nobody.
IDENTITIES = ("self", "namespace", "nobody")

#: The user nobody. PostgreSQL needs a name for its user, and every passwd file names this one.
NOBODY = 65534

_PR_SET_PDEATHSIG = 1
_PR_SET_KEEPCAPS = 8
_PR_CAP_AMBIENT = 47
_PR_CAP_AMBIENT_RAISE = 2
_CLONE_NEWUSER = 0x10000000
_CAP_DAC_OVERRIDE = 1
_CAPABILITY_VERSION_3 = 0x20080522

_libc = ctypes.CDLL(None, use_errno=True)


def launcher(death_signal: signal.Signals, identity: str = "self") -> list[str]:
    """The argv to put before a program, for the calling process to start it as its child.

    The kernel sends `death_signal` when the *thread* that started the child ends, so start long
    running programs from a thread that lives as long as they do.
    """
    if identity not in IDENTITIES:
        raise ValueError(f"{identity!r} is not one of {', '.join(IDENTITIES)}")
    parent, number = str(os.getpid()), str(int(death_signal))
    return [sys.executable, "-I", "-S", str(Path(__file__)), parent, number, identity]


def die_with_parent(death_signal: signal.Signals = signal.SIGKILL) -> None:
    """Make a grandchild (web worker, Celery pool process) die when its own parent dies.

    Call it in the grandchild's main thread. Outside a tree started by this package it does nothing.
    """
    guardian = os.environ.get(GUARDIAN)
    if not guardian:
        return
    _prctl(_PR_SET_PDEATHSIG, int(death_signal))
    if os.getppid() != int(guardian) and not is_running(int(guardian)):
        # The parent went before the kernel knew whom to tell.
        os.kill(os.getpid(), signal.SIGKILL)


def is_running(pid: int) -> bool:
    """Whether the process exists and is not a zombie."""
    try:
        stat = Path(f"/proc/{pid}/stat").read_text(encoding="ascii", errors="replace")
    except OSError:
        return False
    return stat.rpartition(")")[2].split()[0] not in "ZX"


def working_in(folder: Path, program: str) -> tuple[int, ...]:
    """The processes named `program` whose working folder is `folder`: a server and its children.

    PostgreSQL and Valkey work in their data folder. Pid files lie (after a restart of the machine
    the number may be somebody else's); the kernel does not.
    """
    wanted = str(folder.resolve())
    return tuple(
        int(entry.name)
        for entry in Path("/proc").iterdir()
        if entry.name.isdigit() and _is_at_work(entry, wanted, program)
    )


def _is_at_work(process: Path, folder: str, program: str) -> bool:
    try:
        if str((process / "cwd").readlink()) != folder:
            return False
        name = (process / "comm").read_text(encoding="utf-8", errors="replace").strip()
    except OSError:  # ended meanwhile, or somebody else's
        return False
    return name == program and is_running(int(process.name))


def _prctl(option: int, *arguments: int) -> None:
    values = (*arguments, 0, 0, 0, 0)[:4]
    if _libc.prctl(option, *(ctypes.c_ulong(value) for value in values)) != 0:
        raise OSError(ctypes.get_errno(), f"prctl({option})")


def _enter_namespace() -> None:
    """Become nobody of a new user namespace; seen from outside, files stay the caller's."""
    uid, gid = os.geteuid(), os.getegid()
    if _libc.unshare(_CLONE_NEWUSER) != 0:
        raise OSError(ctypes.get_errno(), "unshare(CLONE_NEWUSER)")
    Path("/proc/self/setgroups").write_text("deny", encoding="ascii")
    Path("/proc/self/uid_map").write_text(f"{NOBODY} {uid} 1", encoding="ascii")
    Path("/proc/self/gid_map").write_text(f"{NOBODY} {gid} 1", encoding="ascii")


def _become_nobody() -> None:
    """Become the real nobody, for root where user namespaces are refused.

    Keeps one capability, CAP_DAC_OVERRIDE: the data folder and the programs may lie below a folder
    only root may enter (`/root`). Containers that lack the capability need readable folders.
    """
    _prctl(_PR_SET_KEEPCAPS, 1)
    os.setgroups([])
    os.setresgid(NOBODY, NOBODY, NOBODY)
    os.setresuid(NOBODY, NOBODY, NOBODY)
    mask = 1 << _CAP_DAC_OVERRIDE
    header = (ctypes.c_uint32 * 2)(_CAPABILITY_VERSION_3, 0)
    data = (ctypes.c_uint32 * 6)(mask, mask, mask, 0, 0, 0)  # effective, permitted, inheritable
    if _libc.capset(header, data) == 0:
        _prctl(_PR_CAP_AMBIENT, _PR_CAP_AMBIENT_RAISE, _CAP_DAC_OVERRIDE)


def _become(arguments: list[str]) -> None:
    """Arrange the death signal, change identity, and turn into the program."""
    parent, death_signal, identity, *program = arguments
    if identity == "namespace":
        _enter_namespace()
    elif identity == "nobody":
        _become_nobody()
    # After the change of identity: the kernel forgets the death signal when credentials change.
    _prctl(_PR_SET_PDEATHSIG, int(death_signal))
    if os.getppid() != int(parent):
        sys.exit("the parent is gone")
    os.environ[GUARDIAN] = str(os.getpid())
    # exec would hand these on: what Python ignores, and what the starting thread had blocked.
    signal.signal(signal.SIGPIPE, signal.SIG_DFL)
    signal.pthread_sigmask(signal.SIG_SETMASK, ())
    os.execvp(program[0], program)  # noqa: S606 - becoming the program is the purpose


if __name__ == "__main__":
    _become(sys.argv[1:])
