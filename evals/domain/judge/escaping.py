"""Text of others inside a judge's prompt: fenced by a nonce, and unable to close the fence.

What a model says about itself must not reach its judge as an instruction. Every such text stands
between two lines that carry a nonce nobody could have known when the text was written. Inside, the
nonce and whatever could be taken for a fence or for a chat template's own marks are broken up; the
rest stays as it was, so that code and other languages can still be judged.
"""

from __future__ import annotations

import re
import unicodedata

from evals.domain.judge.errors import JudgeUnusableError

_NONCE = re.compile(r"[0-9a-f]{16,64}")
_RESERVED = re.compile("[\ue000-\uf8ff]")
REMOVED = "[removed]"

#: Angle brackets and what looks like one, with how many a glyph shows.
_ANGLES = {
    **dict.fromkeys(
        "<>\u2039\u203a\u27e8\u27e9\u3008\u3009\u3008\u3009\uff1c\uff1e\ufe64\ufe65\u02c2\u02c3\u1438\u1433\u276e\u276f\u2770\u2771\u276c\u276d",
        1,
    ),
    **dict.fromkeys("\u00ab\u00bb\u226a\u226b\u27ea\u27eb\u300a\u300b", 2),
    **dict.fromkeys("\u22d8\u22d9", 3),
}
#: The fence has three; two stand side by side in any HTML.
_FENCE_ANGLES = 3
#: What chat templates put between turns, as tokens of their own on many servers.
_TEMPLATE_MARKS = re.compile(
    r"<(?=[|\uff5c])|(?<=[|\uff5c])>|\[(?=/?INST\])"
    r"|<(?=/?(?:s|eos|bos|pad|unk|start_of_turn|end_of_turn|start_header_id|im_start|im_end)>)",
    re.IGNORECASE,
)


def check_nonce(nonce: str) -> str:
    """The nonce itself. JudgeUnusableError unless it is 16 to 64 lower-case hex digits."""
    if not _NONCE.fullmatch(nonce):
        raise JudgeUnusableError("a nonce is 16 to 64 lower-case hex digits")
    return nonce


def reserved_character(text: str) -> bool:
    """Whether `text` holds a private-use character: they mark the places of texts in a prompt."""
    return _RESERVED.search(text) is not None


def fence(kind: str, text: str, nonce: str) -> str:
    """`text` between its two fence lines, escaped. `kind` is a word of ours, such as `answer`."""
    opening, closing = fence_lines(kind, nonce)
    return f"{opening}\n{escape(text, nonce)}\n{closing}"


def fence_lines(kind: str, nonce: str) -> tuple[str, str]:
    """The opening and the closing line."""
    return f"<<<{kind} {nonce}>>>", f"<<<end of {kind} {nonce}>>>"


def escape(text: str, nonce: str) -> str:
    """`text` with every fence look-alike broken up and without the nonce in any spelling."""
    return _break_fences(_TEMPLATE_MARKS.sub(r"\\\g<0>", _without_nonce(text, nonce)))


def skeleton(text: str) -> tuple[str, list[int]]:
    """What a reader sees of `text`, and for each character the index it comes from.

    Compatibility forms and case are folded; white space and invisible characters are left out.
    """
    seen: list[str] = []
    owners: list[int] = []
    for index, character in enumerate(text):
        if is_invisible(character):
            continue
        for folded in unicodedata.normalize("NFKC", character).casefold():
            if not folded.isspace():
                seen.append(folded)
                owners.append(index)
    return "".join(seen), owners


def is_invisible(character: str) -> bool:
    """Whether a character leaves no mark of its own: controls, joiners, combining marks."""
    return unicodedata.category(character) in {"Cc", "Cf", "Cn", "Mn", "Me"}


def _without_nonce(text: str, nonce: str) -> str:
    seen, owners = skeleton(text)
    pieces: list[str] = []
    kept_from = 0
    start = seen.find(nonce)
    while start >= 0:
        pieces += (text[kept_from : max(owners[start], kept_from)], REMOVED)
        kept_from = owners[start + len(nonce) - 1] + 1
        start = seen.find(nonce, start + len(nonce))
    return "".join((*pieces, text[kept_from:]))


def _break_fences(text: str) -> str:
    """A backslash before every angle of a run that shows three or more of them."""
    run: list[int] = []
    weight = 0
    marked: set[int] = set()
    for index, character in enumerate(text):
        if character in _ANGLES:
            run.append(index)
            weight += _ANGLES[character]
        elif not (character.isspace() or is_invisible(character)):
            marked.update(run if weight >= _FENCE_ANGLES else ())
            run, weight = [], 0
    marked.update(run if weight >= _FENCE_ANGLES else ())
    return "".join(f"\\{c}" if i in marked else c for i, c in enumerate(text))
