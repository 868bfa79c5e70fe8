"""One timed request.

The words are those of `vllm bench serve` (vllm/benchmarks/serve.py, lib/endpoint_request_func.py);
docs/latency.md says where a definition differs, and why.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise


@dataclass(frozen=True, slots=True)
class Timing:
    """One whole answer as its caller saw it; times are milliseconds since the request was sent.

    `pair` is the number, from 0, that the requests of both arms side by side share; `question` is
    which of the arm's questions it was, from 0, since few questions are asked again and again.
    `ttft_ms` is the arrival of the first text, `e2e_ms` that of the end. `itl_ms` are the gaps
    between pieces of text: one piece may hold several tokens, so they are not per token.
    `cached_tokens` is None when the server does not say how much of the prompt it had already.
    """

    pair: int
    question: int
    ttft_ms: float
    e2e_ms: float
    prompt_tokens: int
    output_tokens: int
    cached_tokens: int | None = None
    itl_ms: tuple[float, ...] = ()

    @property
    def tpot_ms(self) -> float | None:
        """Time per output token after the first: (e2e - ttft)/(output tokens - 1).

        None for an answer of one token, which has no second one to wait for.
        """
        if self.output_tokens <= 1:
            return None
        return (self.e2e_ms - self.ttft_ms) / (self.output_tokens - 1)

    @property
    def tokens_per_s(self) -> float:
        """Output tokens per second of this request, from sending to its end."""
        return self.output_tokens * 1000 / self.e2e_ms if self.e2e_ms > 0 else 0.0


def gaps(arrivals_ms: Sequence[float]) -> tuple[float, ...]:
    """The times between arrivals that follow each other."""
    return tuple(later - earlier for earlier, later in pairwise(arrivals_ms))
