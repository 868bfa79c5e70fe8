"""What a template needs from outside, found without running it."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Literal

from core.findings import Finding
from registry.domain.flattening import flatten
from registry.domain.names import is_prompt_name, is_variable_name
from registry.domain.template.inspection import Trouble, parse
from registry.domain.template.names_used import Inclusion, Usage, usage
from registry.domain.template.places import locate
from registry.domain.template.rewriting import (
    MAX_EXPANDED_NODES,
    MAX_EXPANDED_TEXT,
    MAX_INCLUDE_DEPTH,
)
from registry.domain.version import VersionContent

_PARTIAL = re.compile(r"partials/(.+)/v[1-9][0-9]{0,5}")

Kind = Literal["text", "chat", "partial"]


@dataclass(frozen=True)
class Analysis:
    """What one template uses. Lines are those of the file."""

    #: Variable -> line of its first use; for use inside a partial, the line of the include.
    variables: Mapping[str, int] = field(default_factory=dict)
    #: Those of them that only an included partial uses.
    borrowed: frozenset[str] = frozenset()
    #: Every partial that is needed, directly or not: "partials/tone/v1".
    includes: tuple[str, ...] = ()
    placeholders: tuple[str, ...] = ()
    findings: tuple[Finding, ...] = ()


@dataclass(frozen=True)
class _Facts:
    """One body on its own."""

    usage: Usage | None
    node_count: int
    troubles: tuple[Trouble, ...]


@dataclass(frozen=True)
class _Reach:
    """A partial with everything below it."""

    names: frozenset[str]
    includes: frozenset[str]
    node_count: int
    text_length: int
    height: int


class _IncludeError(Exception):
    """Why a partial cannot be included."""

    def __init__(self, code: str, message: str) -> None:
        super().__init__(message)
        self.code = code
        self.message = message


def analyse(
    source: str,
    partials: Mapping[str, str],
    *,
    kind: Kind = "text",
    path: str = "",
    first_line: int = 1,
) -> Analysis:
    """Everything there is to know about a body without rendering it.

    `partials` are the bodies that may be included, by name ("partials/tone/v1"). `path` and
    `first_line` (the file's line on which `source` starts) only place the findings.
    """
    facts = _facts(source)
    if facts.usage is None:
        return Analysis(findings=_findings(facts.troubles, source, path, first_line))
    used = facts.usage
    names, includes, troubles = _follow(facts, partials)
    troubles += [*used.troubles, *_kind_troubles(kind, used), *_placeholder_troubles(used)]
    return Analysis(
        {name: line + first_line - 1 for name, line in names.items()},
        frozenset(names.keys() - used.names.keys()),
        tuple(sorted(includes)),
        tuple(used.placeholders),
        _findings(troubles, source, path, first_line),
    )


def placeholder_names(content: VersionContent) -> tuple[str, ...]:
    """The placeholders of a version, in order of appearance."""
    used = _facts(content.source).usage
    return tuple(used.placeholders) if used else ()


def reading_order(content: VersionContent) -> tuple[str, ...]:
    """Variables and placeholders in the order in which a model reads them, those of partials where
    these are included; what the template does not use comes last.
    """
    used = _facts(flatten(content.source, content.partials)).usage
    said = used.order if used else []
    return tuple(dict.fromkeys((*said, *sorted(content.variables))))


@lru_cache(maxsize=256)  # a partial is looked at once, however many prompts include it
def _facts(source: str) -> _Facts:
    parsed = parse(source)
    used = usage(parsed.tree) if parsed.tree is not None else None
    return _Facts(used, parsed.node_count, parsed.troubles)


def _findings(
    troubles: list[Trouble] | tuple[Trouble, ...], source: str, path: str, first_line: int
) -> tuple[Finding, ...]:
    found = []
    for trouble in troubles:
        mark = locate(source, trouble.line, trouble.word, first_line)
        at = (path, mark.line, mark.column)
        found.append(Finding(*at, "error", trouble.code, trouble.message))
    return tuple(sorted(found))


def _kind_troubles(kind: Kind, used: Usage) -> list[Trouble]:
    if kind == "chat":
        return used.loose[:5] + ([] if used.chats or used.placeholders else [_no_chat()])
    word = "text prompt" if kind == "text" else "partial"
    message = f"A {word} cannot hold chat blocks or placeholders."
    lines = [(line, "chat") for line in used.chats]
    lines += [(line, "placeholder") for line in used.placeholders.values()]
    return [Trouble(line, "chat_in_text", message, tag) for line, tag in sorted(lines)[:5]]


def _no_chat() -> Trouble:
    return Trouble(1, "chat_empty", "A chat prompt has at least one chat block.")


def _placeholder_troubles(used: Usage) -> Iterator[Trouble]:
    for name, line in used.placeholders.items():
        if not is_variable_name(name):
            message = f"{name[:60]!r} cannot be a placeholder's name."
            yield Trouble(line, "bad_name", message, "placeholder")
        elif name in used.names:
            message = f"{name!r} is used as a variable and as a placeholder."
            yield Trouble(line, "placeholder_is_variable", message, "placeholder")


def _follow(
    facts: _Facts, partials: Mapping[str, str]
) -> tuple[dict[str, int], set[str], list[Trouble]]:
    """Names and partials of a body and all it includes."""
    assert facts.usage is not None
    reacher = _Reacher(partials)
    names = dict(facts.usage.names)
    includes: set[str] = set()
    troubles: list[Trouble] = []
    node_count, text_length = facts.node_count, facts.usage.text_length
    for inclusion in facts.usage.inclusions:
        try:
            reach = reacher.included(inclusion, ())
        except _IncludeError as error:
            troubles.append(Trouble(inclusion.line, error.code, error.message, "include"))
            continue
        assert inclusion.target is not None
        includes |= {inclusion.target, *reach.includes}
        node_count += reach.node_count
        text_length += reach.text_length
        for name in sorted(reach.names - inclusion.known):
            names.setdefault(name, inclusion.line)
    if node_count > MAX_EXPANDED_NODES or text_length > MAX_EXPANDED_TEXT:
        message = "The template is too large with its includes written out."
        troubles.append(Trouble(1, "template_too_large", message))
    return names, includes, troubles


class _Reacher:
    """Follows includes, each partial once."""

    def __init__(self, partials: Mapping[str, str]) -> None:
        self.partials = partials
        self.known: dict[str, _Reach] = {}

    def included(self, inclusion: Inclusion, chain: tuple[str, ...]) -> _Reach:
        target = inclusion.target
        if target is None or not _is_fixed(target):
            message = 'Include a fixed version, like {% include "partials/tone/v1" %}.'
            raise _IncludeError("include_not_fixed", message)
        if target in chain:
            shown = " → ".join((*chain[chain.index(target) :], target))
            raise _IncludeError("include_cycle", f"Includes go round in a circle: {shown}.")
        if target not in self.partials:
            message = f"There is no prompts/{target}.jinja2."
            raise _IncludeError("include_missing", message)
        if target not in self.known:
            self._check_depth(len(chain) + 1)
            self.known[target] = self._reach(target, (*chain, target))
        self._check_depth(len(chain) + self.known[target].height)
        return self.known[target]

    @staticmethod
    def _check_depth(depth: int) -> None:
        if depth > MAX_INCLUDE_DEPTH:
            message = f"Includes are nested more than {MAX_INCLUDE_DEPTH} deep."
            raise _IncludeError("include_too_deep", message)

    def _reach(self, target: str, chain: tuple[str, ...]) -> _Reach:
        facts = _facts(self.partials[target])
        used = facts.usage
        if used is None or used.chats or used.placeholders:
            message = f"{target} cannot be included; see the findings of prompts/{target}.jinja2."
            raise _IncludeError("include_broken", message)
        names, includes = set(used.names), set[str]()
        node_count, text_length, height = facts.node_count, used.text_length, 1
        for inclusion in used.inclusions:
            below = self.included(inclusion, chain)
            assert inclusion.target is not None
            names |= below.names - inclusion.known
            includes |= {inclusion.target, *below.includes}
            node_count += below.node_count
            text_length += below.text_length
            height = max(height, below.height + 1)
        return _Reach(frozenset(names), frozenset(includes), node_count, text_length, height)


def _is_fixed(target: str) -> bool:
    found = _PARTIAL.fullmatch(target)
    return found is not None and is_prompt_name(found[1])
