"""Measures of markers against published tables, and what must hold for any marks."""

from __future__ import annotations

import math
import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.exam import Tolerance
from marking.measures import (
    agreement,
    deviation,
    drift,
    play_safe,
    spread,
    standardised_difference,
    third_marking_rate,
    weighted_kappa,
    within_tolerance,
)

marks = st.integers(0, 12).map(lambda n: 50 * n)
pairs = st.lists(st.tuples(marks, marks), max_size=40)


@pytest.mark.parametrize(
    ("first", "second", "power", "kappa"),
    [
        ([1, 2, 1], [1, 2, 2], 2, 0.4),  # the quadratic weighted kappa's usual examples
        ([1, 2, 3, 1, 2, 2, 3], [1, 2, 3, 1, 2, 3, 2], 2, 0.75),
        ([1, 2, 3, 1, 2, 2, 3], [1, 2, 3, 1, 2, 3, 2], 0, 0.5625),
    ],
)
def test_kappa_of_published_marks(first: list[int], second: list[int], power: int, kappa: float) -> None:
    assert weighted_kappa(list(zip(first, second, strict=True)), power) == pytest.approx(kappa, abs=5e-5)


def test_kappa_of_cohens_tables() -> None:
    two_by_two = [(0, 0)] * 20 + [(0, 1)] * 5 + [(1, 0)] * 10 + [(1, 1)] * 15
    assert weighted_kappa(two_by_two, 0) == pytest.approx(0.4, abs=5e-5)
    counts = [[88, 14, 18], [10, 40, 10], [2, 6, 12]]  # Cohen 1968, proportions of 200
    table = [(row, column) for row in range(3) for column in range(3) for _ in range(counts[row][column])]
    assert weighted_kappa(table, 0) == pytest.approx(0.4915, abs=5e-5)
    assert weighted_kappa(table, 2) == pytest.approx(0.4545, abs=5e-5)


@given(pairs)
def test_shares_are_shares_and_exact_is_part_of_adjacent(given_pairs: list[tuple[int, int]]) -> None:
    exact, adjacent = agreement(given_pairs, 50)
    if given_pairs:
        assert 0 <= exact <= adjacent <= 1
        assert within_tolerance(given_pairs, Tolerance(fraction="1"), 600) == 1
        assert within_tolerance(given_pairs, Tolerance(marks=0, inclusive=False), 600) == exact
    else:
        assert math.isnan(exact)


@given(pairs, st.sampled_from([0, 1, 2]))
def test_kappa_knows_no_order_of_the_two_and_is_at_most_one(given_pairs: list[tuple[int, int]], power: int) -> None:
    kappa = weighted_kappa(given_pairs, power)
    swapped = weighted_kappa([(b, a) for a, b in given_pairs], power)
    assert math.isnan(kappa) == math.isnan(swapped)
    if not math.isnan(kappa):
        assert kappa == pytest.approx(swapped)
        assert kappa <= 1 + 1e-12


def test_who_plays_safe_marks_at_71_percent() -> None:
    assert play_safe([6800, 7100, 7400, 6799, 7401, 0], 10_000) == 0.5


def test_deviation_has_a_sign_and_a_size() -> None:
    found = deviation([(300, 400), (500, 400), (200, 400)])
    assert found.n == 3
    assert found.signed == pytest.approx(-2 / 3)
    assert found.absolute == pytest.approx(4 / 3)


def test_spread_and_difference() -> None:
    found = spread([200, 400, 600])
    assert (found.n, found.mean, found.sd, found.lowest, found.highest) == (3, 4.0, 2.0, 2.0, 6.0)
    assert standardised_difference([300, 500, 700], [200, 400, 600]) == pytest.approx(0.5)
    assert math.isnan(standardised_difference([100], [100]))


def test_third_marking_rate() -> None:
    assert third_marking_rate(90, 10) == 0.1
    assert math.isnan(third_marking_rate(0, 0))


def test_a_marker_who_does_not_drift_is_seldom_beyond_and_one_who_does_is_found() -> None:
    draw = random.Random(3)
    still = [drift(draw.gauss(0, 1) for _ in range(200)) for _ in range(400)]
    assert sum(one.is_beyond for one in still) / 400 < 0.02  # three standard errors at the end
    moved = [drift(draw.gauss(0 if n < 100 else 1, 1) for n in range(160)) for _ in range(200)]
    found = [one.first_beyond for one in moved if one.first_beyond is not None and one.first_beyond > 100]
    assert len(found) > 150
    assert sorted(found)[len(found) // 2] < 115  # half of them within fifteen marks
