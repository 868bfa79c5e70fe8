"""What a rule is: an id, a severity, a page of documentation, and a pure function."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass

from core.findings import Finding, Severity
from registry.domain.lint.subject import Subject
from registry.domain.positions import Mark


@dataclass(frozen=True, slots=True)
class Edit:
    """One replacement on one line: `old` at `mark` becomes `new`."""

    mark: Mark
    old: str
    new: str


@dataclass(frozen=True, slots=True)
class Rule:
    """A rule about the repository as a whole. `can_be_ignored` False: the server refuses it too."""

    id: str
    severity: Severity
    documentation: str
    check: Callable[[Subject], Iterator[Finding]]
    can_be_ignored: bool = True


@dataclass(frozen=True, slots=True)
class TextRule:
    """A rule about one file at a time: (path, text with LF line ends) -> findings.

    `fix` gives the edit that settles a finding and changes the meaning of nothing; None when there
    is none.
    """

    id: str
    severity: Severity
    documentation: str
    check: Callable[[str, str], Iterator[Finding]]
    fix: Callable[[str, Finding], Edit | None] | None = None
    can_be_ignored: bool = True


@dataclass(frozen=True, slots=True)
class RuleDoc:
    """A rule as the reference page shows it."""

    id: str
    severity: Severity
    text: str
    has_fix: bool
