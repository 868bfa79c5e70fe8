"""A published version says something else than before.

What was published is served as it was; the server refuses the edit and reports it under the same
name. Restore the file and publish the change as a new version. Comments and `description` may
change: no model sees them. Needs `--base`.
"""

from __future__ import annotations

from collections.abc import Iterator

from core.findings import Finding
from registry.domain.lint.rule import Rule
from registry.domain.lint.subject import State, Subject

_HINT = "restore the file and publish the change as a new version"


def check(subject: Subject) -> Iterator[Finding]:
    """One finding for each file that is there and means something else, or nothing any more."""
    if subject.base is None:
        return
    for name, before in subject.base.parsed.prompts.items():
        now = _digests(subject.head, name)
        for version in before.versions:
            if not _exists(subject.head, name, version.number):
                continue
            if now.get(version.number) == version.digest:
                continue
            state = "says something else now" if version.number in now else "is broken now"
            message = f"{name} v{version.number} was published and {state}."
            path = subject.head.layout.prompts[name].versions[version.number]
            yield Finding(path, 1, 1, RULE.severity, RULE.id, message, _HINT)


def _exists(head: State, name: str, number: int) -> bool:
    folder = head.layout.prompts.get(name)
    return folder is not None and number in folder.versions


def _digests(head: State, name: str) -> dict[int, str]:
    prompt = head.parsed.prompts.get(name)
    return {version.number: version.digest for version in prompt.versions} if prompt else {}


RULE = Rule("version_edited", "error", __doc__, check, can_be_ignored=False)
