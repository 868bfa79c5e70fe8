"""With its variables at their longest the prompt does not fit the model.

Counted are the prompt's text, every variable at its `maxLength`, and `max_tokens` for the answer,
against `max_context` of the model that `prompt.yaml` or `tags.yaml` names. Variables without a
`maxLength` count nothing, so a prompt without a finding may still be too long. The tokenizer is not
known here: 4 characters are taken for one token, which is usual for English; other languages and
code take more.
"""

from __future__ import annotations

from collections.abc import Iterator

from core.findings import Finding
from registry.domain.lint.pieces import CHARACTERS_PER_TOKEN, pieces, tokens
from registry.domain.lint.rule import Rule
from registry.domain.lint.subject import Subject
from registry.domain.repository import ParsedPrompt
from registry.domain.version import VersionContent


def check(subject: Subject) -> Iterator[Finding]:
    """The newest version of each prompt and those that are live, each on its models."""
    live: dict[tuple[str, int], set[str]] = {}
    for tag in subject.head.parsed.live:
        live.setdefault((tag.prompt, tag.version), set()).add(tag.model or "")
    for prompt in subject.head.parsed.prompts.values():
        for version in prompt.versions:
            models = live.get((prompt.name, version.number), set()) | _asked(prompt, version)
            for name in sorted(models):
                yield from _on(subject, version, name)


def _asked(prompt: ParsedPrompt, version: VersionContent) -> set[str]:
    return {prompt.model} if prompt.model and version is prompt.versions[-1] else set()


def _on(subject: Subject, version: VersionContent, model: str) -> Iterator[Finding]:
    pin = subject.head.parsed.models.get(model)
    if pin is None or not pin.max_context:
        return
    text = sum(len(piece.text) for piece in pieces(version.source, version.partials))
    longest = sum(_longest(schema) for schema in version.variables.values())
    answer = int(version.parameters.get("max_tokens", 0))
    needed = tokens(text + longest) + answer
    if needed <= pin.max_context:
        return
    message = (
        f"About {needed:,} tokens do not fit the {pin.max_context:,} of {model}: {text:,} "
        f"characters of text, {longest:,} of variables at their longest (at "
        f"{CHARACTERS_PER_TOKEN} characters a token) and {answer:,} tokens of answer."
    )
    hint = "give the variables a smaller maxLength, or ask for a smaller max_tokens"
    yield Finding(version.path, 1, 1, RULE.severity, RULE.id, message, hint)


def _longest(schema: object) -> int:
    value = schema.get("maxLength", 0) if isinstance(schema, dict) else 0
    return int(value) if isinstance(value, (int, float)) else 0


RULE = Rule("context_budget", "warning", __doc__, check)
