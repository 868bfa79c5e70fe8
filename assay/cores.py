"""Work that is spread over the processor's cores."""

from __future__ import annotations

import os
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from contextlib import contextmanager
from multiprocessing import get_context

from assay.errors import WorkerLostError
from registry.domain.spreading import Spread, in_order

#: With fewer files, starting a process takes longer than it saves.
_WORTH_IT = 4_000


@contextmanager
def spread_over_cores(files: int) -> Iterator[Spread]:
    """Where the parts of work on so many files are done. Raises WorkerLostError."""
    cores = _available()
    if files < _WORTH_IT or cores < 2:
        yield in_order
        return
    # Spawned: a forked process inherits whatever threads of ours held.
    with ProcessPoolExecutor(cores, mp_context=get_context("spawn")) as pool:
        try:
            yield pool.map
        except BrokenProcessPool as error:
            raise WorkerLostError from error


def _available() -> int:
    """The cores that this process may use; what a container allows counts where Python knows it."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1
