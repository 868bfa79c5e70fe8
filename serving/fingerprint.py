"""Which model really answers behind an endpoint: a fingerprint of its answers to fixed probes.

Mode "logprobs", the normal one, for endpoints that give `top_logprobs` (vLLM and llama.cpp do):
for each probe the number of prompt tokens, and the log-probabilities of the likeliest first
tokens. Two measurements are of one model when all token counts are equal and the log-probabilities
differ by at most a tolerance in the mean. A tolerance, because no server need compute exactly the
same numbers twice: what is in its prefix cache and what else is in the batch may move them. A
server that can is asked to compute each probe afresh; how much is left is learned from repeats on
the same server, alone, in company and after it, when it is measured first.

Mode "text", for the others, is weak: token counts, and the first token as text. It sees another
tokenizer, chat template or default system prompt, and a very different model; it does not see
another precision, quantisation or a fine-tune.

So a fingerprint is an identity and no hash to be hit again: `value` is made of the first
measurement and stays while `confirm` says "same". docs/fingerprint.md has the figures, ADR 9 the
decision.
"""

from __future__ import annotations

import asyncio
import math
from collections.abc import Awaitable, Iterable, Mapping, Sequence
from contextlib import suppress
from dataclasses import asdict, dataclass, replace
from itertools import chain, combinations, zip_longest
from typing import Any, Literal, Self

from core.digest import digest
from core.errors import AssayError
from serving.client import ChatRequest, ModelAnswerError, ModelClient
from serving.distance import ProbeAnswer, logprob_distance, text_distance
from serving.messages import ChatResponse, LikelyToken
from serving.probes import PROBES, VERSION, Probe, company

Mode = Literal["logprobs", "text"]

#: Nats in the mean. Below it nothing is a change, however exactly a server repeats itself: three
#: times what cached and computed prefixes are apart in bfloat16 (6.4e-3), which repeats on a server
#: that was asked before cannot show.
FLOOR = 0.02
#: Nats in the mean. Beyond it nothing is noise, however a server wobbles: the noisiest one known
#: (a 4-bit model on AVX2) was never further than 0.089 from itself.
CEILING = 0.12
#: Of the largest distance between repeats: three repeats do not show the largest of all.
_MARGIN = 1.5
#: The largest share of first words that differ, in mode "text".
_TEXT_TOLERANCE = 0.25
_MODES: tuple[Mode, ...] = ("logprobs", "text")
#: What a server answers that does not know a field, or gives no `logprobs` with this model.
_REFUSALS = {400, 422}
_MOST_PROBES = 0.75
_DECIMALS = 4


@dataclass(frozen=True, slots=True)
class _Form:
    """How a server is asked: what it may refuse, and then is asked without."""

    logprobs: bool
    afresh: bool

    def request(self, probe: Probe) -> ChatRequest:
        return probe.request(logprobs=self.logprobs, afresh=self.afresh)


#: The most telling first. Servers that forbid unknown fields refuse to be told of their cache.
_FORMS = (_Form(True, True), _Form(True, False), _Form(False, False))


@dataclass(frozen=True, slots=True)
class Fingerprint:
    """`value` is 64 hex digits and names the model that was measured; `detail` is the measurement,
    in the order of PROBES. `spread` is how far repeats of it were apart at most, in nats.
    """

    value: str
    mode: Mode
    version: int
    detail: tuple[ProbeAnswer, ...]
    spread: float = 0.0

    @property
    def kind(self) -> str:
        """Mode and version, `logprobs/2`: only fingerprints of one kind can be compared."""
        return f"{self.mode}/{self.version}"

    @property
    def tolerance(self) -> float:
        """How far another measurement of the same model may lie from this one."""
        if self.mode == "text":
            return _TEXT_TOLERANCE
        return min(CEILING, max(FLOOR, _MARGIN * self.spread))

    def detail_json(self) -> list[dict[str, Any]]:
        """The measurement as JSON, for `stored`: an object for each probe; the first one also
        holds the spread.
        """
        answers = [asdict(answer) for answer in self.detail]
        return [answers[0] | {"spread": self.spread}, *answers[1:]] if answers else []

    @classmethod
    def stored(cls, value: str, kind: str, detail: Sequence[Mapping[str, Any]]) -> Self | None:
        """A fingerprint read back; None when there is none, or none that can be compared now."""
        for mode in _MODES:
            if value and detail and kind == f"{mode}/{VERSION}":
                first = dict(detail[0])
                spread = float(first.pop("spread", 0.0))
                answers = tuple(ProbeAnswer(**answer) for answer in (first, *detail[1:]))
                return cls(value, mode, VERSION, answers, spread)
        return None


@dataclass(frozen=True, slots=True)
class Comparison:
    """What became of a known fingerprint; `known` is None when there was none.

    `fingerprint` is the one that holds now: the known one when it is the same (with a larger spread
    when the server was seen to wobble more), else what is served now.
    """

    state: Literal["same", "changed", "cannot tell"]
    fingerprint: Fingerprint
    known: Fingerprint | None = None
    #: How far the measurement lies from the known one: nats, or the share of other first words.
    distance: float = 0.0


async def measure(client: ModelClient) -> Fingerprint:
    """Meet a model: ask every probe three times, and learn how much the server wobbles.

    First one by one, then all at once among other chats, then all at once where those chats have
    been. Raises what the client raises: all probes or no fingerprint.
    """
    first = await _one_by_one(client)
    spread = _spread([first, await _at_once(client, busy=True), await _at_once(client)])
    # Across modes nothing can be learned; the server is inconsistent, and `confirm` will say so.
    return replace(first, spread=round(spread, _DECIMALS) if math.isfinite(spread) else CEILING)


async def confirm(client: ModelClient, known: Fingerprint) -> Comparison:
    """Compare what is served now with `known`: every probe once, while it is the same.

    If it seems not to be, the server is met anew. "changed" needs a new meeting that agrees with
    itself and with the first look, and in no part with `known`. A server that only wobbles more
    than was known stays "same", and its spread grows, up to the ceiling. One that flickers, or
    several replicas that serve different models, gives "cannot tell".
    """
    look = await _at_once(client)
    away = distance(known, look)
    if away <= known.tolerance:
        return Comparison("same", known, known, away)
    met = await measure(client)
    wider = replace(known, spread=max(known.spread, met.spread))
    if max(away, distance(known, met)) <= wider.tolerance:
        return Comparison("same", wider, known, away)
    is_changed = is_same(met, look) and not is_same(wider, met) and not is_same(wider, look)
    return Comparison("changed" if is_changed else "cannot tell", met, known, away)


async def glance(client: ModelClient, known: Fingerprint) -> float:
    """How far one look at what is served now lies from `known`; `confirm` begins with it."""
    return distance(known, await _at_once(client))


def is_same(one: Fingerprint, other: Fingerprint) -> bool:
    """Whether two measurements are of one model, as far as their mode can tell."""
    return distance(one, other) <= max(one.tolerance, other.tolerance)


def distance(one: Fingerprint, other: Fingerprint) -> float:
    """How far two measurements are apart, 0 for equal ones; infinite across modes and versions.

    In mode "logprobs" nats in the mean, in mode "text" the share of other first tokens.
    """
    if one.kind != other.kind:
        return math.inf
    between = logprob_distance if one.mode == "logprobs" else text_distance
    return between(one.detail, other.detail)


def _spread(measured: Iterable[Fingerprint]) -> float:
    return max(distance(one, other) for one, other in combinations(measured, 2))


async def _one_by_one(client: ModelClient) -> Fingerprint:
    form, first = await _first_answer(client)
    later = [await client.chat(form.request(probe)) for probe in PROBES[1:]]
    return _fingerprint(client, [first, *later])


async def _at_once(client: ModelClient, *, busy: bool = False) -> Fingerprint:
    """As many at a time as the client has seats; `busy`: other chats are among them."""
    # Anew each time: who refused a field, or gave no log-probabilities, may not do so by now.
    form, first = await _first_answer(client)
    asked = [client.chat(form.request(probe)) for probe in PROBES[1:]]
    others = [_ignored(client, chat) for chat in company()] if busy else []
    return _fingerprint(client, [first, *await _probes_among(asked, others)])


async def _probes_among(
    probes: Sequence[Awaitable[ChatResponse]], others: Sequence[Awaitable[None]]
) -> list[ChatResponse]:
    """The probes' answers. Others take their seats in between; nothing runs on after an error."""
    turns = [each for each in chain.from_iterable(zip_longest(probes, others)) if each is not None]
    tasks = [asyncio.ensure_future(turn) for turn in turns]
    try:
        answers = await asyncio.gather(*tasks)
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
    return [answer for answer in answers if answer is not None]


async def _ignored(client: ModelClient, chat: ChatRequest) -> None:
    with suppress(AssayError):
        await client.chat(chat)


async def _first_answer(client: ModelClient) -> tuple[_Form, ChatResponse]:
    """Of the first probe, in the first form that the server does not refuse."""
    *wishes, last = _FORMS
    for form in wishes:
        try:
            answer = await client.chat(form.request(PROBES[0]))
        except ModelAnswerError as error:
            if error.status not in _REFUSALS:
                raise
        else:
            return replace(form, logprobs=bool(answer.top_logprobs)), answer
    return last, await client.chat(last.request(PROBES[0]))


def _fingerprint(client: ModelClient, answers: Sequence[ChatResponse]) -> Fingerprint:
    shown = sum(bool(answer.top_logprobs) for answer in answers)
    mode: Mode = "logprobs" if shown >= _MOST_PROBES * len(PROBES) else "text"
    kept = zip(PROBES, answers, strict=True)
    detail = tuple(_kept(probe.name, answer) for probe, answer in kept)
    facts = [asdict(answer) for answer in detail]
    value = digest([mode, VERSION, client.endpoint.served_id, facts])
    return Fingerprint(value, mode, VERSION, detail)


def _kept(probe: str, answer: ChatResponse) -> ProbeAnswer:
    """Where a server does not number its tokens, of those that read alike the likeliest one stands
    for all. Texts are kept without NUL, which PostgreSQL cannot hold.
    """
    likely: dict[str, float] = {}
    for token in answer.top_logprobs[0] if answer.top_logprobs else ():
        value = round(token.logprob, _DECIMALS)
        likely[_name(token)] = max(value, likely.get(_name(token), value))
    text = answer.text.replace("\0", "\N{REPLACEMENT CHARACTER}")
    return ProbeAnswer(probe, answer.prompt_tokens, text, likely)


def _name(token: LikelyToken) -> str:
    """Its bytes in hex, and its number in the vocabulary where the server tells it."""
    return token.token.hex() if token.number is None else f"{token.token.hex()}:{token.number}"
