"""What the rules look at: a parsed repository, its files, and what they were before."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property

from registry.domain.files import Files
from registry.domain.layout import Layout, sort_paths
from registry.domain.parsing import Split, split_version
from registry.domain.repository import ParsedPrompt, ParsedRepository
from registry.domain.source import Source
from registry.domain.token_count import Counted, CountTokens, Row, estimated
from registry.domain.version import VersionContent

STABLE = "stable"


@dataclass(frozen=True)
class State:
    """A repository at one moment."""

    files: Files
    parsed: ParsedRepository

    @cached_property
    def layout(self) -> Layout:
        """What each path means."""
        return sort_paths(self.files.paths())

    @cached_property
    def stable(self) -> dict[str, int]:
        """Prompt -> the version that tags.yaml calls stable."""
        return {live.prompt: live.version for live in self.parsed.live if live.tag == STABLE}

    @cached_property
    def models(self) -> dict[str, str]:
        """Prompt -> the model that it is for."""
        return models_of(self.parsed)


@dataclass(frozen=True)
class Subject:
    """What is linted.

    `base` is what was published before, None when nobody said. `changed` are the paths that differ
    from it: `parsed` then holds only what they touch; None means that all of it is there.
    `count_tokens` tells how long texts are on a model.
    """

    head: State
    base: State | None = None
    changed: frozenset[str] | None = None
    count_tokens: CountTokens = estimated

    def versions(self) -> Iterator[VersionContent]:
        """Every version that could be read."""
        for prompt in self.head.parsed.prompts.values():
            yield from prompt.versions

    def newest(self) -> Iterator[tuple[ParsedPrompt, VersionContent]]:
        """Every prompt that has a version, with its newest one."""
        for prompt in self.head.parsed.prompts.values():
            if prompt.versions:
                yield prompt, prompt.versions[-1]

    def count(self, asked: Sequence[tuple[str | None, Row]]) -> list[Counted]:
        """The tokens of each row of texts on its model, in order. Each model is asked once."""
        by_model: dict[str | None, list[int]] = defaultdict(list)
        for place, (model, _) in enumerate(asked):
            by_model[model].append(place)
        counted: dict[int, Counted] = {}
        for model, places in by_model.items():
            pin = self.head.parsed.models.get(model or "")
            rows = [asked[place][1] for place in places]
            counted.update(zip(places, self.count_tokens(pin, rows), strict=True))
        return [counted[place] for place in range(len(asked))]

    def is_new(self, path: str) -> bool:
        """Whether the file may be what the change is about."""
        return self.changed is None or path in self.changed


def models_of(parsed: ParsedRepository) -> dict[str, str]:
    """Prompt -> the model of prompt.yaml, else that of what is stable, where one is named."""
    live = {one.prompt: one.model for one in parsed.live if one.tag == STABLE}
    asked = {name: prompt.model or live.get(name) for name, prompt in parsed.prompts.items()}
    return {name: model for name, model in asked.items() if model}


def text_of(files: Files, path: str) -> str | None:
    """The file as text with LF line ends; None when it cannot be read as text."""
    try:
        data = files.read(path)
    except KeyError:
        return None
    return Source(path).decode(data, len(data))


def reread(files: Files, content: VersionContent) -> tuple[Source, Split] | None:
    """The file of a version that was parsed before, with the places of what it declares."""
    source = Source(content.path)
    text = text_of(files, content.path)
    split = split_version(source, text) if text is not None else None
    if split is None or not source.load(split.front, first_line=2):
        return None
    return source, split
