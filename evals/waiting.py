"""Waiting for work on the loop's thread, as long as it is still wanted."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import CancelledError, Future
from typing import TypeVar

T = TypeVar("T")

LOOK_SECONDS = 0.5


class LeadLostError(Exception):
    """The run was cancelled, or another worker leads it now."""


def awaited(future: Future[T], still_ours: Callable[[], bool]) -> T:
    """The future's result, looking every half second whether it is still wanted.

    Raises LeadLostError when it is not, or when the work was cancelled.
    """
    while True:
        try:
            return future.result(timeout=LOOK_SECONDS)
        except TimeoutError:
            if future.done():
                raise
            if not still_ours():
                future.cancel()
                raise LeadLostError from None
        except CancelledError:
            raise LeadLostError from None
