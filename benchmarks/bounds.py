"""What a count of mistakes allows to be said of their rate: the upper bound of Clopper and Pearson (1934), one-sided."""

from __future__ import annotations

import math


def upper_bound(mistakes: int, trials: int, *, sure: float = 0.95) -> float:
    """The rate at which so few mistakes would be seen with a chance of only `1 - sure`; with no trial 1."""
    if trials <= mistakes:
        return 1.0
    if mistakes == 0:
        return -math.expm1(math.log1p(-sure) / trials)
    low, high = mistakes / trials, 1.0
    for _ in range(100):
        middle = (low + high) / 2
        low, high = (middle, high) if _at_most(mistakes, trials, middle) > 1 - sure else (low, middle)
    return high


def _at_most(mistakes: int, trials: int, rate: float) -> float:
    """The binomial chance of at most so many mistakes."""
    if rate >= 1.0:
        return 0.0
    logs = [
        math.lgamma(trials + 1) - math.lgamma(k + 1) - math.lgamma(trials - k + 1) + k * math.log(rate) + (trials - k) * math.log1p(-rate)
        for k in range(mistakes + 1)
    ]
    return math.fsum(math.exp(one) for one in logs)
