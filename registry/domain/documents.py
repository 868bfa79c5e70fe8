"""YAML 1.2 documents as plain values that remember where each value stood.

ruamel.yaml has the word on what YAML 1.2 is. Scalars are resolved by the core schema (YAML 1.2.2
§10.3.2), so `yes` and `2026-01-01` stay strings. Only what JSON can hold comes out. Files are
hostile: size, depth and the number of values (aliases expanded) are limited, and every refusal has
a position. Simple texts are read by libyaml first, twenty times faster; where it objects, or where
the two might differ, ruamel.yaml decides.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from functools import lru_cache
from typing import Any

import yaml
from ruamel.yaml import YAML
from ruamel.yaml.error import MarkedYAMLError, YAMLError

from registry.domain.building import Builder, DocumentRefusedError
from registry.domain.positions import Document, Mark, Problem

MAX_VALUES = 20_000
#: tags.yaml of ten thousand prompts holds this many.
MAX_REGISTER_VALUES = 400_000
MAX_CACHED_CHARACTERS = 2048

#: What YAML 1.1 and 1.2, or the two parsers, do not read alike: see test_documents.py.
_NOT_SIMPLE = re.compile(
    r"[^\n -~\u00a1-\u1fff\u2030-\ud7ff]|^(?:%|---|\.\.\.)|[?|>]|(?<!\w)[&*!]", re.MULTILINE
)
_HAS_LIBYAML = hasattr(yaml, "CLoader")


def load(text: str, first_line: int = 1, max_values: int = MAX_VALUES) -> Document:
    """Parse one YAML document; what is wrong with it is in `problem` (then `value` is None).

    `first_line` is the file's line on which `text` starts (front matter starts on line 2).
    """
    if len(text) <= MAX_CACHED_CHARACTERS:
        return _load_again(text, first_line, max_values)
    return _load(text, first_line, max_values)


def _load(text: str, first_line: int, max_values: int) -> Document:
    if _HAS_LIBYAML and not _NOT_SIMPLE.search(text):
        try:
            return Builder(first_line, max_values).build(_libyaml_events(text))
        except (DocumentRefusedError, yaml.YAMLError, ValueError):
            pass  # ruamel.yaml below says why
    return _load_slowly(text, first_line, max_values)


def _libyaml_events(text: str) -> Iterator[Any]:
    loader: Any = yaml.CLoader(text)
    try:
        while loader.check_event():
            event = loader.get_event()
            if getattr(event, "value", None) == "" and not event.style:
                raise ValueError("the parsers place a value that is not there differently")
            yield event
    finally:
        loader.dispose()


def _load_slowly(text: str, first_line: int, max_values: int) -> Document:
    try:
        events = YAML(typ="safe", pure=True).parse(text)
        return Builder(first_line, max_values).build(events)
    except DocumentRefusedError as error:
        return Document(None, problem=error.problem)
    except MarkedYAMLError as error:
        return Document(None, problem=_syntax(error, first_line))
    except (YAMLError, ValueError, OverflowError, AttributeError, NotImplementedError) as error:
        # ruamel reports control characters without a line, and some bad escapes as ValueError.
        said = str(error).partition("\n")[0] or type(error).__name__  # some say nothing at all
        message = f"This is not YAML: {said[:200]}."
        return Document(None, problem=Problem(_place(text, error, first_line), "yaml", message))


# A millisecond each, and most versions of a prompt share their front matter. Only small texts are
# kept, so hostile ones cannot fill the memory.
_load_again = lru_cache(maxsize=512)(_load)


def _syntax(error: MarkedYAMLError, first_line: int) -> Problem:
    mark = error.problem_mark or error.context_mark
    where = Mark(first_line + mark.line, mark.column + 1) if mark else Mark(first_line, 1)
    said = " ".join(str(part) for part in (error.context, error.problem) if part)
    return Problem(where, "yaml", f"This is not YAML: {said[:200]}.")


def _place(text: str, error: Exception, first_line: int) -> Mark:
    """ruamel's ReaderError knows only the offset of the character it refuses."""
    offset = getattr(error, "position", 0)
    before = text[:offset] if isinstance(offset, int) else ""
    line_start = before.rfind("\n") + 1
    return Mark(first_line + before.count("\n"), len(before) - line_start + 1)
