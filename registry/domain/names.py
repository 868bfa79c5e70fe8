"""Names people give to prompts, tags, models, suites, policies and variables."""

from __future__ import annotations

import re

MAX_PROMPT_NAME = 200
#: The greatest version number: it fits the database's integer and is never reached by hand.
MAX_VERSION = 999_999
#: `latest` always means the newest version; nobody can move it.
RESERVED_TAGS = frozenset({"latest"})

#: What PostgreSQL and JSON readers refuse inside text.
UNSTORABLE = re.compile("[\0\ud800-\udfff]")
#: The REST interface hangs these under a prompt's name, so no name with folders ends in one.
RESERVED_ENDINGS = frozenset(
    "canary cases diff history outcomes overrides promotions quarantine render rollbacks tags "
    "versions".split()
)

_NAME = re.compile(r"[a-z0-9][a-z0-9._-]{0,99}")
_VARIABLE = re.compile(r"[A-Za-z][A-Za-z0-9_]{0,63}")
_VERSION = re.compile(r"v([1-9][0-9]{0,5})")
#: Words Jinja2 gives a meaning of its own inside a template.
_TEMPLATE_WORDS = frozenset(
    "and caller elif else false False for if in is kwargs loop none None not or range recursive "
    "self set super true True varargs with".split()
)


def is_name(text: str) -> bool:
    """Whether `text` may name a tag, model, suite or policy."""
    return _NAME.fullmatch(text) is not None


def is_prompt_name(text: str) -> bool:
    """Whether `text` may name a prompt: names joined by `/`, at most 200 characters.

    `team/reply` may, `team/history` may not: its address would be that of the history of `team`.
    """
    *folders, last = text.split("/")
    return (
        len(text) <= MAX_PROMPT_NAME
        and all(is_name(part) for part in (*folders, last))
        and not (folders and last in RESERVED_ENDINGS)
    )


def is_variable_name(text: str) -> bool:
    """Whether a template can use `text` as a variable or placeholder."""
    return _VARIABLE.fullmatch(text) is not None and text not in _TEMPLATE_WORDS


def version_number(text: str) -> int | None:
    """The integer of `v3`; None when `text` is not a version (`v0`, `v03`, `3`)."""
    found = _VERSION.fullmatch(text)
    return int(found[1]) if found else None
