"""Commands that run the server's code in this process: found by entry point, loaded when they run.

The command line never imports Django. What the server's code raises is turned into one of our
errors by the *name* of its class, which needs no import either.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from assay.errors import (
    DatabaseUnavailableError,
    ServerCodeMissingError,
    ServerNotConfiguredError,
)
from core.errors import AssayError

GROUP = "assay.server"
_ERRORS: dict[str, type[AssayError]] = {
    "django.core.exceptions.ImproperlyConfigured": ServerNotConfiguredError,
    "django.db.utils.OperationalError": DatabaseUnavailableError,
}


def run(command: str, *values: Any, **options: Any) -> Any:
    """Call the server's function for `command` and return its result.

    Set the data folder before (`settings.use_data_folder`). Raises ServerCodeMissingError,
    ServerNotConfiguredError, DatabaseUnavailableError, and what the function raises.
    """
    try:
        return _load(command)(*values, **options)
    except Exception as error:
        known = _translated(error)
        if known is None:
            raise
        raise known from error


def _load(command: str) -> Callable[..., Any]:
    from importlib.metadata import entry_points

    for entry in entry_points(group=GROUP, name=command):
        try:
            return entry.load()  # type: ignore[no-any-return] # an entry point may be anything
        except ImportError as error:
            reason = f"`assay {command.replace('-', ' ')}` cannot load the server's code: {error}"
            raise ServerCodeMissingError(reason) from error
    raise ServerCodeMissingError(
        f"`assay {command.replace('-', ' ')}` needs the server's code, which is not installed here"
    )


def _translated(error: Exception) -> AssayError | None:
    for cls in type(error).__mro__:
        ours = _ERRORS.get(f"{cls.__module__}.{cls.__qualname__}")
        if ours:
            return ours(str(error).strip().split("\n", 1)[0])
    return None
