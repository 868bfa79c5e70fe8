"""A process that has loaded everything it needs."""

from __future__ import annotations

import gc

#: New objects before the collector looks for cycles among them; Python's 700 are 200 looks a run.
_NEW_OBJECTS = 10_000


def settle() -> None:
    """What is loaded by now stays, so the collector need not walk through it again and again while
    everybody in the process waits for it: 50 to 200 ms a time.
    """
    gc.collect()
    gc.freeze()
    gc.set_threshold(_NEW_OBJECTS)
