"""Clopper and Pearson's upper bound: what a count of mistakes lets be said."""

import pytest

from benchmarks.bounds import upper_bound


def test_without_a_mistake_it_is_three_in_the_number_of_trials() -> None:
    assert upper_bound(0, 10_000_000) == pytest.approx(2.9957e-7, rel=1e-4)


@pytest.mark.parametrize(("mistakes", "trials", "bound"), [(1, 10, 0.39416), (2, 100, 0.06162), (5, 1000, 0.010483), (3, 3, 1.0)])
def test_it_is_as_in_the_tables(mistakes: int, trials: int, bound: float) -> None:
    assert upper_bound(mistakes, trials) == pytest.approx(bound, rel=1e-3)


def test_with_no_trial_nothing_is_known() -> None:
    assert upper_bound(0, 0) == 1.0


def test_more_mistakes_and_fewer_trials_raise_it() -> None:
    bounds = [upper_bound(k, 1000) for k in range(5)]
    assert bounds == sorted(bounds)
    assert upper_bound(2, 100) > upper_bound(2, 200)
