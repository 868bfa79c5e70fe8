"""Where things are inside a data folder, and the URLs of the embedded servers.

Pure functions of the folder's path: settings, commands and the supervisor compute the same answer
without talking to each other. Imports nothing but the standard library.
"""

from __future__ import annotations

import hashlib
import os
import re
from pathlib import Path

DATABASE = "assay"
DATABASE_USER = "postgres"
VALKEY_SOCKET = "valkey.sock"

# PostgreSQL's name for its socket; 5432 is only a suffix here, nothing listens on TCP.
POSTGRES_SOCKET = ".s.PGSQL.5432"

# sun_path holds 108 bytes including the final NUL (unix(7)).
_LONGEST_SOCKET_PATH = 107
# Anything else would need quoting, differently in each URL dialect.
_PLAIN_PATH = re.compile(r"[A-Za-z0-9/._-]+")


def socket_folder(data: Path) -> Path:
    """The private folder of the unix sockets: `<data>/run`, or a short one in /tmp.

    The short one is used when a socket path would not fit the kernel's address or would need
    quoting in a URL. Its name depends on the user and the data folder only.
    """
    folder = data.resolve() / "run"
    longest = len(os.fsencode(folder / POSTGRES_SOCKET))
    if longest <= _LONGEST_SOCKET_PATH and _PLAIN_PATH.fullmatch(str(folder)):
        return folder
    name = hashlib.sha256(os.fsencode(folder)).hexdigest()[:20]
    # /tmp and not TMPDIR: two shells with different settings must agree.
    return Path(f"/tmp/assay-{os.getuid()}-{name}")  # noqa: S108 - its owner and mode are checked


def postgres_folder(data: Path) -> Path:
    """The PostgreSQL cluster."""
    return data.resolve() / "postgres"


def valkey_folder(data: Path) -> Path:
    """Valkey's append-only file."""
    return data.resolve() / "valkey"


def log_folder(data: Path) -> Path:
    """One log file for each process."""
    return data.resolve() / "logs"


def state_folder(data: Path) -> Path:
    """Small files the running processes leave for each other."""
    return data.resolve() / "run"


def counts_folder(data: Path) -> Path:
    """What each web process counted since the web server started."""
    return state_folder(data) / "counts"


def database_url(data: Path) -> str:
    """URL of the embedded PostgreSQL; a unix socket in a private folder needs no password."""
    return f"postgresql://{DATABASE_USER}@/{DATABASE}?host={socket_folder(data)}"


def broker_url(data: Path) -> str:
    """Celery (kombu) URL of the embedded Valkey."""
    return f"redis+socket://{socket_folder(data)}/{VALKEY_SOCKET}?virtual_host=0"
