"""Looking at a comparison while it runs: an e-process over the cases that flip.

Under "a flip goes either way with the same probability" the bet
E_t = 2^{b+c}·B(a + b, a + c)/B(a, a) is a martingale that starts at 1 (a Beta(a, a) mixture of
likelihood ratios), so it ever reaches 1/alpha with probability at most alpha (Ville 1939), however
often one looks. The order of the cases does not matter.
"""

from __future__ import annotations

import math

from evals.domain.statistics.interval import StatisticsInputError


def e_value(worse: int, better: int, a: float = 1.0) -> float:
    """The wealth of the bet after so many flips; 1 before the first. Infinite beyond a float."""
    if min(worse, better) < 0 or a <= 0:
        raise StatisticsInputError(f"{worse} and {better} flips cannot be")
    logarithm = (worse + better) * math.log(2) + _log_beta(a + worse, a + better) - _log_beta(a, a)
    return math.exp(min(logarithm, 700.0))


def is_decided(worse: int, better: int, alpha: float, a: float = 1.0) -> bool:
    """Whether the flips so far show a difference: E_t >= 1/alpha."""
    return e_value(worse, better, a) >= 1 / alpha


def _log_beta(a: float, b: float) -> float:
    return math.lgamma(a) + math.lgamma(b) - math.lgamma(a + b)
