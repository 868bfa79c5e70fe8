"""The five kinds of wrong. Everything Assay refuses to do is one of them.

A concrete error subclasses a kind, sets `code`, and its docstring is the default message. The
edges (API, command line, pages) map the *kind* once; a new error needs no new handler.
"""

from __future__ import annotations

from typing import Any, ClassVar


class AssayError(Exception):
    """Something went wrong."""

    code: ClassVar[str] = "error"
    #: What the reader can do about it; shown after the message.
    hint: str = ""

    def __init__(self, message: str = "", *, hint: str = "", **fields: Any) -> None:
        """`fields` are machine-readable facts (JSON values) that edges show beside the message."""
        self.message = message or (type(self).__doc__ or "").strip().splitlines()[0]
        self.hint = hint or type(self).hint
        self.fields = fields
        super().__init__(self.message)

    @property
    def sentence(self) -> str:
        """The message, and in brackets what the reader can do about it."""
        return f"{self.message} ({self.hint})" if self.hint else self.message


class NotFoundError(AssayError):
    """There is no such thing."""

    code = "not_found"


class InvalidError(AssayError):
    """The input is not valid."""

    code = "invalid"


class ConflictError(AssayError):
    """Somebody else changed it first."""

    code = "conflict"


class RefusedError(AssayError):
    """This is not allowed."""

    code = "refused"


class UnavailableError(AssayError):
    """A part that is needed does not answer. Trying again later may help."""

    code = "unavailable"
