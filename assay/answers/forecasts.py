"""What a run will cost and what it can decide, before anything is spent."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Forecast:
    """The plan of a run. `minutes` is None when the model's speed is unknown.

    Requests, tokens and cost (USD) are those of the model under test; `judge_requests` go to judges
    and are not among them. `decidable` says whether any result could be a PASS, `detectable` which
    does, in a sentence. `detectable_drop` is the smallest drop below the live version that shows
    with 80 % probability, `detectable_margin` the smallest margin that an equally good candidate
    passes with 80 %: shares, None without a live version or when nothing would do.
    """

    cases: int
    requests: int
    tokens: int
    cost_usd: float
    minutes: float | None
    decidable: bool
    detectable: str
    judge_requests: int | None = None
    detectable_drop: float | None = None
    detectable_margin: float | None = None
