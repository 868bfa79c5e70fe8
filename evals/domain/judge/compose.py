"""From a judge's prompt to the chat that judges one answer.

Templates are hostile, and answers are too. So a judge's prompt is rendered once, by the caller and
behind whatever wall it has, with *places* instead of texts (`template_values`, `seat`); afterwards
the fenced and escaped texts are put into the places here, without any template. No answer ever
meets a template, and a run renders each judge once instead of once a case.

It follows that a judge's prompt prints a text and does nothing else with it: a filter that changes
`{{ answer }}` destroys its place and is refused; a test such as `{% if answer %}` sees the place.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

from evals.domain.judge.errors import JudgeUnusableError
from evals.domain.judge.escaping import check_nonce, fence, reserved_character
from evals.domain.judge.rubric import Rubric
from evals.domain.judge.spec import JudgeSpec
from evals.domain.judge.verdict import response_format
from registry.domain.template.tags import Message

#: Filled in when the prompt is rendered.
FIXED = ("rubric", "scale")
#: Filled in for each answer. `reference` is the case's `expected`; the fences carry `nonce`.
TEXTS = ("question", "answer", "answer_a", "answer_b", "reference", "nonce")
#: Characters of one text when the prompt does not declare a `maxLength` for it.
MAX_TEXT_CHARS = 20_000
_PLACE = re.compile("\ue000([a-z_]+)\ue001")
_CHARS_PER_TOKEN = 2
_VERDICT_TOKENS = 100
_UNBOUNDED_TOKENS = 1024


def required_texts(rubric: Rubric) -> tuple[str, ...]:
    """The texts a prompt for this rubric must show."""
    return ("answer_a", "answer_b") if rubric.mode == "pairwise" else ("answer",)


def template_values(judge: JudgeSpec) -> dict[str, str]:
    """What to render the judge's prompt with: the rubric, and a place for every text."""
    values = {"rubric": judge.rubric.criterion, "scale": judge.rubric.scale}
    values |= {name: f"\ue000{name}\ue001" for name in TEXTS}
    declared = judge.prompt.variables if judge.prompt else {}
    return {name: value for name, value in values.items() if name in declared}


def seat(judge: JudgeSpec, messages: Sequence[Message]) -> JudgeSpec:
    """The judge with its rendered prompt, ready to be asked.

    `messages` is the prompt rendered with `template_values`. JudgeUnusableError when a text it must
    show is not in it unchanged.
    """
    whole = "".join(message.content for message in messages)
    shown = set(_PLACE.findall(whole))
    for name in required_texts(judge.rubric):
        if name not in shown:
            raise JudgeUnusableError(
                f"the judge's prompt does not show `{name}` as it is",
                hint=f"write {{{{ {name} }}}} without filters",
            )
    if reserved_character(_PLACE.sub("", whole)) or not shown <= set(TEXTS):
        raise JudgeUnusableError(
            "the judge's prompt changes a text or holds private-use characters"
        )
    return replace(judge, script=tuple((m.role, m.content) for m in messages))


def chat(judge: JudgeSpec, texts: Mapping[str, str], nonce: str) -> tuple[tuple[str, str], ...]:
    """(role, content) pairs with every text in its place, fenced and escaped.

    JudgeUnusableError without a script, for a text too long for the judge, and for a place that no
    text is given for.
    """
    if not judge.script:
        raise JudgeUnusableError("the judge's prompt has not been rendered")
    check_nonce(nonce)

    def fill(place: re.Match[str]) -> str:
        name = place[1]
        if name == "nonce":
            return nonce
        if name not in texts:
            raise JudgeUnusableError(f"the judge's prompt shows `{name}`, and this case has none")
        _check_length(judge, name, texts[name])
        return fence(name.replace("_", " "), texts[name], nonce)

    return tuple((role, _PLACE.sub(fill, content)) for role, content in judge.script)


def _check_length(judge: JudgeSpec, name: str, text: str) -> None:
    declared = judge.prompt.variables.get(name, {}) if judge.prompt else {}
    limit = declared.get("maxLength", MAX_TEXT_CHARS)
    if len(text) > limit:
        message = f"the {name} has {len(text):,} characters; the judge reads {limit:,}"
        raise JudgeUnusableError(message)


def parameters(judge: JudgeSpec, sample: int) -> dict[str, Any]:
    """What the request for one sample says beside the chat; `sample` counts from 0.

    Each sample has its own seed: the same request twice would be the same verdict twice.
    """
    given = dict(judge.prompt.parameters) if judge.prompt else {}
    room = judge.rubric.reasoning_chars
    tokens = _UNBOUNDED_TOKENS if room is None else room // _CHARS_PER_TOKEN + _VERDICT_TOKENS
    return {
        "max_tokens": tokens,
        **given,
        "temperature": judge.temperature,
        "seed": given.get("seed", 1) + sample,
        "response_format": response_format(judge.rubric),
    }
