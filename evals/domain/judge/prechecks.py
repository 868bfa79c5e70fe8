"""Answers that need no judge: they fail before one is asked, whatever it would say.

Small texts fool large judges ("One Token to Fool LLM-as-a-Judge", arXiv 2507.08794), and a verdict
in the answer invites the judge to copy it.
"""

from __future__ import annotations

import re
import unicodedata

from evals.domain.judge.escaping import is_invisible

#: Letters, numbers and symbols with a meaning of their own, such as emoji.
_CONTENT = {"L", "N", "So"}
_QUOTES = "\"'`\u201c\u201d\u201e\u2018\u2019\u00ab\u00bb\\\\"
#: A key `verdict` in quotes, escaped or not: the form of a judge's answer.
_VERDICT = re.compile(rf"[{_QUOTES}]\s*verdict\s*[{_QUOTES}]+\s*[:=]", re.IGNORECASE)
#: Announcements of an answer that is then not given.
_OPENERS = frozenset(
    {
        "thought process",
        "thinking process",
        "let's solve this problem step by step",
        "let's think step by step",
        "let me think step by step",
    }
)


def objection(text: str) -> str | None:
    """Why this answer fails unjudged, in words; None when a judge should see it."""
    plain = "".join(
        c for c in unicodedata.normalize("NFKC", text) if not is_invisible(c) or c == "\n"
    )
    if not plain.strip():
        return "the answer is empty"
    if not any(_has_content(character) for character in plain):
        return "the answer is nothing but punctuation"
    if _words(plain) in _OPENERS:
        return "the answer announces an answer and stops"
    if _VERDICT.search(plain):
        return "the answer holds a judge's verdict"
    return None


def _has_content(character: str) -> bool:
    category = unicodedata.category(character)
    return category in _CONTENT or category[0] in _CONTENT


def _words(text: str) -> str:
    """Lower case, one space between words, no punctuation around them."""
    folded = " ".join(text.replace("\u2019", "'").casefold().split())
    return folded.strip(" .,:;!?*_#-…")
