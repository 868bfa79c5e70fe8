"""The fixed chats of the fingerprint, and how each is asked.

One token of each answer is enough, since its log-probabilities say more than many words. Beside
fields that every OpenAI-compatible server understands there is llama.cpp's `cache_prompt`: others
ignore it (vLLM) or refuse it, and then are asked without.
"""

from __future__ import annotations

from dataclasses import dataclass

from serving.client import ChatRequest
from serving.messages import Message

#: Raise it with every change to the probes, to what is kept of them or to how they are compared:
#: what was measured under another version cannot be compared.
VERSION = 4
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

    def request(self, *, logprobs: bool, afresh: bool) -> ChatRequest:
        """The chat, greedy, for one token."""
        turns = [] if self.system is None else [Message("system", self.system)]
        if self.earlier is not None:
            turns += [Message("user", self.earlier[0]), Message("assistant", self.earlier[1])]
        chat = (*turns, Message("user", self.user))
        return ChatRequest(chat, _PARAMETERS, TOP_LOGPROBS if logprobs else 0, afresh=afresh)


#: Few, because a run asks them before its first and after its last case, and short, because
#: engines compute long prompts in other ways than short ones. Every part of a chat template acts in
#: some; scripts, digits, code and rubbish are where tokenizers differ, and seldom words where they
#: differ least: a vocabulary that lacks some of its last merges splits one of these.
PROBES = (
    Probe("hello", None, "Hello"),
    Probe("sum", None, "12 + 30.5 = $42, 17% of 2048"),
    Probe("rubbish", None, "xq zt 91 ## plum >>> ~~ {{}} \\t"),
    Probe(
        "code",
        None,
        "def add(a, *kwargs): raise ValueError  // strncpy std::unique_ptr println deepcopy",
    ),
    Probe("scripts", None, "What language is this? Grüße, Ωμέγα, 你好 🙂"),
    Probe("json", None, '{"colour": '),
    Probe(
        "places",
        "You are a careful assistant.",
        "Name a river: Zambezi Mekong Euphrates Danube Yangtze Reykjavik Montevideo Kyrgyzstan "
        "Tallinn Piedmont Kilimanjaro Nietzsche Dostoevsky Tchaikovsky",
    ),
    Probe(
        "dictionary",
        "Answer like a dictionary.",
        "lantern trellis heirloom gargoyle lichen cutlery mildew gazelle plankton sextant tapestry "
        "brooch monsoon pistachio vinegar hammock cobalt turmeric isotope ligament thicket bonsai",
    ),
    Probe(
        "label",
        "Answer yes or no.",
        "Is it auspicious, asymmetrical, conclusively derogatory, divisive, inseparable, fatigued, "
        "procrastinating, antihistamine, physiotherapy, sociologist, consumerism, parallelism?",
    ),
    Probe("turns", None, "And of Italy?", ("What is the capital of France?", "Paris.")),
)

_ENUM = {"type": "string", "enum": ["positive", "negative", "neutral"]}
_GRAMMAR = {"type": "json_schema", "json_schema": {"name": "label", "schema": _ENUM}}
#: llama.cpp computes attention in another way where 64 tokens or more are new, and a slot keeps
#: what came of it: chats of both lengths show how far that is from what short ones keep.
_LONG = "The refund for order nine is late, the tracking number leads nowhere, and nobody writes. "


def company() -> tuple[ChatRequest, ...]:
    """Chats that keep a server busy beside the probes, as cases would: begun like probes, short and
    long, several tokens of answer, half of them with a grammar. What they answer does not matter.
    """
    said = [
        4 * _LONG,
        "def add(a, b, c): return",
        "What is the capital of Spain and what is it known for? " + 4 * _LONG,
        "12 + 31 = 43 and 12 + 32 =",
    ]
    free = {"temperature": 0, "max_tokens": 4}
    return tuple(
        ChatRequest(
            (Message("user", text),), free | ({"response_format": _GRAMMAR} if turn % 2 else {})
        )
        for turn, text in enumerate(said)
    )
