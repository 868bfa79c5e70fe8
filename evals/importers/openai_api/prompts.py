"""Message templates of the Evals API: `{{item.x}}` becomes the variable `x`."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any

from evals.importers import javascript, nunjucks
from evals.importers.chat import ChatError, chat_body
from evals.importers.drafts import PromptDraft
from evals.importers.fidelity import Fidelity
from evals.importers.names import Keys, variable
from evals.importers.nodes import Node
from evals.importers.nunjucks import Converted
from evals.importers.openai_evals.samples import read_turns

MESSAGES = "messages"
_TAG = re.compile(r"\{\{\s*(.*?)\s*\}\}", re.DOTALL)
_ITEM = re.compile(r"item\.([A-Za-z_][\w-]*)((?:\.[A-Za-z_]\w*)*)")


class ItemVariables:
    """The fields of items as variables of a prompt, and the field that holds a whole chat."""

    def __init__(self, report: Fidelity) -> None:
        self.report = report
        self.keys = Keys()
        self.names: dict[str, str] = {}
        self.chat_field = ""

    def name(self, field: str) -> str:
        """The variable for a field of the items."""
        if field not in self.names:
            self.names[field] = self.keys.unique(variable(field), "_{}")
        return self.names[field]

    def convert(self, text: str) -> Converted:
        """A template over `item`, as Jinja2."""
        plain: set[str] = set()
        worked_on: set[str] = set()
        problem = ""
        parts = _TAG.split(text)
        for index in range(0, len(parts), 2):
            parts[index] = nunjucks.literal(parts[index])
        for index in range(1, len(parts), 2):
            found = _ITEM.fullmatch(parts[index])
            if found is None:
                problem = (
                    f"its template uses `{parts[index][:60]}`, which is not a field of an item"
                )
                break
            name = self.name(found[1])
            (worked_on if found[2] else plain).add(name)
            parts[index] = f"{{{{ {name}{found[2]} }}}}"
        names = frozenset(plain | worked_on)
        return Converted("".join(parts), names, frozenset(plain - worked_on), problem=problem)

    def values(self, node: Node, prompts: Sequence[PromptDraft]) -> dict[str, Any]:
        """The variables of one item. What is only printed is text, as the API prints it."""
        worked_on = {name for prompt in prompts for name in prompt.names - prompt.printed}
        used = {name for prompt in prompts for name in prompt.names}
        values: dict[str, Any] = {}
        for field, child in node.entries():
            name = self.name(field)
            if field == self.chat_field or (prompts and name not in used):
                continue  # graders had what they need of it
            values[name] = child.value if name in worked_on else _printed(child.value)
        return values

    def placeholders(self, node: Node) -> dict[str, Any]:
        """The chat of one item, when the prompt takes it whole."""
        chat = node.get(self.chat_field) if self.chat_field else None
        if chat is None:
            if self.chat_field:
                reason = f"it has no chat in `{self.chat_field[:60]}`"
                self.report.unmapped(node, "item", "item", reason)
            return {}
        try:
            turns, _ = read_turns(chat.value)
        except ChatError as error:
            self.report.unmapped(chat, "item", self.chat_field, str(error))
            return {}
        return {MESSAGES: [{"role": role, "content": text} for role, text in turns]}


def prompt_of(
    node: Node, label: str, variables: ItemVariables, report: Fidelity
) -> PromptDraft | None:
    """The prompt of a run's `input_messages`; None after a report."""
    kind = node.text("type")
    if kind == "item_reference":
        field = node.text("item_reference").removeprefix("item.")
        variables.chat_field = field
        body = f'{{% placeholder "{MESSAGES}" %}}\n'
        note = f"the chat of each item (`{field[:60]}`) is the placeholder `{MESSAGES}`"
        return PromptDraft(node, label, True, body, differences=(note,))
    template = node.get("template")
    if template is None:
        report.unmapped(node, "prompt", label, "it has no template")
        return None
    try:
        chat = chat_body(_plain(template.value), variables.convert)
    except ChatError as error:
        report.unmapped(node, "prompt", label, str(error), "write the prompt by hand")
        return None
    return PromptDraft(node, label, True, chat.body, chat.names, chat.printed, chat.differences)


def _plain(value: Any) -> Any:
    """Messages without the `type: message` that the API writes beside each."""
    if not isinstance(value, list):
        return value
    return [
        {key: item for key, item in message.items() if key != "type"}
        if isinstance(message, dict)
        else message
        for message in value
    ]


def _printed(value: Any) -> str:
    if isinstance(value, str):
        return value
    return "" if value is None else javascript.json_of(value)
