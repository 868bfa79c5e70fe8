"""Real, unmodified SDKs, each in an environment of its own, made once under `.venv-sdks`.

Python's from `requirements/sdk-NAME.txt` (hash-locked), Node's from a committed package-lock.json.
An environment counts only with its `.ready` stamp, the digest of what it was made from: one half
made by a session that was killed is made again. Where packages cannot be had the test is skipped
and says so; a lock that does not hold (a wrong hash, a conflict) fails it.
"""

from __future__ import annotations

import fcntl
import hashlib
import json
import os
import re
import select
import shutil
import subprocess
import sys
import sysconfig
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

_REPOSITORY = Path(__file__).resolve().parents[3]
REQUIREMENTS = _REPOSITORY / "requirements"
HOME = _REPOSITORY / ".venv-sdks"
#: What uv and npm say when there is no way to their packages.
_OUT_OF_REACH = re.compile(
    r"error sending request|network was disabled|Could not connect|timed out|EAI_AGAIN"
    r"|E(?:NOTFOUND|CONNREFUSED|CONNRESET|TIMEDOUT|NETUNREACH|HOSTUNREACH)"
)
_MAKING_SECONDS = 300
_NODE_FILES = ("package.json", "package-lock.json")


def python_with(name: str) -> Path:
    """The Python that can import what `requirements/sdk-NAME.txt` locks.

    Start it with `environment_of`: it then keeps its bytecode, which is most of an SDK's start.
    """
    lock = REQUIREMENTS / f"sdk-{name}.txt"
    home = HOME / name

    def make() -> None:
        uv = str(Path(sysconfig.get_path("scripts")) / "uv")
        python = str(home / "bin" / "python")
        _run(uv, "venv", "--quiet", "--python", sys.executable, str(home))
        locked = ["--python", python, "--require-hashes", "-r", str(lock)]
        _run(uv, "pip", "install", "--quiet", *locked)

    _made(home, [lock], sys.version, make)
    return home / "bin" / "python"


def node_with(folder: Path) -> Path:
    """A folder with the `node_modules` that `folder`'s package-lock.json locks.

    Run scripts there: `node --input-type=module -` with the script on stdin resolves its imports
    from the working folder.
    """
    node, npm = shutil.which("node"), shutil.which("npm")
    if node is None or npm is None:
        pytest.skip("no node or no npm: the JavaScript SDKs are not tested")
    home = HOME / f"node-{folder.name}"
    files = [folder / name for name in _NODE_FILES]

    def make() -> None:
        home.mkdir()
        for file in files:
            shutil.copy(file, home)
        _run(npm, "ci", "--ignore-scripts", "--no-audit", "--no-fund", folder=home)

    version = subprocess.run([node, "--version"], capture_output=True, text=True, check=True)
    _made(home, files, version.stdout, make)
    return home


def environment_of(settings: Mapping[str, str]) -> dict[str, str]:
    """The environment of an SDK's process: `settings` and nothing that is ours."""
    kept = {name: os.environ[name] for name in ("PATH", "HOME", "LANG") if name in os.environ}
    # The folder of a script that is called as its SDK must not stand in for it.
    return {**kept, "PYTHONSAFEPATH": "1", "NO_PROXY": "127.0.0.1,localhost", **settings}


def answers_of(
    *command: str | Path,
    settings: Mapping[str, str],
    given: Any = None,
    folder: Path | None = None,
    seconds: float = 120,
) -> Any:
    """Run a script that reads JSON from stdin and ends with a line of JSON, and return that.

    What else it says is shown when the test fails.
    """
    done = subprocess.run(
        [str(part) for part in command],
        input=json.dumps(given),
        env=environment_of(settings),
        cwd=folder,
        capture_output=True,
        text=True,
        timeout=seconds,
        check=False,
    )
    print(done.stdout, done.stderr)
    assert done.returncode == 0, f"{command[0]} ended with {done.returncode}: {done.stderr}"
    return json.loads(done.stdout.splitlines()[-1])


@contextmanager
def session(
    *command: str | Path, settings: Mapping[str, str], seconds: float = 60
) -> Iterator[Callable[[Any], Any]]:
    """A script that answers each line of JSON by one, for as long as the block lasts.

    An SDK takes seconds to import: tests share one. Gives the function that asks.
    """
    with subprocess.Popen(
        [str(part) for part in command],
        env=environment_of(settings),
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    ) as child:
        assert child.stdin
        assert child.stdout
        wire = (child.stdin, child.stdout)

        def ask(given: Any) -> Any:
            print(json.dumps(given), file=wire[0], flush=True)
            ready, _, _ = select.select([wire[1]], [], [], seconds)
            line = wire[1].readline() if ready else ""
            assert line, f"{command[0]} gave no answer; it ended with {child.poll()}"
            return json.loads(line)

        try:
            yield ask
        finally:
            child.kill()


def _made(home: Path, sources: Sequence[Path], runtime: str, make: Callable[[], None]) -> None:
    """Have `make` fill `home`, unless that is there already. One process at a time makes it."""
    digest = hashlib.sha256(b"\0".join(source.read_bytes() for source in sources))
    digest.update(runtime.encode())
    stamp = home / ".ready"
    with _alone(home):
        if stamp.is_file() and stamp.read_text(encoding="ascii") == digest.hexdigest():
            return
        shutil.rmtree(home, ignore_errors=True)
        make()
        stamp.write_text(digest.hexdigest(), encoding="ascii")


@contextmanager
def _alone(home: Path) -> Iterator[None]:
    HOME.mkdir(exist_ok=True)
    with home.with_suffix(".lock").open("a") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def _run(*command: str, folder: Path | None = None) -> None:
    done = subprocess.run(
        command,
        cwd=folder,
        capture_output=True,
        text=True,
        timeout=_MAKING_SECONDS,
        check=False,
    )
    if done.returncode == 0:
        return
    if _OUT_OF_REACH.search(done.stderr):
        pytest.skip(f"packages cannot be had here: {done.stderr.strip().splitlines()[0]}")
    pytest.fail(f"{' '.join(command)} failed: {done.stderr}", pytrace=False)
