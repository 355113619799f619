"""Measures of how markers mark, as the field defines them: pure figures of marks, none of which decides a score.

Marks are hundredths. Sources: the marking rules of the field for self-consistency, expert consistency, third-marking rate
and the play-safe index (保险分系数); Cohen 1968 for weighted kappa; Roberts 1959 and Lucas & Saccucci 1990 for the moving
average of drift and its limits.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from fractions import Fraction

from core.scheme import Tolerance

Pair = tuple[int, int]  # two marks on the same item of the same response
PLAY_SAFE, PLAY_SAFE_WIDTH = Fraction(71, 100), Fraction(3, 100)  # of full marks


def agreement(pairs: Sequence[Pair], step: int) -> tuple[float, float]:
    """The shares of equal marks, and of marks at most one mark step apart. (nan, nan) without pairs."""
    if not pairs:
        return math.nan, math.nan
    exact = sum(a == b for a, b in pairs)
    adjacent = sum(abs(a - b) <= step for a, b in pairs)
    return exact / len(pairs), adjacent / len(pairs)


def within_tolerance(pairs: Sequence[Pair], tolerance: Tolerance, full: int) -> float:
    """Self-consistency of re-marks, expert consistency of seeds: the share of |x - y| within the scheme's tolerance."""
    if not pairs:
        return math.nan
    limit = tolerance.of(full)
    near = (a == b or (abs(a - b) <= limit if tolerance.inclusive else abs(a - b) < limit) for a, b in pairs)
    return sum(near) / len(pairs)


def weighted_kappa(pairs: Sequence[Pair], power: int = 2) -> float:
    """Cohen's kappa with weights |x - y| ** power: 2 is the quadratic weighted kappa, 0 the plain one.

    1 for marks that are all equal although they vary; nan where the marks do not vary, since chance explains everything.
    """
    if not pairs:
        return math.nan
    first, second = Counter(a for a, _ in pairs), Counter(b for _, b in pairs)
    seen = sum(_weight(a, b, power) for a, b in pairs)
    by_chance = sum(_weight(a, b, power) * n * m for a, n in first.items() for b, m in second.items())
    return 1.0 - seen * len(pairs) / by_chance if by_chance else math.nan


def _weight(a: int, b: int, power: int) -> int:
    return abs(a - b) ** power if power else int(a != b)


def third_marking_rate(settled_by_two: int, third: int) -> float:
    """Third markings among the responses that two markers settled or a third was asked for."""
    return third / (settled_by_two + third) if settled_by_two + third else math.nan


def play_safe(marks: Sequence[int], full: int) -> float:
    """保险分系数: the share of marks at 71 % of full marks, give or take 3 %: a marker who plays safe has many."""
    if not marks:
        return math.nan
    return sum(abs(Fraction(mark, full) - PLAY_SAFE) <= PLAY_SAFE_WIDTH for mark in marks) / len(marks)


@dataclass(frozen=True, slots=True)
class Deviation:
    """Marks less definitive marks, in marks."""

    n: int
    signed: float  # below zero: severe
    absolute: float


def deviation(pairs: Sequence[Pair]) -> Deviation:
    """`pairs`: a marker's mark and the definitive mark."""
    if not pairs:
        return Deviation(0, math.nan, math.nan)
    apart = [a - b for a, b in pairs]
    return Deviation(len(pairs), sum(apart) / len(apart) / 100, sum(map(abs, apart)) / len(apart) / 100)


@dataclass(frozen=True, slots=True)
class Spread:
    """Of a list of marks, in marks: what a leader looks at first."""

    n: int
    mean: float
    sd: float
    lowest: float
    highest: float


def spread(marks: Sequence[int]) -> Spread:
    if not marks:
        return Spread(0, math.nan, math.nan, math.nan, math.nan)
    mean = sum(marks) / len(marks)
    sd = math.sqrt(sum((m - mean) ** 2 for m in marks) / (len(marks) - 1)) if len(marks) > 1 else 0.0
    return Spread(len(marks), mean / 100, sd / 100, min(marks) / 100, max(marks) / 100)


def standardised_difference(marks: Sequence[int], group: Sequence[int]) -> float:
    """The difference of two means in standard deviations, pooled: a large testing organisation asks for at most 0.15."""
    one, all_of_them = spread(marks), spread(group)
    pooled = math.sqrt((one.sd**2 + all_of_them.sd**2) / 2) if one.n and all_of_them.n else 0.0
    return (one.mean - all_of_them.mean) / pooled if pooled else math.nan


@dataclass(frozen=True, slots=True)
class Drift:
    """An exponentially weighted moving average of standardised deviations, and the limit it had at the end."""

    n: int
    average: float
    limit: float
    first_beyond: int | None  # which deviation took the average out of its limits for the first time, from 1

    @property
    def is_beyond(self) -> bool:
        return abs(self.average) > self.limit


def drift(deviations: Iterable[float], *, weight: float = 0.1, width: float = 3.0) -> Drift:
    """EWMA of deviations that have mean 0 and standard deviation 1 while nothing drifts.

    `weight` is what the newest counts for, `width` the limits in standard errors of the average, exact for each length.
    """
    average, count, first = 0.0, 0, None
    limit = 0.0
    for count, one in enumerate(deviations, start=1):
        average = weight * one + (1 - weight) * average
        limit = width * math.sqrt(weight / (2 - weight) * (1 - (1 - weight) ** (2 * count)))
        if first is None and abs(average) > limit:
            first = count
    return Drift(count, average, limit, first)
