"""The file of a published version is gone.

The server goes on serving what it has published, so nothing is won, and a registry that is rebuilt
from the repository would not have the version. It is an error while a tag points at it. Needs
`--base`.
"""

from __future__ import annotations

from collections.abc import Iterator

from core.findings import Finding, Severity
from registry.domain.lint.rule import Rule
from registry.domain.lint.subject import Subject


def check(subject: Subject) -> Iterator[Finding]:
    """One finding for each file that is gone; it names the file as it was."""
    if subject.base is None:
        return
    live = {(tag.prompt, tag.version): tag.tag for tag in subject.base.parsed.live}
    for name, before in subject.base.parsed.prompts.items():
        folder = subject.head.layout.prompts.get(name)
        numbers = folder.versions if folder else {}
        for version in before.versions:
            if version.number in numbers:
                continue
            tag = live.get((name, version.number))
            severity: Severity = "error" if tag else RULE.severity
            said = f"; `{tag}` points at it" if tag else ""
            message = f"{name} v{version.number} was published and its file is gone{said}."
            yield Finding(version.path, 0, 0, severity, RULE.id, message, "restore the file")


RULE = Rule("version_deleted", "warning", __doc__, check, can_be_ignored=False)
