"""From the bytes of prompts/<name>/vN.jinja2 to a VersionContent, or to findings."""

from __future__ import annotations

import copy
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from core.findings import Finding
from registry.domain.fields import Fields
from registry.domain.names import is_variable_name
from registry.domain.parameters import KEYS, read_parameters
from registry.domain.positions import Mark
from registry.domain.schemas import check_schema
from registry.domain.source import Source
from registry.domain.template.analysis import Analysis, analyse
from registry.domain.template.places import locate
from registry.domain.version import PromptType, VersionContent

MAX_FRONT_MATTER = 32_768
MAX_VARIABLES = 100
#: Findings of one kind for one file; a person fixes the first ones and looks again.
MAX_UNDECLARED = 20
_FENCE = "---"


@dataclass(frozen=True)
class Split:
    """A version's file cut in two. `first_line` is the file's line on which the body starts."""

    front: str
    body: str
    first_line: int


def parse_version(
    name: str, number: int, path: str, data: bytes, partials: Mapping[str, str]
) -> tuple[VersionContent | None, tuple[Finding, ...]]:
    """Read one version file.

    `partials` are the partial bodies of the repository by name ("partials/tone/v1"). With an
    error among the findings there is no content; warnings come beside it.
    """
    source = Source(path)
    text = source.decode(data)
    split = split_version(source, text) if text is not None else None
    if split is None or not source.load(split.front, first_line=2):
        return None, tuple(source.findings)
    fields = Fields(source, (), source.document.value, _KEYS)
    kind = _type(fields)
    variables = _variables(fields)
    parameters = read_parameters(fields.mapping("parameters", KEYS))
    description = fields.text("description")
    found = analyse(split.body, partials, kind=kind, path=path, first_line=split.first_line)
    source.findings.extend(found.findings)
    _compare(source, split, variables, found)
    findings = tuple(sorted(source.findings))
    if source.is_broken:
        return None, findings
    content = VersionContent(
        name=name,
        number=number,
        path=path,
        type=kind,
        description=description,
        variables=copy.deepcopy(variables),  # parsed documents are shared
        parameters=copy.deepcopy(dict(parameters)),
        source=split.body,
        first_line=split.first_line,
        partials={include: partials[include] for include in found.includes},
    )
    return content, findings


def parameter_mark(path: str, data: bytes, parameter: str) -> Mark:
    """Where a version's file says one of its `parameters`; the file as a whole when it is not
    readable any more.
    """
    source = Source(path)
    text = source.decode(data)
    split = split_version(source, text) if text is not None else None
    if split is None or not source.load(split.front, first_line=2):
        return Mark(0, 0)
    return source.document.mark(("parameters", parameter))


_KEYS = ("description", "type", "variables", "parameters")


def split_version(source: Source, text: str) -> Split | None:
    """Front matter exists when the first line is exactly `---`; None after a finding."""
    if not text.startswith(f"{_FENCE}\n"):
        return Split("", text, 1)
    end = text.find(f"\n{_FENCE}\n", len(_FENCE))
    if end < 0 and text.endswith(f"\n{_FENCE}"):
        end = len(text) - len(_FENCE) - 1
    if end < 0:
        mark = locate(text, 1, "")
        message = "The front matter that starts here has no closing `---` line."
        source.report_mark(mark, "front_matter_unclosed", message)
        return None
    front = text[len(_FENCE) + 1 : end + 1]
    if len(front) > MAX_FRONT_MATTER:
        message = f"The front matter has more than {MAX_FRONT_MATTER:,} characters."
        source.report_mark(locate(text, 1, ""), "front_matter_too_large", message)
        return None
    first_line = text.count("\n", 0, end) + 3
    return Split(front, text[end + len(_FENCE) + 2 :], first_line)


def _type(fields: Fields) -> PromptType:
    given = fields.text("type", "text")
    if given not in {"text", "chat"}:
        fields.wrong("type", "bad_value", "`type` is text or chat.")
    return "chat" if given == "chat" else "text"


def _variables(fields: Fields) -> dict[str, Mapping[str, Any]]:
    section = fields.mapping("variables", None)
    if len(section.values) > MAX_VARIABLES:
        fields.wrong("variables", "bad_value", f"A prompt has at most {MAX_VARIABLES} variables.")
        return {}
    for name, schema in section.values.items():
        at = (*section.at, name)
        if not is_variable_name(name):
            message = f"{name[:60]!r} cannot be a variable's name."
            section.source.report_key(at, "bad_name", message)
        for problem in check_schema(schema):
            report = section.source.report_key if problem.is_about_key else section.source.report
            report((*at, *problem.place), problem.code, problem.message)
    return section.values


def _compare(source: Source, split: Split, declared: Mapping[str, Any], found: Analysis) -> None:
    """Variables that are used and not declared, or declared and not used."""
    missing = [name for name in found.variables if name not in declared]
    for name in missing[:MAX_UNDECLARED]:
        line = found.variables[name]
        is_borrowed = name in found.borrowed
        user = "an included partial uses it" if is_borrowed else "it is used here"
        word = "include" if is_borrowed else name
        mark = locate(split.body, line - split.first_line + 1, word, split.first_line)
        message = f"The variable `{name[:60]}` is not declared; {user}."
        hint = f"add it under `variables`: {name[:60]}: {{type: string}}"
        source.report_mark(mark, "undeclared_variable", message, hint=hint)
    if any(finding.severity == "error" for finding in found.findings):
        return  # a template that was not understood does not show what it uses
    for name in declared:
        at = ("variables", name)
        if name in found.placeholders:
            message = f"`{name}` is declared as a variable and used as a placeholder."
            source.report_key(at, "placeholder_is_variable", message)
        elif name not in found.variables:
            message = f"The variable `{name[:60]}` is declared but not used."
            source.report_key(at, "unused_variable", message, severity="warning")
