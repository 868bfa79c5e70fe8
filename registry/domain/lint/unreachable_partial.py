"""No prompt includes this partial, neither directly nor through another one.

Either a version forgot it, or it can go. Partials that only other unused partials include are
reported too.
"""

from __future__ import annotations

from collections.abc import Iterator

from core.findings import Finding
from registry.domain.lint.rule import Rule
from registry.domain.lint.subject import Subject


def check(subject: Subject) -> Iterator[Finding]:
    """One finding for each partial, about the file as a whole."""
    reached = {name for version in subject.versions() for name in version.partials}
    # What a version that cannot be read includes is not known.
    if _has_broken_versions(subject):
        return
    for name, path in subject.head.layout.partials.items():
        if name not in reached and subject.is_new(path):
            message = f"No prompt includes {name}."
            yield Finding(path, 0, 0, RULE.severity, RULE.id, message)


def _has_broken_versions(subject: Subject) -> bool:
    folders = subject.head.layout.prompts
    return any(
        len(prompt.versions) < len(folders[name].versions)
        for name, prompt in subject.head.parsed.prompts.items()
    )


RULE = Rule("unreachable_partial", "warning", __doc__, check)
