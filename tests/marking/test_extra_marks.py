"""One more mark than the scheme asks: what comes of it by the table, and that every law of the table holds with it."""

from __future__ import annotations

from collections.abc import Sequence
from fractions import Fraction

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from core.exam import Scheme, WrittenItem
from core.scheme import Extra
from core.states import TaskLevel
from marking.adjudicate import Agreed, Given, OneMore, ResponseMark, Verdict, adjudicate, adjudicate_response
from marking.schemes import all_rows, first_slots, is_blind
from tests.marking.test_adjudicate import ASK_ARBITER, ASK_MARKER, ESSAY, STEPS, any_marks, from_marker, given_marks, marks_of, small

MARKER, LEADER, ARBITER = TaskLevel.MARKER, TaskLevel.LEADER, TaskLevel.ARBITER


def scheme(name: str = "1+1", tolerance: int = 5, to: str = "arbiter", **more: object) -> Scheme:
    return Scheme.model_validate({"name": name, "tolerance": {"marks": tolerance}, "extra": {"share": "0.1", "to": to}, **more})


def decide(wish: Scheme, *marks: float, levels: Sequence[TaskLevel] = (), extra: int = 1, objective: Fraction | None = None) -> Verdict:
    return adjudicate(wish, ESSAY, given_marks(*marks, levels=levels), extra=extra, objective=objective)


@pytest.mark.parametrize("name", ["1+1", "2+1", "1+1+1", "2+1+1"])
def test_a_pair_that_agreed_is_joined_by_an_extra_mark_near_one_of_them(name: str) -> None:
    assert decide(scheme(name), 30, 34) == ASK_MARKER
    assert decide(scheme(name), 30, 34, 39) == Agreed(Fraction(10300, 3), "extra", (0, 1, 2))


def test_a_single_mark_and_an_extra_one_are_a_pair() -> None:
    assert decide(scheme("1"), 30) == ASK_MARKER
    assert decide(scheme("1"), 30, 35) == Agreed(Fraction(3250), "extra", (0, 1))
    assert decide(scheme("1"), 30, 36) == ASK_ARBITER
    assert decide(scheme("1"), 30, 36, 33, levels=[ARBITER]) == Agreed(Fraction(3300), "arbiter", (2,))


def test_an_extra_mark_far_from_all_that_were_used_goes_to_whom_the_scheme_names() -> None:
    assert decide(scheme(), 30, 34, 40) == ASK_ARBITER
    assert decide(scheme(to="leader"), 30, 34, 40) == OneMore(LEADER, blind=False)
    assert decide(scheme(to="leader"), 30, 34, 40, 39, levels=[LEADER]) == Agreed(Fraction(3900), "extra, leader", (3,))


def test_a_mark_that_was_not_used_brings_no_extra_mark_near() -> None:
    wish = scheme("2+1+1", reading="either")
    assert decide(wish, 30, 40, 36, extra=0) == Agreed(Fraction(3800), "third near one", (1, 2))
    assert decide(wish, 30, 40, 36, 30) == ASK_ARBITER  # near the first mark only, which was not used
    assert decide(wish, 30, 40, 36, 32) == Agreed(Fraction(3600), "extra", (1, 2, 3))


def test_where_an_expert_has_decided_nobody_more_is_asked() -> None:
    assert decide(scheme(), 30, 40, 33, levels=[LEADER]) == Agreed(Fraction(3300), "leader", (2,))
    assert decide(scheme("2+1+1"), 30, 40, 50, 44, levels=[ARBITER]) == Agreed(Fraction(4400), "arbiter", (3,))


def test_a_rule_on_zeros_full_marks_or_outliers_comes_before_the_extra_mark() -> None:
    assert decide(scheme(zeros=4), 0, 0, 0, 0) == Agreed(Fraction(0), "four zeros", (0, 1, 2, 3))
    assert decide(scheme(full="leader"), 60, 60) == OneMore(LEADER, blind=False)
    assert decide(scheme(outliers={"difference": "1/2"}), 50, 50, objective=Fraction(1, 4)) == ASK_ARBITER


def test_what_an_extra_mark_comes_to_does_not_get_round_those_rules() -> None:
    wish = scheme(outliers={"difference": "1/2"})
    objective = Fraction(29, 100)
    assert decide(wish, 46, 48, objective=objective, extra=0) == Agreed(Fraction(4700), "pair", (0, 1))
    assert decide(wish, 46, 48, 51, objective=objective) == ASK_ARBITER


def test_without_the_rule_in_the_scheme_nothing_is_extra() -> None:
    assert decide(Scheme.model_validate({"name": "1+1", "tolerance": {"marks": 5}}), 30, 34) == Agreed(Fraction(3200), "pair", (0, 1))


def test_two_extra_marks_come_one_after_the_other() -> None:
    assert decide(scheme(), 30, 34, 35, extra=2) == ASK_MARKER
    assert marks_of(decide(scheme(), 30, 34, 35, 37, extra=2)) == 34
    assert decide(scheme(), 30, 34, 35, 41, extra=2) == ASK_ARBITER


def test_with_steps_each_step_must_be_near() -> None:
    wish = Scheme.model_validate({"name": "1+1", "tolerance": {"marks": 1, "scope": "step"}, "extra": {"share": "1"}})
    pair = [Given(MARKER, (300, 500)), Given(MARKER, (400, 500))]
    assert adjudicate(wish, STEPS, [*pair, Given(MARKER, (500, 400))], extra=1) == Agreed(Fraction(2600, 3), "extra", (0, 1, 2))
    assert adjudicate(wish, STEPS, [*pair, Given(MARKER, (600, 300))], extra=1) == ASK_ARBITER


def test_a_mark_given_for_another_item_is_this_ones_extra_mark() -> None:
    a, b = WrittenItem(id="a", marks=10), WrittenItem(id="b", marks=10)
    wish = scheme("2+1+1", 1, reading="either")
    values = [{"a": 500, "b": 100}, {"a": 500, "b": 900}, {"a": 600, "b": 900}]
    found = adjudicate_response(wish, [a, b], [ResponseMark(n, MARKER, v) for n, v in enumerate(values, 11)], extra=1)
    assert found.items == {"a": Agreed(Fraction(1600, 3), "extra", (11, 12, 13)), "b": ASK_MARKER}
    assert found.next == ASK_MARKER


def test_the_share_is_exact_and_is_refused_beyond_all() -> None:
    assert Extra(share="0.1").of(39) == 3
    assert Extra(share="1/3").of(9) == 3
    with pytest.raises(ValueError, match="between 0 and 1"):
        Extra(share="1.5")


# What must hold for any marks.

schemes = st.builds(
    scheme,
    st.sampled_from(["1", "1+1", "1+1+1", "2+1", "2+1+1"]),
    st.integers(0, 4),
    st.sampled_from(["leader", "arbiter"]),
    reading=st.sampled_from(["both", "either"]),
    tie=st.sampled_from(["higher", "lower", "mean"]),
    zeros=st.sampled_from([0, 4]),
    full=st.sampled_from(["none", "leader", "arbiter"]),
    outliers=st.sampled_from([None, {"difference": "1/3", "to": "leader"}, {"difference": "1/2"}]),
)
extras = st.integers(0, 3)
objectives = st.sampled_from([None, Fraction(0), Fraction(1, 2), Fraction(1)])


@given(schemes, any_marks, extras, objectives)
def test_no_set_of_marks_is_undefined(wish: Scheme, marks: list[Given], extra: int, objective: Fraction | None) -> None:
    verdict = adjudicate(wish, STEPS, marks, extra=extra, objective=objective)
    if isinstance(verdict, Agreed):
        used = [marks[i].total for i in verdict.used]
        assert min(used) <= verdict.mark <= max(used)
        assert len(set(verdict.used)) == len(used)
        assert verdict.rule in {row.rule for row in all_rows(wish)} or ", tie: " in verdict.rule
    else:
        assert verdict.blind == is_blind(wish, verdict.level)


@given(schemes.filter(lambda wish: first_slots(wish) == 2), st.tuples(from_marker, from_marker), any_marks, extras)
def test_the_order_of_the_first_two_makes_no_difference(wish: Scheme, first: tuple[Given, Given], later: list[Given], extra: int) -> None:
    one = adjudicate(wish, STEPS, [*first, *later], extra=extra)
    other = adjudicate(wish, STEPS, [first[1], first[0], *later], extra=extra)
    if isinstance(one, Agreed):
        assert isinstance(other, Agreed)
        assert (one.mark, one.rule) == (other.mark, other.rule)
    else:
        assert one == other


@given(schemes, any_marks, any_marks, extras, objectives)
def test_what_is_agreed_stays_agreed(wish: Scheme, marks: list[Given], later: list[Given], extra: int, objective: Fraction | None) -> None:
    verdict = adjudicate(wish, STEPS, marks, extra=extra, objective=objective)
    assume(isinstance(verdict, Agreed))
    assert adjudicate(wish, STEPS, [*marks, *later], extra=extra, objective=objective) == verdict


@given(schemes, st.data(), extras, objectives)
def test_it_ends_in_a_few_marks(wish: Scheme, data: st.DataObject, extra: int, objective: Fraction | None) -> None:
    marks: list[Given] = []
    while isinstance(verdict := adjudicate(wish, STEPS, marks, extra=extra, objective=objective), OneMore):
        assert len(marks) < 7 + extra
        marks.append(Given(verdict.level, data.draw(st.tuples(small, small))))
    experts = [mark for mark in marks if mark.level is not MARKER]
    assert len(experts) <= 2


@given(schemes, any_marks, objectives)
def test_no_mark_under_another_rule_is_changed_by_asking_for_more(wish: Scheme, marks: list[Given], objective: Fraction | None) -> None:
    """Where markers alone have not decided, or a rule sends the mark on, `extra` makes no difference."""
    plain = adjudicate(wish, STEPS, marks, objective=objective)
    assume(not isinstance(plain, Agreed) or any(marks[i].level is not MARKER for i in plain.used) or plain.rule == "four zeros")
    assert adjudicate(wish, STEPS, marks, extra=2, objective=objective) == plain
