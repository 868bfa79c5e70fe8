"""Binomial tails: how often so many of n answers are right at a given rate."""

from __future__ import annotations

import math


def at_least(passes: int, n: int, rate: float) -> float:
    """P(X >= passes) for X ~ Binomial(n, rate)."""
    if passes <= 0:
        return 1.0
    if rate <= 0 or passes > n:
        return 0.0
    if rate >= 1:
        return 1.0
    if passes < n * rate:
        # Sum the shorter tail: the first term of the longer one may be too small for a float.
        return 1 - at_least(n - passes + 1, n, 1 - rate)
    log_choose = math.lgamma(n + 1) - math.lgamma(passes + 1) - math.lgamma(n - passes + 1)
    term = math.exp(log_choose + passes * math.log(rate) + (n - passes) * math.log1p(-rate))
    terms = [term]
    odds = rate / (1 - rate)
    for k in range(passes, n):
        term *= (n - k) / (k + 1) * odds
        terms.append(term)
    return min(1.0, math.fsum(terms))


def rate_for_power(passes: int, n: int, power: float = 0.8) -> float:
    """The true rate at which n cases give at least `passes` passes with probability `power`."""
    low, high = 0.0, 1.0
    for _ in range(30):
        middle = (low + high) / 2
        low, high = (middle, high) if at_least(passes, n, middle) < power else (low, middle)
    return high
