"""The truth tables: the field's published vectors, and what must hold for any marks at all."""

from collections.abc import Sequence
from fractions import Fraction
from itertools import product

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from core.exam import Scheme, Step, Text, Tolerance, WrittenItem
from core.scheme_words import Condition
from core.states import TaskLevel
from marking.adjudicate import Agreed, Given, OneMore, ResponseMark, Verdict, adjudicate, adjudicate_response
from marking.schemes import TABLES, ZERO_TABLE, Ask, first_slots, is_blind, rows_of, table_name

MARKER, LEADER, ARBITER = TaskLevel.MARKER, TaskLevel.LEADER, TaskLevel.ARBITER
ESSAY = WrittenItem(id="essay", marks="60", step="0.5")
STEPS = WrittenItem(
    id="23", marks=16, steps=(Step(id="a", title=Text(zh="一", en="1"), marks=6), Step(id="b", title=Text(zh="二", en="2"), marks=10))
)
ASK_MARKER, ASK_ARBITER = OneMore(MARKER, blind=True), OneMore(ARBITER, blind=False)


def scheme(name: str, tolerance: object = 5, **more: object) -> Scheme:
    wish = tolerance if isinstance(tolerance, dict) else {"marks": tolerance}
    return Scheme.model_validate({"name": name, "tolerance": wish, **more})


def given_marks(*marks: float, levels: Sequence[TaskLevel] = ()) -> list[Given]:
    """Whole-item marks: all markers', or with the levels of the last ones named."""
    ranks = [MARKER] * (len(marks) - len(levels)) + list(levels)
    return [Given(level, (round(mark * 100),)) for level, mark in zip(ranks, marks, strict=True)]


def decide(wish: Scheme, *marks: float, levels: Sequence[TaskLevel] = ()) -> Verdict:
    return adjudicate(wish, ESSAY, given_marks(*marks, levels=levels))


def marks_of(verdict: Verdict) -> Fraction | OneMore:
    return verdict.mark / 100 if isinstance(verdict, Agreed) else verdict


# The vectors of the rules that are published, t = 5, inclusive.


@pytest.mark.parametrize("name", ["1+1", "2+1", "1+1+1", "2+1+1"])
def test_30_and_34_are_32(name: str) -> None:
    assert decide(scheme(name), 30, 34) == Agreed(Fraction(3200), "pair", (0, 1))


def test_30_40_36_is_38_by_either_and_goes_to_the_arbiter_by_both() -> None:
    assert decide(scheme("2+1+1", reading="either"), 30, 40, 36) == Agreed(Fraction(3800), "third near one", (1, 2))
    assert decide(scheme("2+1+1", reading="both"), 30, 40, 36) == ASK_ARBITER


@pytest.mark.parametrize("reading", ["both", "either"])
@pytest.mark.parametrize(("tie", "mark"), [("higher", "34.5"), ("lower", "31.5"), ("mean", "33")])
def test_30_36_33_is_a_tie(reading: str, tie: str, mark: str) -> None:
    assert marks_of(decide(scheme("2+1+1", reading=reading, tie=tie), 30, 36, 33)) == Fraction(mark)


@pytest.mark.parametrize("reading", ["both", "either"])
def test_30_40_50_goes_to_the_arbiter(reading: str) -> None:
    assert decide(scheme("2+1+1", reading=reading), 30, 40, 50) == ASK_ARBITER


def test_jiangsu_2007_is_the_perfect_tie() -> None:
    assert decide(scheme("2+1+1"), 36, 42) == ASK_MARKER
    assert marks_of(decide(scheme("2+1+1"), 36, 42, 39)) == 39


def test_a_third_near_both_is_joined_with_the_nearer() -> None:
    assert marks_of(decide(scheme("2+1+1"), 30, 36, 32)) == 31
    assert marks_of(decide(scheme("2+1+1"), 30, 36, 34)) == 35


# What each scheme does when the first two disagree.


@pytest.mark.parametrize("name", ["1+1", "2+1"])
def test_the_leader_sees_both_marks_and_decides(name: str) -> None:
    assert decide(scheme(name), 30, 40) == OneMore(LEADER, blind=False)
    assert decide(scheme(name), 30, 40, 12, levels=[LEADER]) == Agreed(Fraction(1200), "leader", (2,))


def test_the_blind_leader_of_1_1_1_decides_near_one_mark_else_the_arbiter() -> None:
    wish = scheme("1+1+1")
    assert decide(wish, 30, 40) == OneMore(LEADER, blind=True)
    assert decide(wish, 30, 40, 43, levels=[LEADER]) == Agreed(Fraction(4300), "leader near one", (2,))
    assert decide(wish, 30, 40, 50, levels=[LEADER]) == ASK_ARBITER
    assert decide(wish, 30, 40, 50, 1, levels=[LEADER, ARBITER]) == Agreed(Fraction(100), "arbiter", (3,))


def test_one_marker_is_enough_for_the_scheme_1() -> None:
    assert decide(scheme("1")) == ASK_MARKER
    assert decide(scheme("1"), 7) == Agreed(Fraction(700), "single", (0,))


# Tolerance.


def test_an_exclusive_tolerance_refuses_its_own_limit() -> None:
    assert isinstance(decide(scheme("1+1", {"marks": 5, "inclusive": False}), 30, 34.5), Agreed)
    assert isinstance(decide(scheme("1+1", {"marks": 5, "inclusive": False}), 30, 35), OneMore)
    assert isinstance(decide(scheme("1+1", {"marks": 5, "inclusive": True}), 30, 35), Agreed)


def test_a_fraction_is_exact() -> None:
    third = WrittenItem(id="x", marks=10)
    wish = scheme("1+1", {"fraction": "1/3"})
    near = [Given(MARKER, (0,)), Given(MARKER, (333,))]
    far = [Given(MARKER, (0,)), Given(MARKER, (334,))]
    assert isinstance(adjudicate(wish, third, near), Agreed)
    assert isinstance(adjudicate(wish, third, far), OneMore)


def test_equal_marks_agree_also_where_no_difference_is_allowed() -> None:
    assert isinstance(decide(scheme("1+1", {"marks": 0, "inclusive": False}), 30, 30), Agreed)


def test_a_tolerance_for_steps_looks_at_each_step() -> None:
    crossed = [Given(MARKER, (100, 900)), Given(MARKER, (600, 400))]  # ten marks each, told apart by the steps
    assert adjudicate(scheme("1+1", {"marks": 2}), STEPS, crossed) == Agreed(Fraction(1000), "pair", (0, 1))
    assert adjudicate(scheme("1+1", {"marks": 2, "scope": "step"}), STEPS, crossed) == OneMore(LEADER, blind=False)


def test_a_fraction_for_steps_is_one_of_each_step() -> None:
    wish = scheme("1+1", {"fraction": "1/2", "scope": "step"})
    assert isinstance(adjudicate(wish, STEPS, [Given(MARKER, (0, 0)), Given(MARKER, (300, 500))]), Agreed)
    assert isinstance(adjudicate(wish, STEPS, [Given(MARKER, (0, 0)), Given(MARKER, (400, 0))]), OneMore)


# Zeros.


def test_an_agreed_zero_needs_four_zeros() -> None:
    wish = scheme("2+1+1", zeros=4)
    assert decide(wish, 0, 0) == decide(wish, 0, 0, 0) == ASK_MARKER
    assert decide(wish, 0, 0, 0, 0) == Agreed(Fraction(0), "four zeros", (0, 1, 2, 3))


def test_a_further_mark_that_is_not_zero_goes_to_the_arbiter() -> None:
    wish = scheme("2+1+1", zeros=4)
    assert decide(wish, 0, 0, 1) == ASK_ARBITER
    assert decide(wish, 0, 0, 1, 3, levels=[ARBITER]) == Agreed(Fraction(300), "arbiter", (3,))
    assert decide(wish, 0, 0, 1, 0, 0) == ASK_ARBITER


def test_the_zero_rule_looks_at_the_agreed_mark() -> None:
    wish = scheme("2+1+1", zeros=4, reading="either")
    assert marks_of(decide(wish, 0, 5)) == Fraction("2.5")
    assert decide(wish, 0, 9, 0) == ASK_MARKER  # 0 and 0 agreed; two more zeros are needed
    assert decide(wish, 0, 9, 0, 0, 0) == Agreed(Fraction(0), "four zeros", (0, 2, 3, 4))


def test_an_arbiters_zero_stands_at_once() -> None:
    assert decide(scheme("1+1", zeros=4), 0, 9, 0, levels=[ARBITER]) == Agreed(Fraction(0), "arbiter", (2,))


def test_a_leaders_zero_is_one_of_the_four() -> None:
    wish = scheme("1+1", zeros=4)
    assert adjudicate(wish, ESSAY, [Given(MARKER, (0,)), Given(MARKER, (900,)), Given(LEADER, (0,))]) == ASK_MARKER


# Several items.


def test_each_item_is_decided_by_itself_and_stays_decided() -> None:
    a, b = WrittenItem(id="a", marks=10), WrittenItem(id="b", marks=10)
    wish = scheme("2+1+1", 1)
    first = [ResponseMark(11, MARKER, {"a": 500, "b": 100}), ResponseMark(12, MARKER, {"a": 500, "b": 900})]
    open_one = adjudicate_response(wish, [a, b], first)
    assert open_one.items == {"a": Agreed(Fraction(500), "pair", (11, 12)), "b": ASK_MARKER}
    assert open_one.next == ASK_MARKER
    done = adjudicate_response(wish, [a, b], [*first, ResponseMark(13, MARKER, {"a": 0, "b": 900})])
    assert done.items["a"] == open_one.items["a"]
    assert done.next == ASK_ARBITER


def test_a_marker_is_asked_before_a_leader() -> None:
    a, b = WrittenItem(id="a", marks=10), WrittenItem(id="b", marks=10)
    marks = [ResponseMark(1, MARKER, {"a": 0, "b": 0}), ResponseMark(2, MARKER, {"a": 0, "b": 900})]
    assert adjudicate_response(scheme("1+1", 1, zeros=4), [a, b], marks).next == ASK_MARKER


# What must hold for any marks.

schemes = st.builds(
    Scheme,
    name=st.sampled_from(["1", "1+1", "1+1+1", "2+1", "2+1+1"]),
    tolerance=st.builds(Tolerance, marks=st.integers(0, 4), inclusive=st.booleans(), scope=st.sampled_from(["item", "step"]))
    | st.builds(Tolerance, fraction=st.sampled_from(["0", "1/3", "0.1", "1"]), inclusive=st.booleans()),
    reading=st.sampled_from(["both", "either"]),
    tie=st.sampled_from(["higher", "lower", "mean"]),
    zeros=st.sampled_from([0, 4]),
)
small = st.sampled_from([0, 0, 100, 200, 300, 600])
from_marker = st.builds(Given, st.just(MARKER), st.tuples(small, small))
any_marks = st.lists(st.builds(Given, st.sampled_from(TaskLevel), st.tuples(small, small)), max_size=8)


@given(schemes, any_marks)
def test_no_set_of_marks_is_undefined_and_the_result_is_within_the_marks_used(wish: Scheme, marks: list[Given]) -> None:
    verdict = adjudicate(wish, STEPS, marks)
    if isinstance(verdict, Agreed):
        used = [marks[i].total for i in verdict.used]
        assert min(used) <= verdict.mark <= max(used)
        assert len(set(verdict.used)) == len(used)
        assert verdict.rule != "four zeros" or (set(used) == {0} and len(used) >= 4)
    else:
        assert verdict.blind == is_blind(wish, verdict.level)


@given(schemes.filter(lambda wish: first_slots(wish) == 2), st.tuples(from_marker, from_marker), any_marks)
def test_the_order_of_the_first_two_makes_no_difference(wish: Scheme, first: tuple[Given, Given], later: list[Given]) -> None:
    marks = [*first, *later]
    one, other = adjudicate(wish, STEPS, marks), adjudicate(wish, STEPS, [marks[1], marks[0], *marks[2:]])
    if isinstance(one, Agreed):
        assert isinstance(other, Agreed)
        assert (one.mark, one.rule) == (other.mark, other.rule)
    else:
        assert one == other


@given(schemes, any_marks, any_marks)
def test_what_is_agreed_stays_agreed_whatever_comes_after(wish: Scheme, marks: list[Given], later: list[Given]) -> None:
    verdict = adjudicate(wish, STEPS, marks)
    assume(isinstance(verdict, Agreed))
    assert adjudicate(wish, STEPS, [*marks, *later]) == verdict


@given(schemes, st.data())
def test_who_is_asked_ends_the_matter_in_a_few_marks(wish: Scheme, data: st.DataObject) -> None:
    marks: list[Given] = []
    verdict = adjudicate(wish, STEPS, marks)
    while isinstance(verdict, OneMore):
        assert len(marks) < 7
        if verdict.level is MARKER and len(marks) < first_slots(wish):
            assert verdict == ASK_MARKER
        marks.append(Given(verdict.level, data.draw(st.tuples(small, small))))
        verdict = adjudicate(wish, STEPS, marks)


@given(schemes, st.lists(from_marker, max_size=1))
def test_the_slots_made_at_once_are_asked_for_whatever_the_first_mark_is(wish: Scheme, marks: list[Given]) -> None:
    if len(marks) < first_slots(wish):
        assert adjudicate(wish, STEPS, marks) == ASK_MARKER


def test_every_table_ends_with_a_row_for_the_rest_and_asks_each_level_in_one_way() -> None:
    for rows in (*TABLES.values(), ZERO_TABLE):
        assert rows[-1].when == Condition()
        asks = {row.then for row in rows if isinstance(row.then, Ask)}
        assert len({ask.level for ask in asks}) == len(asks)


def test_every_scheme_that_can_be_written_has_a_table() -> None:
    for name, reading in product(["1", "1+1", "1+1+1", "2+1", "2+1+1"], ["both", "either"]):
        wish = scheme(name, reading=reading)
        assert rows_of(wish) is TABLES[table_name(wish)]
