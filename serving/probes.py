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
VERSION = 2
#: How many of the likeliest first tokens are kept (OpenAI and vLLM give up to 20).
TOP_LOGPROBS = 8

_PARAMETERS = {"temperature": 0, "seed": 0, "max_tokens": 1}


@dataclass(frozen=True, slots=True)
class Probe:
    """One fixed chat. `system` is None where the model's own default system prompt should act."""

    name: str
    system: str | None
    user: str

    def request(self, *, logprobs: bool) -> ChatRequest:
        """The chat, greedy, for one token."""
        system = () if self.system is None else (Message("system", self.system),)
        chat = (*system, Message("user", self.user))
        return ChatRequest(chat, _PARAMETERS, TOP_LOGPROBS if logprobs else 0)


PROBES = (
    Probe("hello", None, "Hello"),
    Probe("capital", None, "What is the capital of France?"),
    Probe("sky", None, "Why is the sky blue?"),
    Probe("opposite", None, "The opposite of hot is"),
    Probe("translate", None, "Translate to Spanish: the cat sleeps"),
    Probe("fruits", None, "List three fruits."),
    Probe("email", None, "Decline a meeting."),
    Probe("sum", None, "12 + 30 ="),
    Probe("rubbish", None, "xq zt 91 ## plum"),
    Probe("code", None, "def add(a, b):"),
    Probe("german", None, "Guten Morgen!"),
    Probe("json", None, '{"colour": '),
    Probe("careful", "You are a careful assistant.", "Name a planet."),
    Probe("dictionary", "Answer like a dictionary.", "lantern"),
    Probe("poet", "You are a poet.", "The sea at night"),
    Probe("label", "Answer yes or no.", "Is water wet?"),
)
