"""A PostgreSQL and a Valkey of a benchmark's own, and fresh processes that use them.

The servers run as in production: what is committed is on the disk.
"""

from __future__ import annotations

import logging
import multiprocessing
import os
import resource
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any

from config.embedded import folder, locations, postgres, valkey
from config.embedded.supervisor import Supervisor
from config.settling import settle

#: A worker has waited for its task at least so long: what it starts ahead is ready.
_SETTLE_SECONDS = 0.5


@dataclass(frozen=True)
class Spent:
    """What a piece of work took: seconds of wall and of processor (own, of its children), MB."""

    wall: float
    own_cpu: float
    children_cpu: float
    peak_mb: float


@contextmanager
def own_database(data: Path) -> Iterator[None]:
    """Servers in `data`; processes started meanwhile find them."""
    folder.prepare(data, postgres_major=postgres.major_version())
    postgres.initialise(locations.postgres_folder(data), postgres.identity())
    os.environ["ASSAY_DATA"] = str(data)
    with Supervisor(_say_nothing, os.environ) as supervisor:
        supervisor.start(postgres.service(data))
        supervisor.start(valkey.service(data))
        for name in supervisor.names:
            supervisor.wait(name)
        postgres.ensure_database(data)
        yield


def _say_nothing(_line: str) -> None:
    """The table is the output."""


def in_fresh_process(work: Callable[..., Any], *arguments: Any) -> Any:
    """What `work` returns in a process that is as ready as a worker between two tasks: what it
    starts ahead is started, and its connection to the database is open.
    """
    context = multiprocessing.get_context("spawn")
    mine, theirs = context.Pipe()
    process = context.Process(target=_run, args=(theirs, work, arguments))
    process.start()
    theirs.close()
    try:
        return mine.recv()
    finally:
        process.join()


def _run(answer: Connection, work: Callable[..., Any], arguments: tuple[Any, ...]) -> None:
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "config.settings")
    import django

    django.setup()
    from celery.signals import worker_process_init
    from django.db import connection

    from config.celery import app

    app.set_current()  # its broker gets the bells, as in production
    app.loader.import_default_modules()
    worker_process_init.send(sender=None)
    settle()  # in production its parent did
    time.sleep(_SETTLE_SECONDS)
    logging.disable(logging.INFO)
    connection.ensure_connection()
    answer.send(work(*arguments))


def spent_on(work: Callable[[], object]) -> Spent:
    """Do it, and say what it took. The peak is the whole process's."""
    before, started = _cpu(), time.perf_counter()
    work()
    wall, after = time.perf_counter() - started, _cpu()
    own, children = (after[i] - before[i] for i in (0, 1))
    return Spent(wall, own, children, peak_mb())


def peak_mb() -> float:
    """The most memory this process has had at once."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


def _cpu() -> tuple[float, float]:
    usages = [resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)]
    return tuple(usage.ru_utime + usage.ru_stime for usage in usages)  # type: ignore[return-value]
