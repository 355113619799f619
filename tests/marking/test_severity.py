"""Severities are found where they are known, their intervals cover as they say, and the likelihood is at its top."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
import pytest

from api.rehearsal.markers import ESSAY, SHORT, SimulatedItem, known_severity, marks, population
from marking.severity import Severities, categories, severities

Floats = np.ndarray[Any, np.dtype[np.float64]]


class Data(NamedTuple):
    responses: list[int]
    markers: list[int]
    marks: list[int]


def drawn(
    seed: int, *, markers: int = 12, responses: int = 500, top: int = 6, spread: float = 1.3, each: int = 2, severity: Floats | None = None
) -> tuple[Data, Floats]:
    """Marks by the model itself: each response marked by `each` markers of known severity."""
    rng = np.random.default_rng(seed)
    known = rng.normal(0, 0.4, markers) if severity is None else severity
    known = known - known.mean()
    steps = np.sort(rng.normal(0, 0.8, top))
    passed = np.concatenate([[0.0], np.cumsum(steps - steps.mean())])
    quality = rng.normal(0.3, spread, responses)
    who = np.array([rng.choice(markers, each, replace=False) for _ in range(responses)])
    logits = (quality[:, None, None] - known[who][..., None]) * np.arange(top + 1) - passed
    chances = np.exp(logits - logits.max(axis=2, keepdims=True))
    chances /= chances.sum(axis=2, keepdims=True)
    marks = (rng.random((responses, each, 1)) > chances.cumsum(axis=2)).sum(axis=2)
    return Data(np.repeat(np.arange(responses), each).tolist(), who.ravel().tolist(), (marks.ravel() * 100).tolist()), known


def covered(found: Severities, known: Floats) -> list[bool]:
    return [found.markers[m].interval[0] <= known[m] <= found.markers[m].interval[1] for m in range(len(known))]


def test_intervals_cover_known_severities_nineteen_times_of_twenty() -> None:
    hits = [hit for seed in range(40) for data, known in [drawn(seed)] for hit in covered(severities(*data, 600), known)]
    assert len(hits) == 480
    assert 0.925 <= np.mean(hits) <= 0.975  # 95 % and two and a half standard errors of 480


@pytest.mark.parametrize("item", [SHORT, ESSAY], ids=["short", "essay"])
def test_intervals_hold_for_markers_whose_errors_are_not_of_the_model(item: SimulatedItem) -> None:
    """Normal errors of unlike size, halo, drift and caution, and marks far surer than a Rasch model has them."""
    hits: list[bool] = []
    for seed in range(4):
        people, rng, count = population(seed, 30, 0), np.random.default_rng(seed), 1200
        one = rng.integers(0, 30, count)
        who, which = np.concatenate([one, (one + rng.integers(1, 30, count)) % 30]), np.tile(np.arange(count), 2)
        found = severities(which.tolist(), who.tolist(), marks(people, who, which, item)[0].tolist(), item.full)
        assert found.settled
        apart = known_severity(people, item) - np.array([found.markers[m].marks for m in range(30)])
        hits += (np.abs(apart) <= 1.96 * np.array([found.markers[m].marks_error for m in range(30)])).tolist()
    assert 0.90 <= np.mean(hits) <= 0.995  # 95 %, and two and a half standard errors of 120


def test_a_severe_marker_stands_out_in_logits_and_in_marks() -> None:
    severity = np.zeros(12)
    severity[3], severity[7] = 0.9, -0.7
    data, _ = drawn(1, responses=1500, severity=severity)
    found = severities(*data, 600).markers
    assert found[3].interval[0] > 0.5
    assert found[7].interval[1] < -0.3
    assert found[3].marks < -0.4 < 0.4 < found[7].marks  # a mark is a category here
    assert abs(sum(s.logits for s in found.values())) < 1e-9
    assert found[3].n == data.markers.count(3)


def marginal(data: Data, severity: Floats, steps: Floats, spread: float) -> float:
    """The log-likelihood by a plain sum over a fine grid: other code than what is tested."""
    grid = np.linspace(-7, 7, 561) * spread
    total = np.tile(-0.5 * (grid / spread) ** 2, (max(data.responses) + 1, 1))
    passed = np.concatenate([[0.0], np.cumsum(steps)])
    for response, marker, mark in zip(*data, strict=True):
        logits = (grid[:, None] - severity[marker]) * np.arange(len(passed)) - passed
        total[response] += logits[:, mark // 100] - np.logaddexp.reduce(logits, axis=1)
    return float(np.logaddexp.reduce(total, axis=1).sum() - len(total) * np.log(spread))


@pytest.mark.parametrize("seed", [5, 6])
def test_no_severity_can_be_moved_without_losing_likelihood(seed: int) -> None:
    data, _ = drawn(seed, markers=4, responses=120, top=4)
    found = severities(*data, 400)
    assert found.settled
    severity = np.array([found.markers[m].logits for m in range(4)])
    steps = np.array(found.steps)
    # Only contrasts are reported; the level is where the likelihood is highest.
    levels = np.linspace(-1, 1, 81)
    level = levels[np.argmax([marginal(data, severity + x, steps, found.spread) for x in levels])]
    best = marginal(data, severity + level, steps, found.spread)
    for m in range(4):
        for move in (-0.08, 0.08):
            moved = severity + level
            moved[m] += move
            assert marginal(data, moved, steps, found.spread) < best + 1e-3


def test_marks_of_an_essay_are_joined_into_categories_without_gaps() -> None:
    category, worth = categories(np.array([0, 50, 100, 6000, 5950, 3000] + [100 * n for n in range(60)]), 6000)
    assert sorted(set(category.tolist())) == list(range(len(worth)))
    assert len(worth) <= 12
    assert (np.diff(worth) > 0).all()
    few, _ = categories(np.array([0, 200, 200, 700]), 1000)
    assert few.tolist() == [0, 1, 1, 2]


def test_markers_who_never_met_are_told() -> None:
    one, two = drawn(1, markers=3, responses=40)[0], drawn(2, markers=3, responses=40)[0]
    apart = Data(one.responses + [r + 40 for r in two.responses], one.markers + [m + 3 for m in two.markers], one.marks + two.marks)
    assert not severities(*apart, 600).connected
    assert severities(*one, 600).connected


def test_nothing_is_said_of_one_marker_or_of_one_mark() -> None:
    assert severities([1, 2], [7, 7], [100, 200], 600).markers == {}
    assert severities([1, 1], [7, 8], [100, 100], 600).markers == {}
