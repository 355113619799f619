"""Tables of an exam office's own, and the rules that send an agreed mark to an expert."""

from __future__ import annotations

from collections.abc import Sequence
from fractions import Fraction
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import ValidationError

from core.exam import ExamDefinition, Scheme, Step, Text, WrittenItem
from core.scheme import OwnTable
from core.states import TaskLevel
from marking.adjudicate import Agreed, Given, OneMore, Verdict, adjudicate
from marking.explain import own_tables
from marking.objective import share
from marking.schemes import TABLES, first_slots, is_blind, own_rows

MARKER, LEADER, ARBITER = TaskLevel.MARKER, TaskLevel.LEADER, TaskLevel.ARBITER
ESSAY = WrittenItem(id="essay", marks="60", step="0.5")
STEPS = WrittenItem(
    id="23", marks=16, steps=(Step(id="a", title=Text(zh="一", en="1"), marks=6), Step(id="b", title=Text(zh="二", en="2"), marks=10))
)
MEDIAN = [
    {"when": "no B", "ask": "marker"},
    {"when": "A near B", "take": "mean(A, B)", "rule": "pair"},
    {"when": "no C", "ask": "marker"},
    {"when": "C near A or C near B", "take": "median(A, B, C)", "rule": "middle"},
    {"when": "no L", "ask": "leader", "shown": "all"},
    {"when": "otherwise", "take": "L", "rule": "leader"},
]
EITHER = [
    {"when": "no B", "ask": "marker"},
    {"when": "A near B", "take": "mean(A, B)", "rule": "pair"},
    {"when": "no C", "ask": "marker"},
    {"when": "C near A and C near B", "take": "mean(C, nearest(A, B))", "rule": "third near both"},
    {"when": "C near A", "take": "mean(A, C)", "rule": "third near one"},
    {"when": "C near B", "take": "mean(B, C)", "rule": "third near one"},
    {"ask": "arbiter"},
]


def own(rows: Sequence[dict[str, Any]], *, first: int = 2, tolerance: int = 5, **more: Any) -> Scheme:
    return Scheme.model_validate({"name": "ours", "table": {"first": first, "rows": list(rows)}, "tolerance": {"marks": tolerance}, **more})


def decide(scheme: Scheme, *marks: float, levels: Sequence[TaskLevel] = (), objective: Fraction | None = None) -> Verdict:
    ranks = [MARKER] * (len(marks) - len(levels)) + list(levels)
    return adjudicate(scheme, ESSAY, [Given(rank, (round(m * 100),)) for rank, m in zip(ranks, marks, strict=True)], objective=objective)


# An own table is read as it is written.


def test_three_markers_and_the_median() -> None:
    scheme = own(MEDIAN)
    assert decide(scheme, 30, 34) == Agreed(Fraction(3200), "pair", (0, 1))
    assert decide(scheme, 30, 40) == OneMore(MARKER, blind=True)
    assert decide(scheme, 30, 40, 36) == Agreed(Fraction(3600), "middle", (2,))
    assert decide(scheme, 30, 40, 50) == OneMore(LEADER, blind=False)
    assert decide(scheme, 30, 40, 50, 41, levels=[LEADER]) == Agreed(Fraction(4100), "leader", (3,))


def test_an_arbiter_is_the_last_word_without_a_row() -> None:
    assert decide(own(MEDIAN), 30, 40, 50, 7, levels=[ARBITER]) == Agreed(Fraction(700), "arbiter", (3,))


def test_a_built_in_table_written_as_ones_own_is_the_same_table() -> None:
    table = OwnTable.model_validate({"rows": EITHER})
    assert own_rows(table) == TABLES["2+1+1 either"]


def test_marks_of_zero_and_full_marks_have_words() -> None:
    rows = [
        {"when": "no A", "ask": "marker"},
        {"when": "no B and A is zero", "ask": "marker"},
        {"when": "has B and A is zero and B is zero", "take": "lowest(A, B)"},
        {"when": "has B", "take": "highest(A, B)"},
        {"when": "no L and A is full", "ask": "leader", "shown": "none"},
        {"when": "has L", "take": "L"},
        {"take": "A"},
    ]
    scheme = own(rows, first=1)
    assert first_slots(scheme) == 1
    assert decide(scheme, 0) == OneMore(MARKER, blind=True)
    assert decide(scheme, 0, 0) == Agreed(Fraction(0), "lowest(A, B)", (0,))
    assert decide(scheme, 0, 9) == Agreed(Fraction(900), "highest(A, B)", (1,))
    assert decide(scheme, 60) == OneMore(LEADER, blind=True)
    assert decide(scheme, 12) == Agreed(Fraction(1200), "A", (0,))


# A table that would leave marks without a word is refused.


@pytest.mark.parametrize(
    ("rows", "first", "sentence"),
    [
        (MEDIAN[1:], 2, "the first row must be `when: no B`"),
        (MEDIAN, 3, "with `first: 3` the first row must be `when: no C`"),
        (MEDIAN[:-1], 2, "the last row must be `otherwise`"),
        ([*MEDIAN, {"take": "A"}], 2, "row 6 is `otherwise`, so no row below it is ever read"),
        ([MEDIAN[0], {"when": "A near C", "take": "A"}, {"take": "A"}], 2, "row 2 speaks of C, which may not be there"),
        ([MEDIAN[0], {"take": "L"}], 2, "row 2 speaks of L"),
        ([MEDIAN[0], {"when": "no C or A near B", "take": "A"}, {"take": "C"}], 2, "row 3 speaks of C"),
        ([MEDIAN[0], {"when": "A near B", "take": "A"}, {"ask": "marker"}], 2, "row 3 asks a marker for ever"),
        ([MEDIAN[0], {"when": "A is zero", "ask": "leader"}, {"take": "A"}], 2, "row 2 asks a leader for ever"),
        ([MEDIAN[0], {"when": "no L", "ask": "marker"}, {"take": "A"}], 2, "row 2 asks a marker for ever"),
        (
            [MEDIAN[0], {"when": "no L and A is zero", "ask": "leader", "shown": "none"}, MEDIAN[4], MEDIAN[5]],
            2,
            "asks each level in one way",
        ),
        ([MEDIAN[0], {"when": "A like B", "take": "A"}, {"take": "A"}], 2, "is no condition"),
        ([MEDIAN[0], {"when": "A near B and no C or no L", "take": "A"}, {"take": "A"}], 2, "write it as two rows"),
        ([MEDIAN[0], {"when": "A near A", "take": "A"}, {"take": "A"}], 2, "compares a mark with itself"),
        ([MEDIAN[0], {"take": "E"}], 2, "'E' names no mark"),
        ([MEDIAN[0], {"take": "average(A, B)"}], 2, "takes no mark"),
        ([MEDIAN[0], {"take": "median(A, B)"}], 2, "a median an odd number"),
        ([MEDIAN[0], {"take": "A", "ask": "leader"}], 2, "either takes a mark"),
        ([{"when": "no B", "ask": "marker", "shown": "all"}, {"take": "A"}], 2, "a marker is shown nobody's mark"),
    ],
)
def test_a_table_with_a_hole_is_refused_with_its_row(rows: list[dict[str, Any]], first: int, sentence: str) -> None:
    with pytest.raises(ValidationError, match=sentence.replace("(", r"\(").replace(")", r"\)")):
        OwnTable.model_validate({"first": first, "rows": rows})


terms = st.sampled_from(
    [
        "no C",
        "no D",
        "no L",
        "has C",
        "has L",
        "A near B",
        "C near A",
        "B near C",
        "L near A",
        "A is zero",
        "B is full",
        "C is zero",
        "D near A",
    ]
)
conditions = st.one_of(
    terms,
    st.lists(terms, min_size=2, max_size=3, unique=True).map(" and ".join),
    st.lists(terms, min_size=2, max_size=2, unique=True).map(" or ".join),
)
outcomes = st.sampled_from(
    [
        {"ask": "marker"},
        {"ask": "leader"},
        {"ask": "arbiter"},
        {"take": "A"},
        {"take": "mean(A, B)"},
        {"take": "median(A, B, C)"},
        {"take": "mean(C, nearest(A, B))"},
        {"take": "highest(A, L)"},
        {"take": "mean(A, B, C, D)"},
        {"take": "L"},
    ]
)
rows_to_try = st.lists(st.builds(lambda when, then: {"when": when, **then}, conditions, outcomes), max_size=12)


def whole_table(tried: Sequence[dict[str, Any]], last: dict[str, Any]) -> list[dict[str, Any]]:
    """Of the rows that were tried those that may stand below the ones before them; and a last row that is left for the rest."""
    rows: list[dict[str, Any]] = [{"when": "no B", "ask": "marker"}]
    for row in tried:
        if is_taken([*rows, row, {"ask": "arbiter"}]):
            rows.append(row)
    return [*rows, last if is_taken([*rows, last]) else {"ask": "arbiter"}]


def is_taken(rows: Sequence[dict[str, Any]]) -> bool:
    try:
        OwnTable.model_validate({"rows": rows})
    except ValidationError:
        return False
    return True


small = st.sampled_from([0, 0, 100, 200, 300, 600])
any_marks = st.lists(st.builds(Given, st.sampled_from(TaskLevel), st.tuples(small, small)), max_size=8)


@settings(max_examples=250)
@given(rows_to_try, outcomes, any_marks, st.data())
def test_every_table_that_is_taken_has_a_word_for_any_marks_and_comes_to_an_end(
    tried: list[dict[str, Any]], last: dict[str, Any], marks: list[Given], data: st.DataObject
) -> None:
    rules: dict[str, Any] = {"zeros": data.draw(st.sampled_from([0, 4])), "full": data.draw(st.sampled_from(["none", "leader"]))}
    scheme = own(whole_table(tried, last), tolerance=2, **rules)
    verdict = adjudicate(scheme, STEPS, marks)
    if isinstance(verdict, Agreed):
        used = [marks[i].total for i in verdict.used]
        assert min(used) <= verdict.mark <= max(used)
        assert adjudicate(scheme, STEPS, [*marks, *data.draw(any_marks)]) == verdict
    grown: list[Given] = []
    while isinstance(verdict := adjudicate(scheme, STEPS, grown), OneMore):
        assert verdict.blind == is_blind(scheme, verdict.level)
        grown.append(Given(verdict.level, data.draw(st.tuples(small, small))))
        assert len(grown) < 9


def test_the_definition_puts_the_table_where_a_group_names_it() -> None:
    definition = ExamDefinition.model_validate(
        {
            "exam": "X",
            "title": "x",
            "schemes": {"ours": {"title": "Ours", "rows": MEDIAN}},
            "papers": [
                {"code": "P", "title": "p", "written": [{"id": "W", "title": "w", "items": [{"id": "1", "marks": 9}], "scheme": "ours"}]}
            ],
        }
    )
    assert definition.papers[0].group("W").scheme.table == definition.schemes["ours"]
    assert ExamDefinition.model_validate(definition.model_dump(mode="json")) == definition
    assert "median of A, B and C" in own_tables(definition)


@pytest.mark.parametrize(
    ("scheme", "sentence"), [("theirs", "there is no scheme theirs"), ({"name": "1+1", "table": {"rows": MEDIAN}}, "is built in")]
)
def test_a_scheme_that_nobody_defined_is_refused(scheme: object, sentence: str) -> None:
    with pytest.raises(ValidationError, match=sentence):
        Scheme.model_validate(scheme)


# Agreed marks that go on.


@pytest.mark.parametrize(("expert", "level"), [("leader", LEADER), ("arbiter", ARBITER)])
def test_full_marks_go_to_the_expert(expert: str, level: TaskLevel) -> None:
    scheme = Scheme.model_validate({"name": "2+1+1", "tolerance": {"marks": 5}, "full": expert})
    assert decide(scheme, 59, 60) == Agreed(Fraction(5950), "pair", (0, 1))
    assert decide(scheme, 60, 60) == OneMore(level, blind=False)
    verdict = decide(scheme, 60, 60, 57, levels=[level])
    assert isinstance(verdict, Agreed)
    assert verdict.mark == 5700
    assert verdict.used == (2,)


def test_a_mark_far_from_the_objective_part_goes_to_the_expert() -> None:
    scheme = Scheme.model_validate({"name": "1+1", "tolerance": {"marks": 5}, "outliers": {"difference": "1/2"}})
    assert decide(scheme, 50, 50, objective=Fraction(2, 5)) == Agreed(Fraction(5000), "pair", (0, 1))
    assert decide(scheme, 54, 54, objective=Fraction(2, 5)) == OneMore(ARBITER, blind=False)  # 0.9 and 0.4: the limit itself
    assert decide(scheme, 2, 2, objective=Fraction(9, 10)) == OneMore(ARBITER, blind=False)
    assert decide(scheme, 54, 54) == Agreed(Fraction(5400), "pair", (0, 1))
    assert decide(scheme, 54, 54, 20, levels=[ARBITER], objective=Fraction(2, 5)) == Agreed(Fraction(2000), "arbiter", (2,))


def test_zero_comes_before_the_outlier_and_one_rule_is_followed() -> None:
    scheme = Scheme.model_validate({"name": "2+1+1", "zeros": 4, "full": "leader", "outliers": {"difference": "0.2"}})
    assert decide(scheme, 0, 0, objective=Fraction(1)) == OneMore(MARKER, blind=True)
    assert decide(scheme, 0, 0, 0, 0, objective=Fraction(1)) == Agreed(Fraction(0), "four zeros", (0, 1, 2, 3))
    assert decide(scheme, 60, 60, objective=Fraction(0)) == OneMore(LEADER, blind=False)
    assert decide(scheme, 60, 60, 60, levels=[LEADER], objective=Fraction(0)) == Agreed(Fraction(6000), "full marks, leader", (2,))


def test_an_arbiters_mark_goes_nowhere() -> None:
    scheme = Scheme.model_validate({"name": "1+1", "full": "leader", "outliers": {"difference": "0"}})
    assert decide(scheme, 3, 60, 60, levels=[ARBITER], objective=Fraction(0)) == Agreed(Fraction(6000), "arbiter", (2,))


def test_who_is_blind_in_the_table_is_blind_in_the_review() -> None:
    scheme = Scheme.model_validate({"name": "1+1+1", "full": "leader"})
    assert decide(scheme, 60, 60) == OneMore(LEADER, blind=True)


def test_the_objective_share_counts_answers_that_are_exactly_right() -> None:
    items = [
        {"id": "1", "options": "ABCD", "key": "A", "marks": 2},
        {"id": "2", "options": "ABCD", "key": "AC", "type": "multiple", "marks": 4, "partial": {"rule": "fixed", "marks": 2}},
        {"id": "3", "options": "ABCD", "key": "B", "marks": 2, "treatment": "voided"},
    ]
    definition = ExamDefinition.model_validate({"exam": "X", "title": "x", "papers": [{"code": "P", "title": "p", "objective": items}]})
    paper = definition.papers[0]
    assert share(paper, {"1": "A", "2": "A|C", "3": ""}, None) == 1
    assert share(paper, {"1": "B", "2": "A|C", "3": "B"}, None) == Fraction(2, 3)
    assert share(paper, {"1": "A", "2": "A"}, None) == Fraction(1, 3)
    assert share(paper.model_copy(update={"objective": ()}), {}, None) is None
