"""The fixed chats of the fingerprint, and how each is asked.

Only fields that every OpenAI-compatible server understands, so no switch for its prefix cache. One
token of each answer is enough, since its log-probabilities say more than many words.
"""

from __future__ import annotations

from dataclasses import dataclass

from serving.client import ChatRequest
from serving.messages import Message

#: Raise it with every change to the probes, to what is kept of them or to how they are compared:
#: what was measured under another version cannot be compared.
VERSION = 3
#: How many of the likeliest first tokens are kept (OpenAI and vLLM give up to 20).
TOP_LOGPROBS = 8

_PARAMETERS = {"temperature": 0, "seed": 0, "max_tokens": 1}


@dataclass(frozen=True, slots=True)
class Probe:
    """One fixed chat. `system` is None where the model's own default system prompt should act;
    `earlier` are the question and the answer before this one.
    """

    name: str
    system: str | None
    user: str
    earlier: tuple[str, str] | None = None

    def request(self, *, logprobs: bool) -> ChatRequest:
        """The chat, greedy, for one token."""
        turns = [] if self.system is None else [Message("system", self.system)]
        if self.earlier is not None:
            turns += [Message("user", self.earlier[0]), Message("assistant", self.earlier[1])]
        chat = (*turns, Message("user", self.user))
        return ChatRequest(chat, _PARAMETERS, TOP_LOGPROBS if logprobs else 0)


#: Few, because a run asks them before its first and after its last case. Every part of a chat
#: template acts in some; scripts, digits, code and rubbish are where tokenizers differ.
PROBES = (
    Probe("hello", None, "Hello"),
    Probe("capital", None, "What is the capital of France?"),
    Probe("translate", None, "Translate to Spanish: the cat sleeps"),
    Probe("sum", None, "12 + 30 ="),
    Probe("rubbish", None, "xq zt 91 ## plum"),
    Probe("code", None, "def add(a, b):"),
    Probe("scripts", None, "What language is this? Grüße, Ωμέγα, 你好 🙂"),
    Probe("json", None, '{"colour": '),
    Probe("careful", "You are a careful assistant.", "Name a planet."),
    Probe("dictionary", "Answer like a dictionary.", "lantern"),
    Probe("label", "Answer yes or no.", "Is water wet?"),
    Probe("turns", None, "And of Italy?", ("What is the capital of France?", "Paris.")),
)

_ENUM = {"type": "string", "enum": ["positive", "negative", "neutral"]}
_GRAMMAR = {"type": "json_schema", "json_schema": {"name": "label", "schema": _ENUM}}


def company() -> tuple[ChatRequest, ...]:
    """Chats that keep a server busy beside the probes, as cases would: begun like probes, of other
    lengths, several tokens long, half of them with a grammar. What they answer does not matter.
    """
    said = [
        "What is the capital of Spain and what is it known for?",
        "def add(a, b, c): return",
        "Translate to Spanish: the dog, which was late, barks at the refund for order nine",
        "12 + 31 = 43 and 12 + 32 =",
    ]
    free = {"temperature": 0, "max_tokens": 4}
    return tuple(
        ChatRequest(
            (Message("user", text),), free | ({"response_format": _GRAMMAR} if turn % 2 else {})
        )
        for turn, text in enumerate(said)
    )
