"""Marks of objective answers: each rule, each kind of item, several accepted answers, paper types."""

from __future__ import annotations

from fractions import Fraction
from typing import Any

import pytest

from core.exam import ObjectiveItem
from scoring.objective import marks_of


def item(**about: Any) -> ObjectiveItem:
    return ObjectiveItem.model_validate({"id": "Q1", "options": "ABCD", "marks": 5} | about)


def multiple(key: object, **partial: object) -> ObjectiveItem:
    return item(type="multiple", key=key, partial=partial or {"rule": "none"})


@pytest.mark.parametrize(
    ("answer", "marks"), [("A", 500), ("B", 0), ("", 0), ("A|B", 0), ("A|B|C|D", 0)]
)  # fmt: skip
def test_a_single_answer_is_right_or_worth_nothing(answer: str, marks: int) -> None:
    assert marks_of(item(key="A"), answer, None) == marks


def test_any_of_several_accepted_answers_is_right() -> None:
    either = item(key=["A", "C"])
    assert [marks_of(either, a, None) for a in ("A", "B", "C", "A|C")] == [500, 0, 500, 0]


def test_true_and_false() -> None:
    statement = ObjectiveItem.model_validate({"id": "Q", "type": "true_false", "key": "F", "marks": 2})
    assert [marks_of(statement, a, None) for a in ("T", "F", "T|F", "")] == [0, 200, 0, 0]


@pytest.mark.parametrize(
    ("partial", "earned"),
    [
        ({"rule": "none"}, {"A": 0, "A|B": 0, "A|B|D": 500}),
        ({"rule": "fixed", "marks": 2}, {"A": 200, "A|D": 200, "A|B|D": 500}),
        ({"rule": "each"}, {"A": Fraction(500, 3), "A|D": Fraction(1000, 3), "A|B|D": 500}),
        ({"rule": "table", "table": {1: 1, 2: 3}}, {"A": 100, "B|D": 300, "A|B|D": 500}),
        ({"rule": "table", "table": {2: 3}}, {"A": 0, "B|D": 300, "A|B|D": 500}),
    ],
)
def test_partial_credit(partial: dict[str, object], earned: dict[str, Fraction]) -> None:
    question = multiple("ABD", **partial)
    for answer, marks in earned.items():
        assert marks_of(question, answer, None) == marks
    for wrong in ("", "C", "A|C", "A|B|C|D"):
        assert marks_of(question, wrong, None) == 0


def test_of_several_accepted_sets_the_best_counts() -> None:
    question = multiple(["AB", "ABD"], rule="each")
    assert marks_of(question, "A", None) == 250  # one of two, not one of three
    assert marks_of(question, "A|B", None) == 500
    assert marks_of(question, "A|D", None) == Fraction(1000, 3)


def test_a_paper_type_has_its_own_key() -> None:
    question = item(key={"A": "B", "B": "C"})
    assert [marks_of(question, "B", kind) for kind in ("A", "B", None)] == [500, 0, 0]
    assert marks_of(item(key="B"), "B", "A") == 500
