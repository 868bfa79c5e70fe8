"""Which model really answers behind an endpoint: a fingerprint of its answers to fixed probes.

This is mode "text", the weak mode. Every OpenAI-compatible server can do it, since it needs
nothing but answers: twelve fixed chats, greedy (temperature 0, seed 0), at most 16 tokens each,
one after the other. The value is the SHA-256 over mode, version, served id and, for each probe,
the text, the finish reason and the number of prompt tokens.

What it can tell: another tokenizer, chat template or default system prompt (the token counts
move), another model, and weights that differ enough to turn a word. What it cannot: a change too
small for that. Measured on SmolLM2-135M, 8 prompts x 16 tokens: weights with noise of 1e-2 of
their spread turned 3 of 8 texts, of 1e-3 2 of 8, of 1e-4 none; int4 turned 8 of 8, int8 2 of 8,
another system prompt 5 of 8, and bf16 in place of fp32 *none*, so the same text is no proof of the
same weights or the same dtype. Only log-probabilities see those (a mean difference of 1e-5 between
runs of one fp32 model, 1e-3 at noise of 1e-4): a stronger mode, for servers that give them.

What it may tell wrongly: greedy answers can flip between two nearly equal tokens when the server
computes along another path (bf16 ties, prefix cache, batch shape, thread count). The probes were
chosen for a clear lead of the chosen token on the demo model. `confirm` measures twice before it
says "changed", so a server that does not agree with itself is "cannot tell", never "changed".
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from core.digest import digest
from serving.client import ChatRequest, ModelClient
from serving.messages import Message

MODE: Literal["text"] = "text"
#: Raise it with every change to the probes or to what is hashed: old values compare no more.
VERSION = 1

_PARAMETERS = {"temperature": 0, "seed": 0, "max_tokens": 16}


@dataclass(frozen=True, slots=True)
class Probe:
    """One fixed chat. `system` is None where the model's own default system prompt should act."""

    name: str
    system: str | None
    user: str


@dataclass(frozen=True, slots=True)
class ProbeAnswer:
    """What a model made of one probe."""

    probe: str
    text: str
    finish_reason: str
    prompt_tokens: int


@dataclass(frozen=True, slots=True)
class Fingerprint:
    """`value` is 64 hex digits; compare only values of the same mode and version.

    `detail` holds the answers behind it, in the order of PROBES, to show what moved.
    """

    value: str
    mode: Literal["text"]
    version: int
    detail: tuple[ProbeAnswer, ...]


@dataclass(frozen=True, slots=True)
class Comparison:
    """What became of a known fingerprint. `measured` is the last measurement."""

    state: Literal["same", "changed", "cannot tell"]
    measured: Fingerprint


PROBES = (
    Probe("capital", None, "What is the capital of France?"),
    Probe("sky", None, "Why is the sky blue? Answer in one sentence."),
    Probe("opposites", None, "Write the opposite of each word: hot, big, fast, happy."),
    Probe("translate", None, "Translate into Spanish: The cat sleeps on the table."),
    Probe("fruits", None, "List three fruits."),
    Probe("email", None, "Write the first sentence of an email that declines a meeting."),
    Probe("water", None, "At what temperature does water boil?"),
    Probe("rubbish", None, "xq zt 91 ## plum"),
    Probe("planets", "You are a careful assistant.", "Name the planets of the solar system."),
    Probe("define", "Answer like a dictionary.", "What does the word lantern mean?"),
    Probe(
        "bees",
        "Summarise the user's text in one sentence.",
        "Bees collect nectar from flowers and turn it into honey, which feeds the hive in winter.",
    ),
    Probe("sea", "You are a poet.", "Describe the sea at night."),
)


async def measure(client: ModelClient) -> Fingerprint:
    """Ask all probes, one by one. Raises what the client raises: all probes or no fingerprint."""
    answers = tuple([await _ask(client, probe) for probe in PROBES])
    facts = [[a.probe, a.text, a.finish_reason, a.prompt_tokens] for a in answers]
    value = digest([MODE, VERSION, client.endpoint.served_id, facts])
    return Fingerprint(value, MODE, VERSION, answers)


async def confirm(client: ModelClient, known: str) -> Comparison:
    """Compare what is served now with `known`, a value of the same mode and version.

    "changed" needs two new measurements that agree with each other and not with `known`. A server
    that flickers, or several replicas that serve different models, gives "cannot tell".
    """
    first = await measure(client)
    if first.value == known:
        return Comparison("same", first)
    second = await measure(client)
    return Comparison("changed" if second.value == first.value else "cannot tell", second)


async def _ask(client: ModelClient, probe: Probe) -> ProbeAnswer:
    system = () if probe.system is None else (Message("system", probe.system),)
    chat = ChatRequest((*system, Message("user", probe.user)), _PARAMETERS)
    answer = await client.chat(chat)
    return ProbeAnswer(probe.name, answer.text, answer.finish_reason, answer.prompt_tokens)
