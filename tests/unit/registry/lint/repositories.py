"""Small repositories, before and after."""

from __future__ import annotations

from core.findings import Finding
from registry.domain.files import MemoryFiles
from registry.domain.lint import Rule, State, Subject, TextRule
from registry.domain.repository import parse_repository
from registry.domain.token_count import CountTokens, estimated

HEAD = "---\nvariables: {ticket: {type: string}}\n---\n"
V1 = HEAD + "Ticket: {{ ticket }}\n"


def files(**contents: str) -> MemoryFiles:
    return MemoryFiles({path: text.encode() for path, text in contents.items()})


def state(**contents: str) -> State:
    made = files(**contents)
    return State(made, parse_repository(made))


def found(
    rule: Rule,
    head: dict[str, str],
    base: dict[str, str] | None = None,
    count_tokens: CountTokens = estimated,
) -> list[Finding]:
    """What one rule finds in a repository whose files are readable."""
    before = state(**base) if base is not None else None
    return list(rule.check(Subject(state(**head), before, count_tokens=count_tokens)))


def found_in(rule: TextRule, path: str, text: str) -> list[Finding]:
    return list(rule.check(path, text))


def places(findings: list[Finding]) -> list[tuple[str, int, int]]:
    return [(one.path, one.line, one.column) for one in findings]
