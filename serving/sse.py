"""Server-Sent Events, read from byte chunks of any size.

The rules are those of the WHATWG HTML standard, section "Interpreting an event stream": lines end
in LF, CR or CRLF, a colon starts a comment (the usual keep-alive), several `data` lines are joined
with LF, an empty line ends the event, an event without data is none, an unfinished one is dropped.
One difference: bytes that are not UTF-8 are an error here, not U+FFFD, since an answer must not
change silently.
"""

from __future__ import annotations

from dataclasses import dataclass

from serving.errors import malformed

_BYTE_ORDER_MARK = b"\xef\xbb\xbf"


@dataclass(frozen=True, slots=True)
class ServerEvent:
    """One event. `name` is empty when the server gave none."""

    name: str
    data: str


class EventStream:
    """Feed it what the socket gives; it returns the events that are complete."""

    def __init__(self) -> None:
        """Start before the first byte."""
        self._tail: list[bytes] = []  # pieces of the unfinished line, joined once when it ends
        self._skip_line_feed = False  # the last chunk ended in CR: a LF that follows belongs to it
        self._at_start = True
        self._name = ""
        self._data: list[str] = []

    def feed(self, chunk: bytes) -> list[ServerEvent]:
        """The events completed by `chunk`, oldest first. Raises ModelAnswerError unless UTF-8."""
        if self._skip_line_feed and chunk:
            self._skip_line_feed = False
            chunk = chunk.removeprefix(b"\n")
        events = []
        for line in self._complete_lines(chunk):
            event = self._read_line(line)
            if event is not None:
                events.append(event)
        return events

    def _complete_lines(self, chunk: bytes) -> list[bytes]:
        lines = chunk.splitlines()
        if not lines:
            return lines
        if not chunk.endswith((b"\n", b"\r")):
            rest = lines.pop()
        else:
            rest = b""
            self._skip_line_feed = chunk.endswith(b"\r")
        if lines and self._tail:
            lines[0] = b"".join((*self._tail, lines[0]))
            self._tail.clear()
        if rest:
            self._tail.append(rest)
        if lines and self._at_start:
            self._at_start = False
            lines[0] = lines[0].removeprefix(_BYTE_ORDER_MARK)
        return lines

    def _read_line(self, line: bytes) -> ServerEvent | None:
        if not line:
            return self._dispatch()
        name, _, value = line.partition(b":")
        if name == b"data":
            self._data.append(_text(value.removeprefix(b" ")))
        elif name == b"event":
            self._name = _text(value.removeprefix(b" "))
        return None  # comments (empty name), id, retry and unknown fields say nothing to us

    def _dispatch(self) -> ServerEvent | None:
        event = ServerEvent(self._name, "\n".join(self._data)) if self._data else None
        self._name, self._data = "", []
        return event


def _text(value: bytes) -> str:
    try:
        return value.decode()
    except UnicodeDecodeError:
        malformed("bytes that are not UTF-8")
