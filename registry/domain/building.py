"""From YAML events to plain values, within limits. Scalars follow YAML 1.2.2 §10.3.2."""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Any

from registry.domain.names import UNSTORABLE
from registry.domain.positions import Document, Mark, Path, Problem

MAX_DEPTH = 24
#: Longer numbers are identifiers somebody forgot to quote, and slow to convert.
MAX_DIGITS = 40

_NULL = re.compile(r"|~|null|Null|NULL")
_BOOL = re.compile(r"true|True|TRUE|false|False|FALSE")
_INT = re.compile(r"[-+]?[0-9]+")
_OCTAL = re.compile(r"0o[0-7]+")
_HEX = re.compile(r"0x[0-9a-fA-F]+")
_FLOAT = re.compile(r"[-+]?(?:\.[0-9]+|[0-9]+(?:\.[0-9]*)?)(?:[eE][-+]?[0-9]+)?")
_NOT_FINITE = re.compile(r"[-+]?\.(?:inf|Inf|INF)|\.(?:nan|NaN|NAN)")
#: What the first character of a plain scalar must be among for it to be anything but a string.
_TELLING = frozenset("~nNtTfF+-.0123456789")
_VALUES = frozenset({"AliasEvent", "ScalarEvent", "MappingStartEvent", "SequenceStartEvent"})


class DocumentRefusedError(Exception):
    """Carries a Problem out of the event loop."""

    def __init__(self, problem: Problem) -> None:
        super().__init__(problem.message)
        self.problem = problem


class Builder:
    """Turns ruamel's events into values, without recursion: depth cannot exhaust the stack."""

    def __init__(self, first_line: int, max_values: int) -> None:
        self.first_line = first_line
        self.left = max_values
        self.keys: dict[Path, Mark] = {}
        self.values: dict[Path, Mark] = {}
        self.anchors: dict[str, tuple[Any, int]] = {}
        self.open: list[_Open] = []
        self.root: Any = None

    def build(self, events: Iterable[Any]) -> Document:
        documents = 0
        for event in events:
            kind = type(event).__name__  # both libraries use the same names
            if kind == "DocumentStartEvent":
                documents += 1
                self._start(event, documents)
            elif kind in {"MappingEndEvent", "SequenceEndEvent"}:
                self._close()
            elif kind in _VALUES:
                self._value(event, kind)
        return Document(self.root, self.keys, self.values)

    def _start(self, event: Any, documents: int) -> None:
        if documents > 1:
            raise self._refuse(event, "yaml", "A file holds exactly one document.")
        if event.version and tuple(event.version) != (1, 2):
            raise self._refuse(event, "yaml", "Only YAML 1.2 is read.")

    def _value(self, event: Any, kind: str) -> None:
        parent = self.open[-1] if self.open else None
        if parent and parent.wants_key:
            parent.take_key(self._key(event, kind, parent))
            self.keys[parent.path] = self._mark(event)
            return
        self.values[parent.path if parent else ()] = self._mark(event)
        if kind == "AliasEvent":
            value, size = self._alias(event)
            self._count(event, size)
            self._place(value, size)
        elif kind == "ScalarEvent":
            self._count(event, 1)
            value = self._scalar(event)
            if event.anchor:
                self.anchors[event.anchor] = (value, 1)
            self._place(value, 1)
        else:
            self._enter(event, is_mapping=kind == "MappingStartEvent")

    def _enter(self, event: Any, *, is_mapping: bool) -> None:
        self._check_tag(event)
        self._count(event, 1)
        if len(self.open) >= MAX_DEPTH:
            raise self._refuse(event, "yaml_depth", f"Nested deeper than {MAX_DEPTH} levels.")
        path = self.open[-1].path if self.open else ()
        value: Any = {} if is_mapping else []
        self.open.append(_Open(value, path, event.anchor))

    def _close(self) -> None:
        done = self.open.pop()
        if done.anchor:
            self.anchors[done.anchor] = (done.value, done.size)
        self._place(done.value, done.size)

    def _place(self, value: Any, size: int) -> None:
        if self.open:
            self.open[-1].put(value, size)
        else:
            self.root = value

    def _key(self, event: Any, kind: str, parent: _Open) -> str:
        self._count(event, 1)
        key = self._scalar(event) if kind == "ScalarEvent" else None
        if not isinstance(key, str):
            message = "Keys are strings; quote this one."
            raise self._refuse(event, "yaml_key", message)
        if key in parent.value:
            message = f"The key {key[:60]!r} is given twice."
            raise self._refuse(event, "yaml_duplicate_key", message)
        return key

    def _alias(self, event: Any) -> tuple[Any, int]:
        try:
            return self.anchors[event.anchor]
        except KeyError:
            message = f"The alias *{event.anchor[:60]} names nothing that is complete here."
            raise self._refuse(event, "yaml_alias", message) from None

    def _count(self, event: Any, size: int) -> None:
        self.left -= size
        if self.left < 0:
            message = "The document holds too many values (aliases count in full)."
            raise self._refuse(event, "yaml_too_many_values", message)

    def _check_tag(self, event: Any) -> None:
        if event.tag is not None:
            message = f"The tag {str(event.tag)[:60]} is not allowed; only plain values are."
            raise self._refuse(event, "yaml_tag", message)

    def _scalar(self, event: Any) -> Any:
        self._check_tag(event)
        text = str(event.value)
        if not text.isprintable() and UNSTORABLE.search(text):
            message = "This string holds a NUL or half a character (a lone surrogate)."
            raise self._refuse(event, "yaml_character", message)
        if not event.implicit[0] or event.style:
            return text
        if _NOT_FINITE.fullmatch(text):
            raise self._refuse(event, "yaml_number", f"{text} is not a number JSON can hold.")
        if len(text) > MAX_DIGITS and (_FLOAT.fullmatch(text) or _HEX.fullmatch(text)):
            raise self._refuse(event, "yaml_number", "This number is too long; quote it.")
        value = _resolve(text)
        if isinstance(value, float) and abs(value) == float("inf"):
            raise self._refuse(event, "yaml_number", "This number is too large.")
        return value

    def _mark(self, event: Any) -> Mark:
        mark = event.start_mark
        return Mark(self.first_line + mark.line, mark.column + 1)

    def _refuse(self, event: Any, code: str, message: str) -> DocumentRefusedError:
        return DocumentRefusedError(Problem(self._mark(event), code, message))


class _Open:
    """A mapping or list that is still being read; `path` is the place of its next value."""

    def __init__(self, value: Any, at: Path, anchor: str | None) -> None:
        self.value = value
        self.at = at
        self.anchor = anchor
        self.size = 1
        self.wants_key = isinstance(value, dict)
        self.path: Path = at if self.wants_key else (*at, 0)

    def take_key(self, key: str) -> None:
        self.path = (*self.at, key)
        self.wants_key = False
        self.size += 1

    def put(self, value: Any, size: int) -> None:
        self.size += size
        if isinstance(self.value, dict):
            self.value[self.path[-1]] = value
            self.wants_key = True
        else:
            self.value.append(value)
            self.path = (*self.at, len(self.value))


def _resolve(text: str) -> Any:
    """A plain scalar by the core schema."""
    if text and text[0] not in _TELLING:
        return text
    if _NULL.fullmatch(text):
        return None
    if _BOOL.fullmatch(text):
        return text[0] in "tT"
    if _INT.fullmatch(text):
        return int(text)  # 010 is ten
    if _OCTAL.fullmatch(text) or _HEX.fullmatch(text):
        return int(text, 0)
    return float(text) if _FLOAT.fullmatch(text) else text
