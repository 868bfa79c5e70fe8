"""GitHub Markdown of texts that nobody vouches for.

Texts of models and repositories stand in code spans and fences that they cannot end, or with every
character escaped that Markdown would act on: they can set no link, name no person, add no HTML.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from html import escape

from evals.domain.harmless import clean, cut, cut_line, one_line

SIGNS = {"PASS": "✅", "FAIL": "❌", "INCONCLUSIVE": "❔", "ERROR": "💥"}
#: GitHub refuses comments of more than 65,536 characters.
MOST_CHARACTERS = 60_000
_ANSWER_CHARACTERS = 1_000
_CELL_CHARACTERS = 120
_LINE_CHARACTERS = 500
_MOST_LINES = 20
_ACTIVE = re.compile(r"([\\`*_{}\[\]<>#!|~&$^])")
#: A person, an issue, a link: an invisible character behind the sign makes it text.
_MENTION = re.compile(r"@|(?<=\bGH)-(?=\d)|#(?=\d)|:(?=//)|www(?=\.)", re.IGNORECASE)
_COMMAND = re.compile("^/", re.MULTILINE)
_GAP = "\N{ZERO WIDTH SPACE}"


def text(value: object) -> str:
    """Text on one line in which nothing is active."""
    gapped = _MENTION.sub(lambda found: found[0] + _GAP, one_line(value))
    escaped = _ACTIVE.sub(r"\\\1", gapped)
    # At the start of a line these would begin a list, a heading or a quote.
    return re.sub(r"^([-+=]|\d+[.)])", _with_backslash, escaped)


def code(value: object) -> str:
    """A code span on one line, as long as a table can bear; a dash for nothing."""
    line = cut_line(value, _CELL_CHARACTERS)
    if not line:
        return "-"
    ticks = "`" * (_longest_run(line) + 1)
    pad = " " if line[0] == "`" or line[-1] == "`" else ""
    return f"{ticks}{pad}{line}{pad}{ticks}"


def cell(value: object) -> str:
    """A code span in a table: there a bar would end the cell."""
    return code(value).replace("|", "\\|")


def fence(value: object) -> str:
    """A block of code that its text cannot end, and of which no line is a command.

    Older GitLabs end every fence at three ticks, and act on what follows: on `/merge`.
    """
    lines = _COMMAND.sub(_GAP + "/", cut(clean(value), _ANSWER_CHARACTERS))
    ticks = "`" * max(3, _longest_run(lines) + 1)
    return f"{ticks}text\n{lines}\n{ticks}"


def plain_html(value: object) -> str:
    """Text inside an HTML element, in which nothing is active."""
    return escape(cut_line(value, _CELL_CHARACTERS))


def _with_backslash(found: re.Match[str]) -> str:
    return found[0][:-1] + "\\" + found[0][-1]


def _longest_run(value: str) -> int:
    return max((len(run) for run in re.findall("`+", value)), default=0)


def bullets(lines: Iterable[str]) -> str:
    """A list, as long as a comment can bear."""
    told = list(lines)
    rest = [f"and {len(told) - _MOST_LINES:,} more"] if len(told) > _MOST_LINES else []
    return "".join(
        f"- {text(cut_line(line, _LINE_CHARACTERS))}\n" for line in (*told[:_MOST_LINES], *rest)
    )


def folded(summary: str, body: str) -> str:
    """`summary` is HTML, `body` Markdown: the empty lines keep them apart."""
    return f"<details><summary>{summary}</summary>\n\n{body}\n</details>\n"
