"""tags.yaml: which version each tag of each prompt points at."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache

from core.findings import Finding
from registry.domain.fields import Fields
from registry.domain.names import RESERVED_TAGS, is_name, is_prompt_name, version_number
from registry.domain.source import MAX_REGISTER_BYTES, Source

#: What a canary without a weight gets: the smallest share people usually start with.
DEFAULT_CANARY_WEIGHT = 10


@dataclass(frozen=True)
class LiveTag:
    """One line of tags.yaml. `model` is None when neither it nor prompt.yaml names one."""

    prompt: str
    tag: str
    version: int
    model: str | None = None
    #: Percent of the traffic, for a canary; None when the file does not say.
    weight: int | None = None


@dataclass(frozen=True)
class Entry:
    """A LiveTag and where it stands, so that what it names can be checked afterwards."""

    live: LiveTag
    line: int
    column: int


# Ten thousand prompts take a while, and a change and its base mostly have the same file.
@lru_cache(maxsize=2)
def parse_live(path: str, data: bytes) -> tuple[tuple[Entry, ...], tuple[Finding, ...]]:
    """tags.yaml as written. A tag with a mistake is left out; the others are still there."""
    source = Source(path)
    text = source.decode(data, MAX_REGISTER_BYTES)
    if text is None or not source.load(text, is_register=True):
        return (), tuple(source.findings)
    top = Fields(source, (), source.document.value, None)
    entries: list[Entry] = []
    for prompt in top.values:
        if not is_prompt_name(prompt):
            source.report_key((prompt,), "bad_name", f"{prompt[:60]!r} cannot be a prompt.")
            continue
        tags = top.mapping(prompt, None)
        entries += [entry for tag in tags.values if (entry := _entry(prompt, tags, tag))]
    return tuple(entries), tuple(source.findings)


def _entry(prompt: str, tags: Fields, tag: str) -> Entry | None:
    source, at = tags.source, (*tags.at, tag)
    before = len(source.findings)
    if not is_name(tag) or tag in RESERVED_TAGS:
        source.report_key(at, "bad_name", f"{tag[:60]!r} cannot be a tag.")
    model: str | None = None
    weight: int | None = None
    written = tags.values[tag]
    if isinstance(written, str):
        version = _version(tags, tag)
    elif not isinstance(written, dict):
        tags.wrong(tag, "wrong_type", "Write a version like v3, or {version: v3, model: …}.")
        return None
    else:
        fields = tags.mapping(tag, ("version", "model", "weight"))
        fields.text("version", is_required=True)
        version = _version(fields, "version")
        model = fields.name("model", is_name)
        if "weight" in fields:
            weight = fields.integer("weight", 0, 0, 100)
    if version is None or len(source.findings) > before:
        return None
    mark = source.document.key_mark(at)
    return Entry(LiveTag(prompt, tag, version, model, weight), mark.line, mark.column)


def _version(fields: Fields, key: str) -> int | None:
    text = fields.values.get(key)
    number = version_number(text) if isinstance(text, str) else None
    if isinstance(text, str) and number is None:
        fields.wrong(key, "bad_value", f"{text[:60]!r} is not a version like v3.")
    return number
