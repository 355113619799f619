"""The counts are right whatever happened in whatever order, and the measures made of them are those of the definitions."""

import math
import random
from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from core.exam import ItemGroup
from marking import measures
from marking.figures import distance, drift, figures, hours_at_work
from marking.shape import Shape, reach
from marking.tally import Held, Tally
from tests.marking.exams import definition_of, one_group
from tests.marking.tallies import Made, batch, same, slow_drift, slow_item, slow_third, with_state

TWO = '[{id: "21", marks: 10}, {id: "22", marks: 4, step: 0.5}]'


def group(scheme: str = "{name: 2+1+1, tolerance: {marks: 1}}", items: str = TWO) -> ItemGroup:
    return definition_of(one_group(scheme, items)).papers[0].written[0]


def simulated(seed: int, responses: int = 60, markers: int = 6) -> list[Made]:
    """Two marks of each response, a third now and then; a seed and a self re-mark now and then."""
    rng = random.Random(seed)
    found: list[Made] = []
    for response in range(1, responses + 1):
        who = rng.sample(range(100, 100 + markers), 3)
        true = rng.randint(2, 9)
        for slot in range(rng.choice((1, 2, 2, 2, 3))):
            given_21 = 100 * min(10, max(0, true + rng.choice((-2, -1, 0, 0, 0, 1, 2))))
            values = {"21": given_21, "22": 50 * rng.randint(0, 8)}
            purpose = rng.choice(("live",) * 8 + ("seed", "self"))
            state = rng.choice(("counted",) * 6 + ("surplus", "void"))
            number = len(found) + 1
            found.append(Made(number, response, number * 3, who[slot], values, purpose, state, rng.randint(0, 3), rng.randint(500, 90_000)))
    return found


def check_all(tally: Tally, of: ItemGroup, marks: list[Made]) -> None:
    now = 4.0
    measured = figures(tally.shape, tally.whole.all, tally.item.all, hours_at_work(tally, now))
    averages, limits, _ = drift(tally)
    for at, marker in enumerate(tally.users):
        work = [m for m in marks if m.marker == marker and m.good]
        whole = measured.whole
        assert whole["n"][at] == len(work)
        hours = len({m.hour for m in work})
        assert same(whole["speed"][at], len(work) / hours if work else math.nan)
        assert same(whole["seconds"][at], sum(m.milliseconds for m in work) / 1000 / len(work) if work else math.nan)
        assert same(whole["third_rate"][at], slow_third(of, marker, marks))
        for k, item in enumerate(of.items):
            slow = slow_item(of, item.id, marker, marks)
            assert {n: same(float(measured.items[k][n][at]), v) for n, v in slow.items()} == dict.fromkeys(slow, True), (item.id, slow)
            average, limit = slow_drift(of, item.id, marker, marks)
            assert same(float(averages[at, k]), average)
            assert same(float(limits[at, k]), limit)
            given_marks = [m.values[item.id] for m in work if m.purpose == "live"]
            bins = [given_marks.count(v) for v in range(0, item.marks + 1, item.step)]
            assert tally.spread[k].all[at].tolist() == bins


SCHEMES = ("{name: 2+1+1, tolerance: {marks: 1}}", '{name: "1", tolerance: {marks: 0}}')


@settings(max_examples=60, deadline=None)
@given(seed=st.integers(0, 1 << 32), scheme=st.sampled_from(SCHEMES), responses=st.integers(1, 25))
def test_counts_equal_a_slow_recomputation_whatever_came_in_whatever_order(seed: int, scheme: str, responses: int) -> None:
    of, rng = group(scheme), random.Random(seed)
    marks = simulated(rng.randint(0, 10_000), responses, markers=4)
    rng.shuffle(marks)
    tally, there = Tally(of), dict[int, Made]()
    while marks or rng.random() < 0.3:
        size = rng.randint(0, 12)
        come, marks = marks[:size], marks[size:]
        if come:
            tally.add(batch(tally.shape, [*come, rng.choice(come)]))  # what is read twice counts once
            there |= {m.id: m for m in come}
        changed = rng.sample(sorted(there), min(len(there), rng.randint(0, 5)))
        states = [rng.choice(["counted", "surplus", "revised", "void"]) for _ in changed]
        there |= {i: with_state(there[i], s) for i, s in zip(changed, states, strict=True)}
        good, counted = ([s in which for s in states] for which in (("counted", "surplus"), ("counted",)))
        tally.change(np.array(changed, np.int64), np.array(counted, np.bool_), np.array(good, np.bool_))
    check_all(tally, of, list(there.values()))


def test_drift_of_many_marks_is_that_of_the_definition_also_where_marks_came_late() -> None:
    of = group("{name: 1+1, tolerance: {marks: 1}}")
    marks = [m for m in simulated(3, responses=400, markers=4) if m.state == "counted"]
    late = set(random.Random(1).sample(range(len(marks)), 40))
    tally = Tally(of)
    tally.add(batch(tally.shape, [m for i, m in enumerate(marks) if i not in late]))
    tally.add(batch(tally.shape, [marks[i] for i in late]))
    averages, _, pairs = drift(tally)
    assert pairs.min() >= 60
    assert not np.isnan(averages).any()
    for at, marker in enumerate(tally.users):
        for k, item in enumerate(of.items):
            assert math.isclose(float(averages[at, k]), slow_drift(of, item.id, marker, marks)[0], abs_tol=0.02)


def test_the_hours_sum_to_the_whole_and_a_window_is_its_hours() -> None:
    of = group()
    marks = simulated(5)
    tally = Tally(of)
    tally.add(batch(tally.shape, marks))
    whole, item = tally.since(0)
    assert (whole == tally.whole.all).all()
    assert (item == tally.item.all).all()
    whole, item = tally.since(2)
    measured = figures(tally.shape, whole, item, np.ones(len(tally.users)))
    for at, marker in enumerate(tally.users):
        work = [m for m in marks if m.marker == marker and m.good and m.hour >= 2]
        assert measured.whole["n"][at] == len(work)
        mine = [m.values["21"] for m in work if m.purpose == "live"]
        assert same(float(measured.items[0]["mean"][at]), measures.spread(mine).mean)


def test_checks_are_measured_by_the_tolerance_and_leave_with_their_mark() -> None:
    of = group()
    tally = Tally(of)
    seeds = [Made(n, n, n, 7, {"21": 500, "22": 100}, "seed") for n in range(1, 6)]
    tally.add(batch(tally.shape, seeds))
    apart = [(200, 0), (-100, 50), (0, 0), (100, 0), (-300, -100)]
    tally.check([Held(m.id, "seed", False, {"21": a, "22": b}) for m, (a, b) in zip(seeds, apart, strict=True)])
    tally.check([Held(1, "self", True, {"21": 100, "22": 150})])
    one, two = figures(tally.shape, tally.whole.all, tally.item.all, np.ones(1)).items
    expected = measures.deviation([(500 + a, 500) for a, _ in apart])
    assert (one["seeds"][0], one["bias"][0], one["error"][0]) == (expected.n, expected.signed, expected.absolute)
    assert one["expert_consistency"][0] == measures.within_tolerance([(500 + a, 500) for a, _ in apart], of.scheme.tolerance, 1000) == 0.6
    assert (one["self_consistency"][0], two["self_consistency"][0]) == (1.0, 0.0)
    tally.change(np.array([5]), np.array([False]), np.array([False]))
    one, _ = figures(tally.shape, tally.whole.all, tally.item.all, np.ones(1)).items
    assert (one["seeds"][0], one["bias"][0]) == (4, 0.5)
    tally.change(np.array([5]), np.array([True]), np.array([True]))
    one, _ = figures(tally.shape, tally.whole.all, tally.item.all, np.ones(1)).items
    assert (one["seeds"][0], one["bias"][0]) == (5, -0.2)


def test_two_marks_are_near_when_each_judged_step_is() -> None:
    items = '[{id: "21", marks: 10, steps: [{id: a, title: A, marks: 4}, {id: b, title: B, marks: 6}]}]'
    of = group("{name: 1+1, tolerance: {marks: 1, scope: step}}", items)
    tally = Tally(of)
    one = [{"a": 100, "b": 500}, {"a": 300, "b": 300}]  # the same item's mark, steps two apart
    two = [{"a": 100, "b": 500}, {"a": 200, "b": 400}]
    made = [Made(n + 1, n // 2, n, 7 + n % 2, {"21": steps}) for n, steps in enumerate((*one, *two))]
    tally.add(batch(tally.shape, made))
    measured = figures(tally.shape, tally.whole.all, tally.item.all, np.ones(2))
    assert measured.whole["third_rate"].tolist() == [0.5, 0.5]
    assert measured.items[0]["exact"].tolist() == [1.0, 1.0]


def test_marks_of_other_groups_that_share_the_places_are_left_alone() -> None:
    one = Tally(group())
    two = Tally(group(), one.rows, one.heads)
    one.add(batch(one.shape, [Made(1, 1, 1, 7, {"21": 500, "22": 100})]))
    two.add(batch(two.shape, [Made(2, 2, 2, 8, {"21": 500, "22": 100})]))
    two.change(np.array([1]), np.array([False]), np.array([False]))
    assert one.whole.all[0, 0] == two.whole.all[0, 0] == 1


@pytest.mark.parametrize(
    ("fraction", "inclusive", "full", "most"), [("1/6", True, 1000, 166), ("1/5", False, 1000, 199), ("0", False, 1000, 0)]
)
def test_what_is_near_in_whole_hundredths(fraction: str, inclusive: bool, full: int, most: int) -> None:
    tolerance = group(f"{{name: 1+1, tolerance: {{fraction: {fraction!r}, inclusive: {str(inclusive).lower()}}}}}").scheme.tolerance
    assert reach(tolerance, full) == most
    assert measures.within_tolerance([(most, 0)], tolerance, full) == 1
    assert measures.within_tolerance([(most + 1, 0)], tolerance, full) == 0


def test_chance_alone_gives_a_distance_of_about_one_and_another_way_of_marking_more() -> None:
    rng = np.random.default_rng(2)
    drawn = rng.binomial(10, 0.55, (20, 300))
    drawn[0] = np.clip(drawn[0], 5, 6)  # one who only knows the middle
    spread = np.array([np.bincount(row, minlength=11) for row in drawn])
    found = distance(spread, 100)
    assert 0.8 < float(np.mean(found[1:])) < 1.25
    assert found[0] > 4


def test_kappa_from_counts_is_that_of_the_published_table() -> None:
    """Statistics of a table by hand: see tests of `marking.measures` for its source."""
    of = group("{name: 1+1, tolerance: {marks: 0}}", '[{id: "21", marks: 4}]')
    pairs = [(0, 0)] * 20 + [(0, 100)] * 5 + [(100, 0)] * 10 + [(100, 100)] * 15  # kappa 0.4, a textbook's two by two
    tally = Tally(of)
    made = []
    for n, (a, b) in enumerate(pairs):
        made += [Made(2 * n + 1, n, 2 * n, 1, {"21": a}), Made(2 * n + 2, n, 2 * n + 1, 2, {"21": b})]
    tally.add(batch(tally.shape, made))
    kappa = figures(tally.shape, tally.whole.all, tally.item.all, np.ones(2)).items[0]["kappa"]
    assert [round(float(k), 12) for k in kappa] == [0.4, 0.4]
    assert math.isclose(measures.weighted_kappa(pairs), 0.4)


def test_play_safe_counts_both_ends_of_its_band() -> None:
    of = group("{name: 1+1}", '[{id: "21", marks: 100}]')
    tally = Tally(of)
    tally.add(batch(tally.shape, [Made(n, n, n, 1, {"21": 100 * v}) for n, v in enumerate((67, 68, 71, 74, 75), start=1)]))
    assert tally.item.all[0, 0, 3] == 3
    assert Fraction(3, 5) == Fraction(measures.play_safe([6700, 6800, 7100, 7400, 7500], 10_000)).limit_denominator(10)


def test_a_running_hour_counts_for_what_has_passed_of_it() -> None:
    tally = Tally(group())
    tally.add(batch(tally.shape, [Made(n, n, n, 1, {"21": 0, "22": 0}, hour=5 if n > 10 else 4) for n in range(1, 21)]))
    assert hours_at_work(tally, 5.5).tolist() == [1.5]
    assert hours_at_work(tally, 6.5).tolist() == [2.0]
    assert Shape(group()).columns == 2
