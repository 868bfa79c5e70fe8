"""Change single entries of tags.yaml, and leave everything else of the file as people wrote it.

An entry is replaced where it stands, so comments, order and style of all others stay. What is
written in a way this cannot handle (anchors, nested flow mappings) goes through ruamel.yaml's round
trip. Either way the result is read again: it must say exactly what was asked for, and nothing else
may have changed.
"""

from __future__ import annotations

import io
from collections.abc import Mapping
from typing import Any, cast

import yaml
from ruamel.yaml import YAML
from ruamel.yaml.comments import CommentedMap
from ruamel.yaml.error import YAMLError

from core.errors import RefusedError
from registry.domain.live import LiveTag, parse_live
from registry.domain.source import MAX_REGISTER_BYTES

PATH = "tags.yaml"
_BOM = "\N{ZERO WIDTH NO-BREAK SPACE}"
_LOADER = getattr(yaml, "CBaseLoader", yaml.BaseLoader)

#: `(prompt, tag)`.
Key = tuple[str, str]


class TagsFileError(RefusedError):
    """tags.yaml cannot be changed without touching what others wrote."""

    code = "tags_file"
    hint = "write each tag as `tag: {version: v3, model: name}` below its prompt"


def rewritten(data: bytes, wanted: Mapping[Key, LiveTag | None]) -> bytes:
    """tags.yaml with these entries as wanted; None: without it. Raises TagsFileError."""
    text = _decoded(data)
    before = _entries(data)
    after = {key: tag for key, tag in before.items() if key not in wanted}
    after |= {key: tag for key, tag in wanted.items() if tag is not None}
    if after == before:
        return data
    for edit in (_edited_in_place, _edited_by_round_trip):
        changed = {k: v for k, v in wanted.items() if before.get(k) != v}
        result = edit(text, changed)
        if result is not None and _says(result.encode(), after):
            return result.encode()
    raise TagsFileError("tags.yaml is written in a way that Assay cannot change safely")


def _decoded(data: bytes) -> str:
    if len(data) > MAX_REGISTER_BYTES:
        raise TagsFileError(f"tags.yaml has {len(data):,} bytes, more than Assay reads")
    try:
        return data.decode("utf-8")
    except UnicodeDecodeError:
        raise TagsFileError("tags.yaml is not UTF-8 text") from None


def _entries(data: bytes) -> dict[Key, LiveTag]:
    entries, findings = parse_live(PATH, data)
    broken = next((one for one in findings if one.severity == "error"), None)
    if broken is not None:
        raise TagsFileError(f"tags.yaml has a mistake in line {broken.line}: {broken.message}")
    return {(entry.live.prompt, entry.live.tag): entry.live for entry in entries}


def _says(data: bytes, wanted: Mapping[Key, LiveTag]) -> bool:
    try:
        return _entries(data) == wanted
    except TagsFileError:
        return False


def _edited_in_place(text: str, wanted: Mapping[Key, LiveTag | None]) -> str | None:
    """One entry after the other, last ones first, so that the places of the others stay."""
    mark = _BOM if text.startswith(_BOM) else ""
    text = text.removeprefix(_BOM)
    end = "\r\n" if "\r\n" in text else "\n"
    if text and not text.endswith("\n"):
        text += end
    root = _composed(text)
    if root is _UNREADABLE:
        return None
    prompts = _children(root)
    edits: list[tuple[int, int, str]] = []
    fresh: dict[str, list[str]] = {}
    for (prompt, tag), live in wanted.items():
        found = prompts.get(prompt)
        if found is None:
            if live is not None:
                fresh.setdefault(prompt, []).append(f"  {_scalar(tag)}: {_written(live)}{end}")
            continue
        edit = _edit(text, found, tag, live, end)
        if edit is None:
            return None
        edits.append(edit)
    for start, stop, replacement in sorted(edits, reverse=True):
        text = text[:start] + replacement + text[stop:]
    text += "".join(f"{_scalar(prompt)}:{end}{''.join(lines)}" for prompt, lines in fresh.items())
    return mark + text


_UNREADABLE = object()


def _composed(text: str) -> Any:
    try:
        return yaml.compose(text, Loader=_LOADER)
    except (yaml.YAMLError, ValueError, RecursionError):
        return _UNREADABLE


def _children(node: Any) -> dict[str, tuple[Any, Any]]:
    """`key -> (key node, value node)` of a mapping; nothing for anything else."""
    if not isinstance(node, yaml.MappingNode):
        return {}
    return {
        key.value: (key, value)
        for key, value in cast("list[tuple[Any, Any]]", node.value)
        if isinstance(key, yaml.ScalarNode)
    }


def _edit(
    text: str, found: tuple[Any, Any], tag: str, live: LiveTag | None, end: str
) -> tuple[int, int, str] | None:
    """`(start, stop, replacement)`, or None for what is not written in the usual way."""
    _, tags = found
    if not isinstance(tags, yaml.MappingNode) or not tags.value:
        return None
    entry = _children(tags).get(tag)
    if tags.flow_style:
        return _edit_in_flow(tags, entry, tag, live)
    if entry is None:
        return None if live is None else _inserted(text, tags, tag, live, end)
    if live is None:
        # The only one takes its prompt with it.
        first = found[0] if len(tags.value) == 1 else entry[0]
        return (*_lines(text, first, entry[1]), "")
    _, value = entry
    return value.start_mark.index, _last(value).end_mark.index, _written(live)


def _edit_in_flow(
    tags: Any, entry: tuple[Any, Any] | None, tag: str, live: LiveTag | None
) -> tuple[int, int, str] | None:
    if live is None:
        return None
    if entry is None:
        at = tags.value[-1][1].end_mark.index
        return at, at, f", {_scalar(tag)}: {_written(live)}"
    return entry[1].start_mark.index, entry[1].end_mark.index, _written(live)


def _inserted(text: str, tags: Any, tag: str, live: LiveTag, end: str) -> tuple[int, int, str]:
    """A new line after the last entry, indented as the first one."""
    last = _last(tags)
    at = text.find("\n", last.end_mark.index) + 1 or len(text)
    indent = " " * tags.value[0][0].start_mark.column
    return at, at, f"{indent}{_scalar(tag)}: {_written(live)}{end}"


def _lines(text: str, first: Any, last: Any) -> tuple[int, int]:
    """The whole lines from the key to the end of its value."""
    start = text.rfind("\n", 0, first.start_mark.index) + 1
    return start, text.find("\n", _last(last).end_mark.index) + 1 or len(text)


def _last(node: Any) -> Any:
    """The node that ends where the text of `node` does: a block mapping ends a token later."""
    while isinstance(node, yaml.MappingNode) and not node.flow_style and node.value:
        node = node.value[-1][1]
    return node


def _written(live: LiveTag) -> str:
    """`v3`, or `{version: v3, model: name, weight: 10}`."""
    if live.model is None and live.weight is None:
        return f"v{live.version}"
    parts = [f"version: v{live.version}"]
    parts += [f"model: {_scalar(live.model)}"] if live.model is not None else []
    parts += [f"weight: {live.weight}"] if live.weight is not None else []
    return "{" + ", ".join(parts) + "}"


def _scalar(name: str) -> str:
    """Names such as `7b`, `1.5` and `null` would be read as something else."""
    is_plain = name[0].isalpha() and name not in ("null", "true", "false")
    return name if is_plain else f'"{name}"'


def _edited_by_round_trip(text: str, wanted: Mapping[Key, LiveTag | None]) -> str | None:
    loader = YAML()
    loader.preserve_quotes, loader.width = True, 4096
    out = io.StringIO()
    try:
        document = loader.load(text)
        document = CommentedMap() if document is None else document
        for (prompt, tag), live in wanted.items():
            _set(document, prompt, tag, live)
        loader.dump(document, out)
    except (YAMLError, ValueError, TypeError, AttributeError, RecursionError):
        return None
    return out.getvalue()


def _set(document: Any, prompt: str, tag: str, live: LiveTag | None) -> None:
    if live is None:
        document.get(prompt, {}).pop(tag, None)
        if not document.get(prompt, True):
            del document[prompt]
        return
    value = CommentedMap({"version": f"v{live.version}"})
    value |= {"model": live.model} if live.model is not None else {}
    value |= {"weight": live.weight} if live.weight is not None else {}
    value.fa.set_flow_style()
    tags = document.get(prompt)
    if not isinstance(tags, CommentedMap):
        tags = document[prompt] = CommentedMap()
    tags[tag] = value
