"""How likely a final mark is definitive is said as it comes, and extra marks go where they gain most."""

from __future__ import annotations

import time
from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from api.rehearsal.markers import ESSAY, SHORT, SimulatedItem, definitive, marks, population
from core.exam import Scheme, WrittenItem
from core.states import TaskLevel
from marking.adjudicate import Agreed, Given, adjudicate
from marking.risk import EXPERT, Decided, Goal, near_boundary, odds, plan, reliability
from marking.scatter import TYPES, Marked, Scale, Scatter, fit, phi
from marking.severity import Severities, severities

NOBODY = Severities({}, (), 0.0, 0, False, False)
MARKERS, KNOWN = 60, 30


def small_scatter(seed: int, top: int = 4) -> Scatter:
    """Any chances at all, on a scale of 0 to `top`, of two markers."""
    rng = np.random.default_rng(seed)
    chances = rng.dirichlet(np.ones(top + 1), (2, top + 1))
    prior = rng.dirichlet(np.ones(top + 1))
    states = np.arange(top + 1)
    return Scatter(Scale.of(top * 100, 100), np.array([7, 9]), states, chances, prior, np.full(top + 1, 0.5), 0.0, np.ones((2, 1)), True)


@pytest.mark.parametrize("seed", range(4))
@pytest.mark.parametrize(("tolerance", "inclusive"), [(0, True), (1, True), (1, False), (2, True)])
def test_the_odds_are_what_the_truth_table_makes_of_every_next_mark(seed: int, tolerance: int, inclusive: bool) -> None:
    """By plain sums over every definitive mark and every next mark, each put to `adjudicate`."""
    scatter = small_scatter(seed)
    scheme = Scheme.model_validate(
        {"name": "1+1", "tolerance": {"marks": tolerance, "inclusive": inclusive}, "extra": {"share": "1", "to": "arbiter"}}
    )
    item = WrittenItem(id="x", marks=4)
    goal = Goal.of(scheme, item)
    pair = [Given(TaskLevel.MARKER, (200,)), Given(TaskLevel.MARKER, (200 + 100 * (tolerance - (not inclusive and tolerance > 0)),))]
    agreed = adjudicate(scheme, item, pair)
    assert isinstance(agreed, Agreed)
    places = [mark.total // 100 for mark in pair]
    likely = [scatter.prior[t] * scatter.chances[0, t, places[0]] * scatter.chances[1, t, places[1]] for t in range(5)]
    now = after = asked = 0.0
    for t in range(5):
        weight = likely[t] / sum(likely)
        now += weight * (int(agreed.mark + 50) // 100 == t)
        for mark in range(5):
            chance = weight * scatter.chances[:, t, mark].mean()
            verdict = adjudicate(scheme, item, [*pair, Given(TaskLevel.MARKER, (mark * 100,))], extra=1)
            if isinstance(verdict, Agreed):
                after += chance * (int(verdict.mark + 50) // 100 == t)
            else:
                asked += chance
                after += chance * float(2 * phi(np.array([0.5 / (EXPERT * 0.5)]))[0] - 1)
    found = odds(
        scatter, goal, Marked.of([1, 1], [7, 9], [m.total for m in pair]), np.array([1]), [Decided(agreed.mark, (200, pair[1].total))]
    )
    assert found.now[0] == pytest.approx(now)
    assert found.after[0] == pytest.approx(after)
    assert found.marks[0] == pytest.approx(1 + asked)


def test_a_goal_within_the_tolerance_takes_the_schemes_own_limit() -> None:
    scheme = Scheme.model_validate({"name": "1+1", "tolerance": {"marks": 6}})
    goal, scale = Goal.of(scheme, WrittenItem(id="e", marks=60)), Scale.of(6000, 100)
    assert not goal.exact
    assert np.flatnonzero(goal.hits(Fraction(3050), scale)).tolist() == list(range(25, 37))
    assert np.flatnonzero(goal.other().hits(Fraction(3050), scale)).tolist() == [31]  # half up
    assert Goal.of(scheme, WrittenItem(id="s", marks=6)).exact


def test_a_fine_scale_is_joined_and_every_mark_has_a_place() -> None:
    scale = Scale.of(10000, 1)
    assert scale.top <= 100
    places = scale.place(np.arange(0, 10001))
    assert places[0] == 0
    assert places[-1] == scale.top
    assert (np.diff(places) >= 0).all()


# On simulated markers.


def drawn(item: SimulatedItem, seed: int, count: int) -> tuple[Marked, dict[int, int], np.ndarray, np.ndarray]:
    """Two marks on each response, and known responses that half of the markers marked."""
    people, rng = population(seed, MARKERS, 2), np.random.default_rng(seed)
    which = np.arange(count)
    one = rng.integers(0, MARKERS, count)
    other = (one + rng.integers(1, MARKERS, count)) % MARKERS
    seeds = np.repeat(np.arange(count, count + KNOWN), MARKERS)
    who = np.tile(np.arange(MARKERS), KNOWN)
    some = rng.random(len(seeds)) < 0.5
    responses = np.concatenate([which, which, seeds[some]])
    markers = np.concatenate([one, other, who[some]])
    given = marks(people, markers, responses, item, rng.integers(0, 400, len(markers)))[0]
    known = dict(zip(range(count, count + KNOWN), definitive(seed, np.arange(count, count + KNOWN), item).tolist(), strict=True))
    return Marked.of(responses, markers, given), known, given[:count], given[count : 2 * count]


@pytest.mark.parametrize(("item", "tolerance"), [(SHORT, 0), (ESSAY, 6)], ids=["short", "essay"])
def test_of_those_said_to_be_definitive_with_a_chance_that_share_is(item: SimulatedItem, tolerance: int) -> None:
    count, seed = 7000, 3
    marked, known, a, b = drawn(item, seed, count)
    severe = severities(marked.responses.tolist(), marked.markers.tolist(), marked.marks.tolist(), item.full)
    scatter = fit(Scale.of(item.full, item.step), marked, severe, known)
    goal = Goal(item.step, item is SHORT, Fraction(100 * tolerance))
    agreed = np.flatnonzero(np.abs(a - b) <= 100 * tolerance)
    decided = [Decided(Fraction(int(x + y), 2), (int(min(x, y)), int(max(x, y)))) for x, y in zip(a[agreed], b[agreed], strict=True)]
    of_these = np.isin(marked.responses, agreed)
    part = Marked(marked.responses[of_these], marked.markers[of_these], marked.marks[of_these])
    now = odds(scatter, goal, part, agreed, decided).now
    truth, final = definitive(seed, agreed, item), (a + b)[agreed] / 2
    came = final == truth if item is SHORT else np.abs(final - truth) <= 100 * tolerance
    found = reliability(now, came)
    chance = 2 * np.sqrt(found.said * (1 - found.said) / (len(agreed) / 10))  # a tenth is a sample
    assert (np.abs(found.said - found.came) <= 0.02 + chance).all(), (found.said, found.came)
    assert abs(now.mean() - came.mean()) <= 0.015
    assert found.brier < ((came.mean() - came) ** 2).mean()  # better than saying the same of all
    strays = scatter.types @ np.array([stray for _, stray in TYPES])
    careless = np.array([person.careless > 0 for person in population(seed, MARKERS, 2)])
    assert strays[careless].min() > 5 * strays[~careless].mean()


def test_the_further_apart_two_marks_are_the_seldomer_an_expert_is_needed() -> None:
    marked, known, _, _ = drawn(ESSAY, 5, 1500)
    scatter = fit(Scale.of(6000, 100), marked, NOBODY, known)
    pairs = [(3000, 3000 + 100 * d) for d in range(7)]
    part = Marked.of([n for n in range(7) for _ in "ab"], [n % 2 + 5 for n in range(14)], [m for pair in pairs for m in pair])
    found = odds(scatter, Goal(100, False, Fraction(600)), part, np.arange(7), [Decided(Fraction(sum(p), 2), p) for p in pairs])
    assert (np.diff(found.marks) < 0).all()  # the next mark is the likelier to be near one of them
    assert ((found.now >= 0) & (found.now <= 1) & (found.after >= 0) & (found.after <= 1)).all()


def test_with_too_few_marks_together_it_is_said_that_nothing_is_measured() -> None:
    scatter = fit(Scale.of(600, 100), Marked.of([1, 2, 3], [7, 7, 8], [100, 300, 600]), NOBODY)
    assert not scatter.fitted
    assert scatter.chances.sum(axis=2) == pytest.approx(1)


# The plan.

gains = st.lists(st.tuples(st.floats(-0.2, 0.9), st.floats(1, 2)), min_size=1, max_size=40)


@given(gains, st.floats(0, 30), st.integers(0, 40), st.integers(0, 3))
def test_a_plan_takes_the_best_first_and_stays_within_its_budget(
    of: list[tuple[float, float]], budget: float, most: int, seed: int
) -> None:
    gain, cost = np.array([g for g, _ in of]), np.array([c for _, c in of])
    chosen = plan(gain, cost, budget, at_most=most, seed=seed)
    worth = np.round(gain / cost, 12)
    assert len(set(chosen.tolist())) == len(chosen) <= most
    assert cost[chosen].sum() <= budget + 1e-6
    assert (worth[chosen] > 0).all()
    assert (np.diff(worth[chosen]) <= 0).all()
    left = np.setdiff1d(np.arange(len(gain)), chosen)
    if len(chosen) and len(left):
        assert worth[left].max() <= worth[chosen].min()
    assert plan(gain, cost, budget, at_most=most, seed=seed).tolist() == chosen.tolist()


def test_equal_gains_fall_by_the_seed() -> None:
    gain, cost = np.full(100, 0.2), np.ones(100)
    plans = {tuple(plan(gain, cost, 10, seed=seed).tolist()) for seed in range(5)}
    assert len(plans) == 5
    assert all(len(one) == 10 for one in plans)


def test_a_weight_draws_the_plan_to_the_grade_boundaries() -> None:
    totals = np.array([50.0, 59.5, 60.0, 72.0, 85.2])
    weight = near_boundary(totals, 1.0, [60, 85])
    assert plan(np.full(5, 0.1), np.ones(5), 3, weight=weight).tolist() == [2, 4, 1]


def test_sixty_thousand_are_planned_at_once() -> None:
    rng = np.random.default_rng(1)
    gain, cost = rng.random(60_000), 1 + rng.random(60_000)
    started = time.process_time()
    assert len(plan(gain, cost, 6000)) > 3000
    assert time.process_time() - started < 1
