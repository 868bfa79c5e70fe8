"""How far two measurements of a model lie apart. Pure."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

#: The share of probes, and of likely tokens, that two measurements must have in common before a
#: mean over them means anything.
_MOST_PROBES = 0.75
_MOST_TOKENS = 0.5


@dataclass(frozen=True, slots=True)
class ProbeAnswer:
    """What a model made of one probe.

    `text` is its first token as text; `logprobs` are the likeliest first tokens, by their bytes in
    hex and their number (`4f4b:512`) if it is known, with natural log-probabilities; empty when the
    server gave none.
    """

    probe: str
    prompt_tokens: int
    text: str
    logprobs: Mapping[str, float]


@dataclass(frozen=True, slots=True)
class _Gap:
    """The differences at one probe: their sum, of how many tokens, and how many both lists hold."""

    total: float
    tokens: int
    shared: int


def logprob_distance(one: Sequence[ProbeAnswer], other: Sequence[ProbeAnswer]) -> float:
    """Mean |difference| of log-probabilities over all tokens of all probes, in nats; symmetric.

    A token that only one list holds lies at most at the smallest value of the other one: it counts
    with its distance to that value, and with 0 when it lies below it, since nothing more is known.
    Infinite when a prompt has another number of tokens, or when too little is in common to take a
    mean: fewer than three quarters of the probes, or half of the tokens.
    """
    if not _same_prompts(one, other):
        return math.inf
    pairs = zip(one, other, strict=True)
    gaps = [_gap(a.logprobs, b.logprobs) for a, b in pairs if a.logprobs and b.logprobs]
    tokens = sum(gap.tokens for gap in gaps)
    shared = sum(gap.shared for gap in gaps)
    if not gaps or len(gaps) < _MOST_PROBES * len(one) or shared < _MOST_TOKENS * tokens:
        return math.inf
    return math.fsum(gap.total for gap in gaps) / tokens


def text_distance(one: Sequence[ProbeAnswer], other: Sequence[ProbeAnswer]) -> float:
    """The share of probes whose first token reads differently, 0 to 1; symmetric.

    Infinite when a prompt has another number of tokens.
    """
    if not one or not _same_prompts(one, other):
        return math.inf
    pairs = zip(one, other, strict=True)
    return sum(a.text != b.text for a, b in pairs) / len(one)


def _same_prompts(one: Sequence[ProbeAnswer], other: Sequence[ProbeAnswer]) -> bool:
    return [(a.probe, a.prompt_tokens) for a in one] == [(b.probe, b.prompt_tokens) for b in other]


def _gap(one: Mapping[str, float], other: Mapping[str, float]) -> _Gap:
    both = one.keys() & other.keys()
    known = [abs(one[token] - other[token]) for token in both]
    # fsum, because the order of a set must not show in the last digit
    total = math.fsum([*known, *_beyond(one, other), *_beyond(other, one)])
    return _Gap(total, len(one.keys() | other.keys()), len(both))


def _beyond(one: Mapping[str, float], other: Mapping[str, float]) -> list[float]:
    """At least how far each token that only `one` holds is from where `other` has it."""
    least = min(other.values())
    return [max(0.0, value - least) for token, value in one.items() if token not in other]
