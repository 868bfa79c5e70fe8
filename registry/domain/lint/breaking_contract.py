"""Callers of the live version cannot call this one, or cannot read what it answers.

Compared with the version that `tags.yaml` calls `stable`: a variable was added without a default,
removed, or accepts less than before; a placeholder is gone; the prompt changed its type; or
`response_format` is another one. Promoting it breaks whoever does not change at the same moment. A
variable with a `default` breaks nobody.
"""

from __future__ import annotations

from collections.abc import Iterator

from core.findings import Finding
from registry.domain.contract import ContractChange, diff_contract
from registry.domain.lint.rule import Rule
from registry.domain.lint.subject import Subject, reread
from registry.domain.positions import Mark
from registry.domain.source import Source
from registry.domain.version import VersionContent


def check(subject: Subject) -> Iterator[Finding]:
    """The newest version of each prompt, when it is newer than what is stable."""
    for prompt, newest in subject.newest():
        number = subject.head.stable.get(prompt.name)
        stable = next((v for v in prompt.versions if v.number == number), None)
        if stable is None or newest.number <= stable.number:
            continue
        breaking = [change for change in diff_contract(stable, newest) if change.breaking]
        read = reread(subject.head.files, newest) if breaking else None
        for change in breaking:
            mark = _place(read[0], change, newest) if read else Mark(0, 0)
            message = f"Breaks callers of stable (v{stable.number}): {change.message}"
            yield Finding(newest.path, mark.line, mark.column, RULE.severity, RULE.id, message)


def _place(source: Source, change: ContractChange, version: VersionContent) -> Mark:
    if change.variable in version.variables:
        return source.document.key_mark(("variables", change.variable))
    keys = {"response_format_changed": ("parameters", "response_format"), "type_changed": ("type",)}
    return source.document.key_mark(keys.get(change.kind, ("variables",)))


RULE = Rule("breaking_contract", "warning", __doc__, check)
