"""Nunjucks templates as Jinja2 templates. What has no counterpart is named, not guessed."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field

from registry.domain.template.analysis import analyse

_PIECE = re.compile(
    r"(\{%-?\s*(?:raw|verbatim)\s*-?%\}.*?\{%-?\s*end(?:raw|verbatim)\s*-?%\})", re.DOTALL
)
_TAG = re.compile(r"(\{\{.*?\}\}|\{%.*?%\}|\{#.*?#\})", re.DOTALL)
_QUOTED = re.compile(r"(\"(?:[^\"\\]|\\.)*\"|'(?:[^'\\]|\\.)*')")
_NAME = re.compile(r"(?<![\w.$|])([A-Za-z_$][\w$]*)(?![\w$(])")
_PRINTED = re.compile(r"\{\{-?\s*([A-Za-z_$][\w$]*)\s*-?\}\}")
_WORDS = frozenset(
    "and or not in is if else elif elseif endif for endfor set endset true false none null "
    "undefined loop raw endraw verbatim True False None defined".split()
)
#: Nunjucks tags that Assay's templates do not have.
_REFUSED = re.compile(
    r"\{%-?\s*(macro|call|import|from|extends|block|include|filter|asyncEach|asyncAll|ifAsync)\b"
)
_REGEX = re.compile(r"\br/(?:[^/\\\s]|\\.)+/[gimy]*")
#: (pattern, replacement) outside of quoted texts, in this order.
_SPELLINGS = (
    (re.compile(r"==="), "=="),
    (re.compile(r"!=="), "!="),
    (re.compile(r"(?<=[\w\])])\.length\b(?!\()"), "|length"),
    (re.compile(r"\|\s*dump\b"), "| tojson"),
    (re.compile(r"\|\s*safe\b"), ""),
    (re.compile(r"\b(?:null|undefined)\b"), "none"),
)


@dataclass(frozen=True)
class Converted:
    """A Jinja2 body; or `problem`, the reason why there is none.

    `printed` are variables that are only ever printed as they are; a value of any type can then be
    given as the text JavaScript would print.
    """

    text: str
    names: frozenset[str] = frozenset()
    printed: frozenset[str] = frozenset()
    differences: tuple[str, ...] = field(default=())
    problem: str = ""


def convert(text: str, renamed: Mapping[str, str] | None = None) -> Converted:
    """One template. `renamed` maps variable names to the names they have in Assay."""
    if problem := _problem(text):
        return Converted("", problem=problem)
    names: set[str] = set()
    worked_on: set[str] = set()
    written: list[str] = []
    for index, piece in enumerate(_PIECE.split(text)):
        if index % 2:
            written.append(piece.replace("verbatim", "raw"))
            continue
        for tag_index, part in enumerate(_TAG.split(piece)):
            if not tag_index % 2 or part.startswith("{#"):
                written.append(part)
                continue
            found = _names(part)
            names |= found
            if not _PRINTED.fullmatch(part):
                worked_on |= found
            written.append(_tag(part, renamed or {}))
    body = "".join(written)
    printed = {_renamed(name, renamed) for name in names - worked_on}
    used = _used(body, {_renamed(name, renamed) for name in names})
    return Converted(body, used, used & printed, tuple(_differences(text)))


def _renamed(name: str, renamed: Mapping[str, str] | None) -> str:
    return (renamed or {}).get(name, name)


def _used(body: str, guessed: set[str]) -> frozenset[str]:
    """The variables of a body, as Assay sees them; those that were guessed when it is refused."""
    found = analyse(body, {}, kind="partial")
    return frozenset(guessed if found.findings else found.variables)


def literal(text: str) -> str:
    """A Jinja2 body that prints `text` as it stands."""
    return re.sub(r"\{([{%#])", lambda found: '{{ "{' + found[1] + '" }}', text)


def _problem(text: str) -> str:
    if found := _REFUSED.search(text):
        return f"it uses `{{% {found[1]} %}}`, which Assay's templates do not have"
    for tag in _TAG.findall(text):
        if tag.startswith("{#"):
            continue
        bare = _QUOTED.sub("''", tag)
        if re.search(r"(?<![\w.])(?:env|process)\s*[.\[]", bare):
            return "it reads the environment (`env`), which prompts in Assay never do"
        if re.search(r"(?<![\w.])_conversation\b", bare):
            return "it loops over `_conversation`, the turns of tests that run one after the other"
        if "| load" in bare or "|load" in bare or _REGEX.search(bare):
            return "it computes with Nunjucks-only syntax"
        if re.search(r"\|\s*(?:escape|e|nl2br|urlencode|groupby)\b", bare):
            return "it uses a filter that Assay does not have"
    return ""


def _differences(text: str) -> list[str]:
    said = []
    tags = [_QUOTED.sub("''", tag) for tag in _TAG.findall(text) if not tag.startswith("{#")]
    if any(re.search(r"[A-Za-z_]\w*\s*(?:\.[A-Za-z_](?!ength)|\[)", tag) for tag in tags):
        said.append("a missing field of an object prints nothing in Nunjucks and is an error here")
    if any(re.search(r"\{%-?\s*for\s+\w+\s*,", tag) for tag in tags):
        said.append("Nunjucks loops over the pairs of an object; Jinja2 needs `.items()`")
    return said


def _names(tag: str) -> set[str]:
    bare = _QUOTED.sub("''", tag[2:-2])
    bare = re.sub(r"\|\s*[A-Za-z_]\w*", "", bare)
    bare = re.sub(r"\bis\s+(?:not\s+)?[a-z]+", "", bare)
    bound = set(re.findall(r"\bset\s+(\w+)", bare))
    for targets in re.findall(r"\bfor\s+(.+?)\s+in\b", bare):
        bound |= set(re.findall(r"\w+", targets))
    return {name for name in _NAME.findall(bare) if name not in _WORDS} - bound


def _tag(tag: str, renamed: Mapping[str, str]) -> str:
    parts = _QUOTED.split(tag)
    for index in range(0, len(parts), 2):
        part = parts[index]
        for pattern, replacement in _SPELLINGS:
            part = pattern.sub(replacement, part)
        part = re.sub(r"(\{%-?\s*)elseif\b", r"\1elif", part)
        parts[index] = _NAME.sub(lambda found: renamed.get(found[1], found[1]), part)
    return "".join(parts)
