"""How many cases a comparison takes, and what a given number of cases can see.

`flip_rate` is the share of cases whose verdict differs between the arms, `power` the probability
of finding what is there, `alpha` the probability of finding what is not.
"""

from __future__ import annotations

import math
from statistics import NormalDist

from evals.domain.statistics.interval import StatisticsInputError, one_sided_z, two_sided_z

POWER = 0.8
#: Rounding must not add a case to a figure that is whole.
_SLACK = 1e-9


def cases_for_mean_difference(
    difference: float,
    case_variance: float,
    generation_variance: float = 0.0,
    repeats: float = math.inf,
    *,
    alpha: float = 0.05,
    power: float = POWER,
) -> int:
    """n = (z_{a/2} + z_b)²(ω² + 2s²/K)/δ² (Miller 2024, formula 9, both arms alike).

    ω² `case_variance` is that of the difference between the arms' expected scores, s²
    `generation_variance` that of one answer, K `repeats` of each arm.
    """
    spread = case_variance + 2 * generation_variance / repeats
    z = two_sided_z(1 - alpha) + one_sided_z(power)
    return _cases(z**2 * spread / _positive(difference) ** 2)


def cases_for_drop(
    drop: float, flip_rate: float, *, alpha: float = 0.05, power: float = POWER, sides: int = 2
) -> int:
    """Cases for McNemar's test to find a drop of `drop` (Connor 1987).

    n = (z_a·sqrt(p_d) + z_b·sqrt(p_d - δ²))²/δ²; p_d `flip_rate` is at least δ.
    """
    if not 0 < drop <= flip_rate <= 1:
        raise StatisticsInputError("a drop is above 0 and at most the share of cases that flip")
    return _cases((_signal(drop, flip_rate, alpha / sides, power) / drop) ** 2)


def detectable_drop(
    cases: float, noise: float, margin: float = 0.0, *, alpha: float = 0.05, power: float = POWER
) -> float | None:
    """The smallest drop that `cases` cases prove, with `power`, to be more than `margin`
    (one-sided); None: not even a drop of 100 %.

    `noise` is the flip rate of the live version against itself (A/A). A drop adds its own flips:
    p_d = noise + drop.
    """
    if cases < 1 or not 0 <= noise <= 1 or not 0 <= margin < 1:
        raise StatisticsInputError(f"{cases} cases with {noise} flips cannot be")
    # Five flips one way are the fewest that prove anything: the normal form forgets it.
    least = math.log(alpha) / math.log(0.5) / cases

    def is_seen(drop: float) -> bool:
        flips = min(1.0, noise + drop)
        quiet = max(0.0, flips - margin**2)
        spread = one_sided_z(1 - alpha) * math.sqrt(quiet)
        spread += one_sided_z(power) * math.sqrt(max(0.0, flips - drop**2))
        return drop >= least and drop - margin >= spread / math.sqrt(cases)

    if not is_seen(1.0):
        return None
    low, high = margin, 1.0
    for _ in range(40):
        middle = (low + high) / 2
        low, high = (low, middle) if is_seen(middle) else (middle, high)
    return high


def cases_for_margin(
    margin: float, flip_rate: float, *, alpha: float = 0.05, power: float = POWER
) -> int:
    """Cases that show an equally good candidate to be no worse than `margin` below live.

    n = (z_{1-a} + z_{1-b})²·p_d/m², the usual size of a non-inferiority trial.
    """
    z = one_sided_z(1 - alpha) + one_sided_z(power)
    return _cases(z**2 * flip_rate / _positive(margin) ** 2)


def cases_for_two_rates(
    one: float, other: float, *, alpha: float = 0.05, power: float = POWER
) -> int:
    """Cases per arm to tell two rates apart when the arms answer different cases (unpaired)."""
    mean = (one + other) / 2
    apart = two_sided_z(1 - alpha) * math.sqrt(2 * mean * (1 - mean))
    alike = one_sided_z(power) * math.sqrt(one * (1 - one) + other * (1 - other))
    return _cases(((apart + alike) / _positive(abs(one - other))) ** 2)


def detectable_margin(
    cases: float, error: float, *, alpha: float = 0.05, power: float = POWER
) -> float:
    """The smallest margin that an equally good candidate passes with `power`, at most 1.

    `error` is the standard error of the difference. However few flips there are, n cases cannot
    prove less than what they would without any: see `margin_without_flips`.
    """
    flip_rate = min(1.0, cases * error**2)
    low, high = 0.0, 1.0
    for _ in range(40):
        middle = (low + high) / 2
        enough = power_of_margin(cases, flip_rate, middle, alpha=alpha) >= power
        low, high = (low, middle) if enough else (middle, high)
    return high


def margin_without_flips(cases: float, *, alpha: float = 0.05) -> float:
    """The margin that `cases` identical results prove: nm - 1/2 = z·sqrt(nm(1 - m)), at most 1."""
    z, low, high = one_sided_z(1 - alpha), 0.0, 1.0
    for _ in range(60):
        m = (low + high) / 2
        proved = cases * m - 0.5 >= z * math.sqrt(cases * m * (1 - m))
        low, high = (low, m) if proved else (m, high)
    return high


def cases_without_flips(margin: float, *, alpha: float = 0.05) -> int:
    """The fewest cases with identical results that prove `margin`; 70 for 5 points at 95 %."""
    z = one_sided_z(1 - alpha)
    root = z * math.sqrt(_positive(margin) * (1 - margin))
    # The larger root of nm - z·sqrt(nm(1 - m)) - 1/2 = 0, a quadratic in sqrt(n).
    return _cases(((root + math.sqrt(root**2 + 2 * margin)) / (2 * margin)) ** 2)


def power_of_margin(cases: float, flip_rate: float, margin: float, *, alpha: float = 0.05) -> float:
    """Probability that an equally good candidate passes `margin` in Tango's test with half a flip
    held back; 0 where it never can. By the normal curve, within 3 points of what simulation gives.
    """
    if margin_without_flips(cases, alpha=alpha) > margin:
        return 0.0
    if flip_rate == 0:
        return 1.0
    # Tango's score has the variance that the flips would have if the margin were the truth.
    linear = -flip_rate - 2 * margin
    worse = (math.sqrt(linear**2 - 4 * flip_rate * margin * (1 + margin)) - linear) / 4
    null = max(flip_rate, 2 * worse - margin * (1 + margin))
    distance = math.sqrt(cases) * (margin - 0.5 / cases) - one_sided_z(1 - alpha) * math.sqrt(null)
    return NormalDist().cdf(distance / math.sqrt(flip_rate))


def _signal(drop: float, flip_rate: float, alpha: float, power: float) -> float:
    quiet = one_sided_z(1 - alpha) * math.sqrt(flip_rate)
    return quiet + one_sided_z(power) * math.sqrt(max(0.0, flip_rate - drop**2))


def _positive(value: float) -> float:
    if value <= 0:
        raise StatisticsInputError("a difference of nothing takes endless cases")
    return value


def _cases(exact: float) -> int:
    return max(1, math.ceil(exact - _SLACK))
