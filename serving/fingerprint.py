"""Which model really answers behind an endpoint: a fingerprint of its answers to fixed probes.

Mode "logprobs", the normal one, for endpoints that give `top_logprobs` (vLLM and llama.cpp do):
for each probe the number of prompt tokens, and the log-probabilities of the likeliest first
tokens. Two measurements are of one model when all token counts are equal and the log-probabilities
differ by at most TOLERANCE in the mean. A tolerance, because no server computes exactly the same
numbers twice: what is in its prefix cache and what else is in the batch moves them.

Mode "text", for the others, is weak: token counts, and the first token as text. It sees another
tokenizer, chat template or default system prompt, and a very different model; it does not see
another precision, quantisation or a fine-tune.

So a fingerprint is an identity and no hash to be hit again: `value` is made of the first
measurement and stays while `confirm` says "same". ADR 4 has the figures.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any, Literal, Self

from core.digest import digest
from serving.client import ModelAnswerError, ModelClient
from serving.distance import ProbeAnswer, logprob_distance, text_distance
from serving.messages import ChatResponse
from serving.probes import PROBES, VERSION

Mode = Literal["logprobs", "text"]

#: The largest distance of two measurements of one model. ADR 4 says where it comes from.
TOLERANCE: Mapping[Mode, float] = {"logprobs": 0.12, "text": 0.25}
#: What a server answers that does not know `logprobs`, or gives none with this model.
_REFUSALS = {400, 422}
_MOST_PROBES = 0.75
_DECIMALS = 4


@dataclass(frozen=True, slots=True)
class Fingerprint:
    """`value` is 64 hex digits and names the model that was measured; `detail` is the measurement,
    in the order of PROBES.
    """

    value: str
    mode: Mode
    version: int
    detail: tuple[ProbeAnswer, ...]

    @property
    def kind(self) -> str:
        """Mode and version, `logprobs/2`: only fingerprints of one kind can be compared."""
        return f"{self.mode}/{self.version}"

    def detail_json(self) -> list[dict[str, Any]]:
        """The measurement as JSON, for `stored`."""
        return [asdict(answer) for answer in self.detail]

    @classmethod
    def stored(cls, value: str, kind: str, detail: Sequence[Mapping[str, Any]]) -> Self | None:
        """A fingerprint read back; None when there is none, or none that can be compared now."""
        for mode in TOLERANCE:
            if value and detail and kind == f"{mode}/{VERSION}":
                return cls(value, mode, VERSION, tuple(ProbeAnswer(**answer) for answer in detail))
        return None


@dataclass(frozen=True, slots=True)
class Comparison:
    """What became of a known fingerprint; `known` is None when there was none.

    `fingerprint` is the one that holds now: the known one when it is the same, else the last
    measurement.
    """

    state: Literal["same", "changed", "cannot tell"]
    fingerprint: Fingerprint
    known: Fingerprint | None = None


async def measure(client: ModelClient) -> Fingerprint:
    """Ask all probes, one by one. Raises what the client raises: all probes or no fingerprint."""
    first = await _first_answer(client)
    offered = bool(first.top_logprobs)
    later = [await client.chat(probe.request(logprobs=offered)) for probe in PROBES[1:]]
    answers = [first, *later]
    shown = sum(bool(answer.top_logprobs) for answer in answers)
    mode: Mode = "logprobs" if shown >= _MOST_PROBES * len(PROBES) else "text"
    kept = zip(PROBES, answers, strict=True)
    detail = tuple(_kept(probe.name, answer) for probe, answer in kept)
    facts = [asdict(answer) for answer in detail]
    value = digest([mode, VERSION, client.endpoint.served_id, facts])
    return Fingerprint(value, mode, VERSION, detail)


async def confirm(client: ModelClient, known: Fingerprint) -> Comparison:
    """Compare what is served now with `known`.

    "changed" needs two new measurements that agree with each other, and neither with `known`. A
    server that flickers, or several replicas that serve different models, gives "cannot tell".
    """
    first = await measure(client)
    if is_same(known, first):
        return Comparison("same", known, known)
    second = await measure(client)
    is_changed = is_same(first, second) and not is_same(known, second)
    return Comparison("changed" if is_changed else "cannot tell", second, known)


def is_same(one: Fingerprint, other: Fingerprint) -> bool:
    """Whether two measurements are of one model, as far as their mode can tell."""
    return distance(one, other) <= TOLERANCE[one.mode]


def distance(one: Fingerprint, other: Fingerprint) -> float:
    """How far two measurements are apart, 0 for equal ones; infinite across modes and versions.

    In mode "logprobs" nats in the mean, in mode "text" the share of other first tokens.
    """
    if one.kind != other.kind:
        return math.inf
    between = logprob_distance if one.mode == "logprobs" else text_distance
    return between(one.detail, other.detail)


async def _first_answer(client: ModelClient) -> ChatResponse:
    """Of the first probe; without log-probabilities when the server refuses to give them."""
    try:
        return await client.chat(PROBES[0].request(logprobs=True))
    except ModelAnswerError as error:
        if error.status not in _REFUSALS:
            raise
    return await client.chat(PROBES[0].request(logprobs=False))


def _kept(probe: str, answer: ChatResponse) -> ProbeAnswer:
    """Of tokens that read alike the likeliest one stands for all."""
    likely: dict[str, float] = {}
    for token in answer.top_logprobs[0] if answer.top_logprobs else ():
        value = round(token.logprob, _DECIMALS)
        likely[token.token.hex()] = max(value, likely.get(token.token.hex(), value))
    return ProbeAnswer(probe, answer.prompt_tokens, answer.text, likely)
