"""The whole of Assay as one tree of processes: embedded servers, web, stream, worker, beat."""

from __future__ import annotations

import os
import shutil
import signal
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

from config.embedded import application, folder, locations, model, ports, postgres, valkey
from config.embedded.service import Service
from config.embedded.supervisor import Supervisor

_DATABASE = "DATABASE_URL"
_BROKER = "BROKER_URL"
_MODEL = "ASSAY_MODEL_DEMO_URL"


@dataclass(frozen=True)
class TreeOptions:
    """What to start. `port` 0 takes a free one; `model` is the demo model server.

    `stream_port` 0 is the one after `port`, or a free one where `port` is 0. `workers` are web
    processes; `concurrency` is how many tasks the Celery worker runs at once.
    """

    data: Path
    port: int = 8000
    host: str = ports.LOOPBACK
    model: bool = True
    workers: int = 1
    concurrency: int = 2
    stream_port: int = 0


@dataclass(frozen=True)
class Tree:
    """A running Assay.

    `environment` is what its processes got: hand it to a subprocess that should use the same
    database, broker and model. `model_url` is None when there is no demo model.
    """

    data: Path
    base_url: str
    stream_url: str
    model_url: str | None
    environment: Mapping[str, str]
    supervisor: Supervisor

    @property
    def services(self) -> tuple[str, ...]:
        """Names of the processes started here, such as "postgres" and "web"."""
        return self.supervisor.names

    def pid(self, name: str) -> int | None:
        """The main process of a service; None while it is down."""
        return self.supervisor.pid(name)

    def log(self, name: str) -> Path:
        """The log file of a service."""
        return locations.log_folder(self.data) / f"{name}.log"

    def kill(self, name: str, number: signal.Signals = signal.SIGKILL) -> int:
        """Kill the main process of a service and return its pid. It is started again by itself."""
        return self.supervisor.kill(name, number)

    def answers(self, name: str) -> bool:
        """Whether the service answers now."""
        return self.supervisor.answers(name)

    def wait(self, name: str) -> None:
        """Wait until the service answers. Raises ServiceFailedError with the end of its log."""
        self.supervisor.wait(name)

    def stop_service(self, name: str) -> None:
        """Stop a service; it stays down until `start_service`."""
        self.supervisor.stop(name)

    def start_service(self, name: str) -> None:
        """Start a stopped service again and wait until it answers."""
        self.supervisor.start_again(name)
        self.supervisor.wait(name)


@contextmanager
def running(
    options: TreeOptions,
    *,
    environment: Mapping[str, str] | None = None,
    report: Callable[[str], None] = lambda _line: None,
) -> Iterator[Tree]:
    """Start everything, hand out the tree once all of it answers, stop everything at the end.

    `environment` replaces the process's own for all children. DATABASE_URL, BROKER_URL and
    ASSAY_MODEL_DEMO_URL in it stand for servers that already run; those are not started. Call it
    from any thread; the children die with this process in any case.

    Raises DataFolderError, AlreadyRunningError, PortInUseError or AddressError before anything is
    started, ServiceFailedError when a part does not start.
    """
    inherited = dict(os.environ if environment is None else environment)
    with ExitStack() as stack:
        data = folder.prepare(options.data, postgres_major=postgres.major_version())
        claim = stack.enter_context(folder.Claim(data))
        stack.callback(folder.leave, data)
        port, stream_port = (_reserved(options.host, one, stack) for one in _listeners(options))
        base_url, stream_url = (
            _url(application.reachable(options.host), one) for one in (port, stream_port)
        )
        claim.announce(base_url)
        model_url = _model_url(options, data, inherited)
        settled = _settled(data, inherited, model_url)
        settled.setdefault("ASSAY_STREAM_PORT", str(stream_port))
        settled.setdefault("ASSAY_WEB_PORT", str(port))
        supervisor = stack.enter_context(Supervisor(report, settled))
        stack.callback(_stop_application, supervisor)
        tree = Tree(data, base_url, stream_url, model_url, settled, supervisor)
        _start_servers(tree, inherited, report)
        _start_application(tree, options, (port, stream_port), report)
        yield tree


def _listeners(options: TreeOptions) -> tuple[int, int]:
    """The ports of web and stream; 0: a free one."""
    following = options.port + 1 if 0 < options.port < 65_535 else 0
    return options.port, options.stream_port or following


def _reserved(host: str, port: int, stack: ExitStack) -> int:
    port = port or ports.free_port(host)
    stack.enter_context(ports.Reservation(host, port))
    return port


def _url(host: str, port: int) -> str:
    return f"http://[{host}]:{port}" if ":" in host else f"http://{host}:{port}"


def _is_set(environment: Mapping[str, str], name: str) -> bool:
    """Whether the variable is given, itself or as a file (see config.env.secret)."""
    return bool(environment.get(name) or environment.get(f"{name}_FILE"))


def _model_url(options: TreeOptions, data: Path, inherited: Mapping[str, str]) -> str | None:
    if given := inherited.get(_MODEL):
        return given
    return model.base_url(model.remembered_port(data)) if options.model else None


def _settled(data: Path, inherited: Mapping[str, str], model_url: str | None) -> dict[str, str]:
    """The environment of all children, complete: nothing is left for them to work out."""
    result = {**inherited, "ASSAY_DATA": str(data), "ASSAY_SUPERVISED": "1"}
    result["DJANGO_SETTINGS_MODULE"] = "config.settings"
    # `python -m` would otherwise import from the caller's working folder, which may well be a
    # prompt repository with a folder named like one of our packages.
    result["PYTHONSAFEPATH"] = "1"
    if result.pop("PYTHONDONTWRITEBYTECODE", None):
        # Five processes import the same libraries. Compiled once, they start three times as fast;
        # the wish is kept in that nothing is written beside the sources.
        result.setdefault("PYTHONPYCACHEPREFIX", str(data / "cache" / "python"))
    if not _is_set(inherited, _DATABASE):
        result[_DATABASE] = locations.database_url(data)
    if not _is_set(inherited, _BROKER):
        result[_BROKER] = locations.broker_url(data)
    if model_url:
        result[_MODEL] = model_url
    return result


def _start_servers(tree: Tree, inherited: Mapping[str, str], report: Callable[[str], None]) -> None:
    """Start the embedded servers that nothing given stands for; wait for the database only."""
    services: list[Service] = []
    if not _is_set(inherited, _DATABASE):
        services.append(postgres.service(tree.data))
    if not _is_set(inherited, _BROKER):
        services.append(valkey.service(tree.data))
    if tree.model_url and not inherited.get(_MODEL):
        services.append(model.service(tree.data, tree.model_url))
    for service in services:
        report(f"starting {service.name}")
        tree.supervisor.start(service)
    if "postgres" in tree.services:
        tree.wait("postgres")
        postgres.ensure_database(tree.data)


def _start_application(
    tree: Tree, options: TreeOptions, listeners: tuple[int, int], report: Callable[[str], None]
) -> None:
    report("bringing the database up to date")
    # A counter that begins again is a restart; counts of processes that are gone would pile up.
    shutil.rmtree(locations.counts_folder(tree.data), ignore_errors=True)
    application.run_once(tree.data, "migrate", ["django", "migrate", "--noinput"], tree.environment)
    services = (
        application.beat(tree.data),
        application.worker(tree.data, options.concurrency),
        application.web(tree.data, options.host, listeners[0], options.workers),
        application.stream(tree.data, options.host, listeners[1]),
    )
    for service in services:
        report(f"starting {service.name}")
        tree.supervisor.start(service)
    for name in tree.services:
        tree.wait(name)


def _stop_application(supervisor: Supervisor) -> None:
    """Stop asking before answering: web, then worker and scheduler; the servers follow later."""
    for together in (("web", "stream"), ("worker", "beat")):
        supervisor.stop(*(name for name in together if name in supervisor.names))
