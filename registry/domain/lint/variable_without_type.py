"""A variable says nothing about its type.

Whatever is passed is accepted then, and a number where a text was meant is noticed by nobody. Give
the variable a `type`; `enum`, `const` and schemas made of other schemas (`anyOf`) say enough.
"""

from __future__ import annotations

from collections.abc import Iterator

from core.findings import Finding
from registry.domain.lint.rule import Rule
from registry.domain.lint.subject import Subject, reread

_TELLING = frozenset("type enum const anyOf oneOf allOf not if".split())


def check(subject: Subject) -> Iterator[Finding]:
    """One finding for each such variable, at its name."""
    for version in subject.versions():
        untyped = [name for name, schema in version.variables.items() if not _TELLING & {*schema}]
        read = reread(subject.head.files, version) if untyped else None
        if read is None:
            continue
        for name in untyped:
            mark = read[0].document.key_mark(("variables", name))
            message = f"The variable `{name}` has no type: every value is accepted."
            hint = f"{name}: {{type: string}}"
            at = (version.path, mark.line, mark.column)
            yield Finding(*at, RULE.severity, RULE.id, message, hint)


RULE = Rule("variable_without_type", "warning", __doc__, check)
