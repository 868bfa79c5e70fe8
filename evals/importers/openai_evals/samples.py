"""Samples of openai/evals as chats: few-shot rows put in, shared messages found."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from evals.importers import nunjucks
from evals.importers.chat import ChatError, block, plain_content
from evals.importers.drafts import PromptDraft
from evals.importers.nodes import Node
from registry.domain.template.tags import ROLES

INPUT = "input"
MESSAGES = "messages"
_EXAMPLES = {"example_user": "user", "example_assistant": "assistant"}
MAX_SHARED_CHARS = 50_000

Turn = tuple[str, str]


@dataclass(frozen=True)
class Sample:
    """One row that can be asked: its turns, and the row itself."""

    node: Node
    turns: tuple[Turn, ...]
    notes: tuple[str, ...] = ()


def read_turns(value: Any) -> tuple[tuple[Turn, ...], tuple[str, ...]]:
    """(turns, how they differ) of an `input`. Raises ChatError."""
    notes: list[str] = []
    if isinstance(value, str):
        note = "a bare text is asked as the user; openai/evals sends it as a system message"
        return (("user", value),), (note,)
    if not isinstance(value, list) or not value:
        raise ChatError("its input is neither a text nor a list of messages")
    return tuple(_turn(message, notes) for message in value), tuple(dict.fromkeys(notes))


def _turn(message: Any, notes: list[str]) -> Turn:
    if not isinstance(message, dict):
        raise ChatError("a message is not a mapping")
    role = str(message.get("role"))
    name = message.get("name")
    if isinstance(name, str) and name in _EXAMPLES:
        notes.append("examples named example_user and example_assistant become turns of both")
        role = _EXAMPLES[name]
    elif name is not None:
        notes.append("the `name` of a message is left out")
    if role == "developer":
        role = "system"
        notes.append("the role developer becomes system")
    if role not in ROLES:
        raise ChatError(f"a message has the role {role[:40]!r}")
    return role, plain_content(message.get("content"), notes)


def with_examples(turns: Sequence[Turn], shots: Sequence[Turn]) -> tuple[Turn, ...]:
    """The examples stand before the last turn."""
    return (*turns[:-1], *shots, *turns[-1:])


def shared_prompt(samples: Sequence[Sample], node: Node, label: str) -> tuple[PromptDraft, int]:
    """(the prompt for all samples, how many first turns of each it holds itself).

    What all samples begin with is written into the prompt; the rest is the variable `input` when it
    is one turn of the user everywhere, else the placeholder `messages`.
    """
    count = _shared(samples)
    blocks = [block(role, nunjucks.literal(text)) for role, text in samples[0].turns[:count]]
    notes = []
    if any(text != text.strip() for _, text in samples[0].turns[:count]):
        notes.append("white space at the edges of a shared message is not kept")
    is_single = all(
        len(sample.turns) == count + 1 and sample.turns[-1][0] == "user" for sample in samples
    )
    if is_single:
        body = "".join([*blocks, block("user", f"{{{{ {INPUT} }}}}")])
        names = frozenset({INPUT})
        return PromptDraft(node, label, True, body, names, names, tuple(notes)), count
    body = "".join([*blocks, f'{{% placeholder "{MESSAGES}" %}}\n'])
    return PromptDraft(node, label, True, body, differences=tuple(notes)), count


def _shared(samples: Sequence[Sample]) -> int:
    first = samples[0].turns
    if len(samples) == 1:
        # One sample shows nothing about the others: only its instructions are the prompt's.
        roles = [role for role, _ in first[:-1]]
        return next((i for i, role in enumerate(roles) if role != "system"), len(roles))
    limit = min(len(sample.turns) for sample in samples) - 1
    count = 0
    while count < limit and all(sample.turns[count] == first[count] for sample in samples):
        count += 1
    return count if sum(len(text) for _, text in first[:count]) <= MAX_SHARED_CHARS else 0
