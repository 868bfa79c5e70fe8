"""The registry's event stream: Server-Sent Events into what they mean for the cache.

Lines and events as the WHATWG HTML standard has them ("Interpreting an event stream"), and the
meaning as docs/reference/stream.md has it: ids are a revision and an incarnation of the registry.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any

#: An event is some two hundred bytes; whoever sends more is no registry.
_LONGEST_BYTES = 65_536


@dataclass(frozen=True, slots=True)
class Moved:
    """A tag of `prompt` moved, and made the registry's revision `revision`."""

    prompt: str
    revision: int
    incarnation: str = ""


@dataclass(frozen=True, slots=True)
class Known:
    """Every move up to `revision` was told, or lies before the stream."""

    revision: int
    incarnation: str = ""


@dataclass(frozen=True, slots=True)
class Reset:
    """What moved is not known: everything held is to be asked for again.

    What follows is later than `revision`; None when that was not said.
    """

    revision: int | None = None
    incarnation: str = ""


@dataclass(frozen=True, slots=True)
class Retry:
    """How long to wait before the stream is opened again."""

    seconds: float


#: Revisions are those of `incarnation`; empty when that was not said.
Said = Moved | Known | Reset | Retry


class StreamBrokenError(Exception):
    """This is not the event stream of a registry."""


class StreamReader:
    """Feed it chunks of any size; it returns what they complete."""

    def __init__(self) -> None:
        """Start before the first byte."""
        self._rest = b""
        self._name = ""
        self._id = ""
        self._data: list[str] = []

    def feed(self, chunk: bytes) -> list[Said]:
        """What `chunk` completes, in order. Raises StreamBrokenError."""
        *lines, self._rest = (self._rest + chunk).replace(b"\r\n", b"\n").split(b"\n")
        if len(self._rest) > _LONGEST_BYTES or sum(map(len, self._data)) > _LONGEST_BYTES:
            raise StreamBrokenError("an event is longer than any")
        said = [self._line(line) for line in lines]
        return [one for one in said if one is not None]

    def _line(self, line: bytes) -> Said | None:
        try:
            name, _, value = line.decode().partition(":")
        except UnicodeDecodeError as error:
            raise StreamBrokenError("it is not UTF-8") from error
        if not line:
            return self._dispatch()
        value = value.removeprefix(" ")
        if name == "retry" and value.isascii() and value.isdigit():
            return Retry(int(value[:9]) / 1000)
        if name == "data":
            self._data.append(value)
        elif name == "event":
            self._name = value
        elif name == "id":
            self._id = value
        return None  # comments, which are heartbeats, and fields nobody knows

    def _dispatch(self) -> Said | None:
        name, id_, data = self._name, self._id, "\n".join(self._data)
        self._name, self._id, self._data = "", "", []
        digits, _, incarnation = id_.partition("-")
        is_number = digits.isascii() and digits.isdigit() and len(digits) < 20
        revision = int(digits) if is_number else None
        if name == "reset":
            return Reset(revision, incarnation)
        if revision is not None and (name == "ready" or not data):
            return Known(revision, incarnation)
        return _moved(revision, incarnation, data) if data else None


def _moved(revision: int | None, incarnation: str, data: str) -> Said:
    """What is not understood may have been anything: a reset."""
    try:
        body: Any = json.loads(data)
        prompt = body["prompt"]
    except (ValueError, TypeError, KeyError, RecursionError):
        return Reset(revision, incarnation)
    if revision is None or not isinstance(prompt, str):
        return Reset(revision, incarnation)
    return Moved(prompt, revision, incarnation)
