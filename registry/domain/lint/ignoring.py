"""`assay: ignore=<id> reason`: comments that take a finding back, for a reason.

    # assay: ignore=unpinned_model the weights are pinned in our cluster
    {# assay: ignore=secret made up for the example #}
    <!-- assay: ignore=secret made up for the example -->

A comment holds for its own line; alone on its line, for the next line with something else on it; at
the very top of a file (in front matter: right below `---`), for the whole file.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable, Iterator
from dataclasses import dataclass

from core.findings import Finding
from registry.domain.lint.yaml_parts import yaml_lines

UNUSED, WITHOUT_REASON, REFUSED = "ignore_unused", "ignore_without_reason", "ignore_refused"

_SIGN = "assay:"
_IGNORE = r"assay:\s*ignore=(?P<ids>[\w,-]*)[ \t]*(?P<reason>.*?)\s*"
_IN_YAML = re.compile(rf"(?:^|(?<=\s))(?P<all>#\s*{_IGNORE})$")
_IN_JINJA = re.compile(rf"(?P<all>\{{#-?\s*{_IGNORE}-?#\}})")
_IN_MARKDOWN = re.compile(rf"(?P<all><!--\s*{_IGNORE}-->)")
_YAML_COMMENT = re.compile(r"^\s*#.*$")
_JINJA_COMMENT, _MARKDOWN_COMMENT = re.compile(r"\{#.*?#\}"), re.compile(r"<!--.*?-->")


@dataclass(frozen=True, slots=True)
class Ignore:
    """One comment. `target` is the line it is about; None: the whole file."""

    path: str
    line: int
    column: int
    ids: tuple[str, ...]
    reason: str
    target: int | None
    text: str

    def covers(self, finding: Finding) -> bool:
        """Whether it speaks of this finding."""
        is_there = self.target is None or self.target == finding.line
        return self.path == finding.path and is_there and finding.code in self.ids


@dataclass(frozen=True)
class Ignored:
    """What is left, and how many findings were taken back."""

    findings: tuple[Finding, ...]
    count: int


def read_ignores(path: str, text: str) -> Iterator[Ignore]:
    """The comments of one file. Files without comments of their own (JSON, CSV) have none."""
    if _SIGN not in text or not path.endswith((".yaml", ".jinja2", ".md")):
        return
    lines = text.split("\n")
    yaml = yaml_lines(path, text)
    for number, line in enumerate(lines, 1):
        found = _pattern(path, number in yaml).search(line) if _SIGN in line else None
        if found is None:
            continue
        yield Ignore(
            path=path,
            line=number,
            column=found.start("all") + 1,
            ids=tuple(id_ for id_ in found["ids"].split(",") if id_),
            reason=found["reason"],
            target=_target(path, lines, number, yaml),
            text=found["all"],
        )


def _pattern(path: str, is_yaml: bool) -> re.Pattern[str]:
    if is_yaml:
        return _IN_YAML
    return _IN_MARKDOWN if path.endswith(".md") else _IN_JINJA


def _target(path: str, lines: list[str], number: int, yaml: range) -> int | None:
    def is_empty(at: int) -> bool:
        rest = _pattern_of_comments(path, at in yaml).sub("", lines[at - 1])
        return not rest.strip()

    if not is_empty(number):
        return number
    if all(map(is_empty, range(yaml.start if yaml else 1, number))):
        return None
    following = range(number + 1, len(lines) + 1)
    return next((at for at in following if not is_empty(at)), number)


def _pattern_of_comments(path: str, is_yaml: bool) -> re.Pattern[str]:
    if is_yaml:
        return _YAML_COMMENT
    return _MARKDOWN_COMMENT if path.endswith(".md") else _JINJA_COMMENT


def apply_ignores(
    findings: Iterable[Finding], ignores: Iterable[Ignore], soft: Collection[str]
) -> Ignored:
    """Take back what a comment with a reason speaks of.

    Warnings can be taken back, and errors whose codes are in `soft`. Every other error stays: the
    server refuses the file for it, whatever a comment says.
    """
    by_path: dict[str, list[Ignore]] = {}
    for ignore in ignores:
        by_path.setdefault(ignore.path, []).append(ignore)
    kept: list[Finding] = []
    found: dict[Ignore, set[str]] = {}
    ignored = 0
    for finding in findings:
        covering = [one for one in by_path.get(finding.path, ()) if one.covers(finding)]
        for one in covering:
            found.setdefault(one, set()).add(finding.code)
        can_be = finding.severity == "warning" or finding.code in soft
        if can_be and any(one.reason for one in covering):
            ignored += 1
        else:
            kept.append(finding)
    for ones in by_path.values():
        for one in ones:
            kept += _judged(one, found.get(one, set()), kept)
    return Ignored(tuple(kept), ignored)


def _judged(ignore: Ignore, found: set[str], kept: list[Finding]) -> list[Finding]:
    """What is wrong with a comment itself."""
    at = (ignore.path, ignore.line, ignore.column)
    if not ignore.reason or not ignore.ids:
        message = "An ignore says what it ignores, and why."
        hint = "write: assay: ignore=<id> <reason>"
        return [Finding(*at, "warning", WITHOUT_REASON, message, hint)]
    about = []
    for id_ in ignore.ids:
        if id_ not in found:
            message = f"There is no `{id_[:60]}` here to be ignored."
            about.append(Finding(*at, "warning", UNUSED, message, "remove the comment"))
        elif any(ignore.covers(one) and one.code == id_ for one in kept):
            message = f"`{id_}` cannot be ignored: the server refuses the file for it."
            about.append(Finding(*at, "warning", REFUSED, message))
    return about
