"""A pytest plugin: the servers the tests need, private to this session, gone at its end.

`-p tests.services`. With DATABASE_URL or BROKER_URL in the environment those servers are used
instead. Parallel sessions do not meet: each has its own data folder in the temporary folder, with a
PostgreSQL cluster copied from a template (made once, a second; the copy takes a tenth of that).
"""

from __future__ import annotations

import fcntl
import hashlib
import inspect
import os
import shutil
import tempfile
import time
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from config.embedded import folder, locations, postgres, valkey
from config.embedded.supervisor import Supervisor
from core.errors import AssayError

_REPOSITORY = Path(__file__).resolve().parent.parent
_PREFIX = f"assay-test-{os.getuid()}-"
_SESSION = pytest.StashKey[ExitStack]()
_DATA = pytest.StashKey[Path]()
# Younger folders may belong to a session that has not claimed its own yet.
_SETTLED_SECONDS = 60


@pytest.hookimpl(wrapper=True)
def pytest_load_initial_conftests(early_config: pytest.Config) -> Iterator[None]:
    """Point the settings at this session's folder, before pytest-django imports them.

    A wrapper runs before every plain hook, pytest-django's included.
    """
    stack = early_config.stash[_SESSION] = ExitStack()
    data = Path(tempfile.mkdtemp(prefix=_PREFIX)).resolve()
    stack.callback(shutil.rmtree, data, ignore_errors=True)
    stack.enter_context(folder.Claim(data))
    _sweep_abandoned(data.parent)
    early_config.stash[_DATA] = data
    os.environ["ASSAY_DATA"] = str(data)
    if os.environ.pop("PYTHONDONTWRITEBYTECODE", None):
        # Hundreds of processes are started here; without this each compiles Django anew.
        os.environ.setdefault("PYTHONPYCACHEPREFIX", str(_template_home() / "pycache"))
    return (yield)


def pytest_collection_finish(session: pytest.Session) -> None:
    """Start the servers, unless only unit tests were asked for: those need none."""
    config = session.config
    unit = _REPOSITORY / "tests" / "unit"
    needs_servers = any(not item.path.is_relative_to(unit) for item in session.items)
    if needs_servers and not config.option.collectonly:
        _start(config.stash[_DATA], config.stash[_SESSION])


def pytest_unconfigure(config: pytest.Config) -> None:
    """Stop the servers and remove the folder."""
    if _SESSION in config.stash:
        config.stash[_SESSION].close()


def _start(data: Path, stack: ExitStack) -> None:
    folder.prepare(data, postgres_major=postgres.major_version())
    supervisor = stack.enter_context(Supervisor(print, os.environ))
    if not os.environ.get("DATABASE_URL"):
        shutil.copytree(cluster_template(), locations.postgres_folder(data))
        supervisor.start(postgres.service(data, settings=postgres.UNSAFE_FOR_TESTS))
    if not os.environ.get("BROKER_URL"):
        supervisor.start(valkey.service(data))
    for name in supervisor.names:
        supervisor.wait(name)


def cluster_template() -> Path:
    """An initialised PostgreSQL cluster to copy, made at most once for a version of its recipe."""
    recipe = inspect.getsource(postgres) + postgres.major_version()
    home = _template_home()
    template = home / f"postgres-{hashlib.sha256(recipe.encode()).hexdigest()[:12]}"
    with (home / "lock").open("a") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        postgres.initialise(template, postgres.identity())
    return template


def _template_home() -> Path:
    """`.assay-test-<uid>` in the repository, or in the temporary folder if that is read-only."""
    name = f".assay-test-{os.getuid()}"
    writable = _REPOSITORY if os.access(_REPOSITORY, os.W_OK) else Path(tempfile.gettempdir())
    home = writable / name
    home.mkdir(mode=0o700, exist_ok=True)
    return home


def _sweep_abandoned(temporary: Path) -> None:
    """Remove the folders of sessions that were killed: nobody holds their lock any more."""
    for left in temporary.glob(f"{_PREFIX}*"):
        try:
            if time.time() - left.stat().st_mtime < _SETTLED_SECONDS:
                continue
            with folder.Claim(left):
                shutil.rmtree(left, ignore_errors=True)
        except (AssayError, OSError):  # in use, or gone already
            continue
