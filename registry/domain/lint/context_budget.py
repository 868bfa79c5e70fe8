"""With its variables at their longest the prompt does not fit the model.

Counted are the prompt's text, every variable at its `maxLength`, and `max_tokens` for the answer,
against `max_context` of the model that `prompt.yaml` or `tags.yaml` names. Variables without a
`maxLength` count nothing, nor does what the model's chat template adds, so a prompt without a
finding may still be too long. The text is counted by the model's tokenizer where it can be had,
else estimated; the finding says which. What callers put into variables nobody knows: 4 characters
are taken for one token there, which is usual for English; other languages and code take more.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from core.findings import Finding
from registry.domain.lint.pieces import pieces
from registry.domain.lint.rule import Rule
from registry.domain.lint.subject import Subject
from registry.domain.model_pin import ModelPin
from registry.domain.repository import ParsedPrompt
from registry.domain.token_count import CHARACTERS_PER_TOKEN, Counted, most_tokens, tokens
from registry.domain.version import VersionContent


@dataclass(frozen=True)
class _Use:
    """A version on a model: its text, the characters of its variables, the tokens of its answer."""

    version: VersionContent
    pin: ModelPin
    text: str
    longest: int
    answer: int

    def needed(self, text_tokens: int) -> int:
        """Tokens in all, of which the text has so many."""
        return text_tokens + tokens(self.longest) + self.answer


def check(subject: Subject) -> Iterator[Finding]:
    """The newest version of each prompt and those that are live, each on its models."""
    uses = [
        use for use in _uses(subject) if use.needed(most_tokens(use.text)) > use.pin.max_context
    ]
    counts = subject.count([(use.pin.name, (use.text,)) for use in uses])
    for use, counted in zip(uses, counts, strict=True):
        if use.needed(counted.tokens[0]) > use.pin.max_context:
            yield _finding(use, counted)


def _uses(subject: Subject) -> Iterator[_Use]:
    live: dict[tuple[str, int], set[str]] = {}
    for tag in subject.head.parsed.live:
        live.setdefault((tag.prompt, tag.version), set()).add(tag.model or "")
    for prompt in subject.head.parsed.prompts.values():
        for version in prompt.versions:
            models = live.get((prompt.name, version.number), set()) | _asked(prompt, version)
            for name in sorted(models):
                pin = subject.head.parsed.models.get(name)
                if pin is not None and pin.max_context:
                    yield _use(version, pin)


def _asked(prompt: ParsedPrompt, version: VersionContent) -> set[str]:
    return {prompt.model} if prompt.model and version is prompt.versions[-1] else set()


def _use(version: VersionContent, pin: ModelPin) -> _Use:
    return _Use(
        version=version,
        pin=pin,
        text="".join(piece.text for piece in pieces(version.source, version.partials)),
        longest=sum(_longest(schema) for schema in version.variables.values()),
        answer=int(version.parameters.get("max_tokens", 0)),
    )


def _finding(use: _Use, counted: Counted) -> Finding:
    [text] = counted.tokens
    message = (
        f"About {use.needed(text):,} tokens do not fit the {use.pin.max_context:,} of "
        f"{use.pin.name}: {text:,} of text ({counted.how}), {tokens(use.longest):,} of variables "
        f"at their longest (at {CHARACTERS_PER_TOKEN} characters a token) and {use.answer:,} of "
        f"answer."
    )
    hint = "give the variables a smaller maxLength, or ask for a smaller max_tokens"
    return Finding(use.version.path, 1, 1, RULE.severity, RULE.id, message, hint)


def _longest(schema: object) -> int:
    value = schema.get("maxLength", 0) if isinstance(schema, dict) else 0
    return int(value) if isinstance(value, (int, float)) else 0


RULE = Rule("context_budget", "warning", __doc__, check)
