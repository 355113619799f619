"""Exams of every kind through print, scan and reading: answers, identity and scripts are what the candidates were told."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from core.exam import ExamDefinition
from core.states import ScriptState
from omr import desk
from tests.omr.exams import group, paper_of
from tests.omr.kinds import Kind, numbers, set_up

SetUp = Callable[..., Kind]
A, B = numbers(2)
OBJECTIVE = [{"items": "Q1-Q5", "options": "ABCD", "marks": 2, "keys": "ABCDA"}]
LAST = {"Q3": "C", "Q4": "D", "Q5": "B"}


@pytest.fixture
def kind_of(tmp_path: Path, redis_url: str, sqlite_url: str) -> Iterator[SetUp]:
    made: list[Kind] = []

    def make(*, candidates: int = 2, **paper: Any) -> Kind:
        definition: ExamDefinition = paper_of(**({"objective": OBJECTIVE} | paper))[0]
        made.append(set_up(definition, tmp_path, candidates=candidates, redis_url=redis_url, database_url=sqlite_url))
        return made[-1]

    yield make
    for kind in made:
        kind.site.close()


def test_a_paper_of_two_sheets_with_types_and_a_choice(kind_of: SetUp) -> None:
    kind = kind_of(
        types="AB",
        written=[group("W1", 60), group("W2", 200), group("W3", 90), group("W4", 90), group("W5", 90)],
        choices=[{"id": "C1", "among": ["W4", "W5"]}],
    )
    assert {s.index for s in kind.sheets} == {0, 1}
    told = {
        kind.serial(0): {"number": A, "type": "A", "Q1": "A", "Q2": "C", **LAST, "W1": 0.5, "W2": 0.5},
        kind.serial(0, 1): {"number.2": A, "C1": "W4", "W3": 0.5, "W4": 0.5},
        kind.serial(1): {"number": B, "type": "B", "Q1": "", "Q2": "D", **LAST, "W1": 0.5, "W2": 0.5},
        kind.serial(1, 1): {"number.2": B, "C1": "W5", "W3": 0.5, "W5": 0.5},
    }
    kind.read(told)
    assert [(c.kind, c.evidence) for c in kind.cases()] == []
    assert [(kind.script(n).state, kind.script(n).paper_type, kind.script(n).chosen) for n in (A, B)] == [
        (ScriptState.COMPLETE, "A", {"C1": "W4"}),
        (ScriptState.COMPLETE, "B", {"C1": "W5"}),
    ]
    assert [kind.answers(n) for n in (A, B)] == [{"Q1": "A", "Q2": "C", **LAST}, {"Q1": "", "Q2": "D", **LAST}]


def test_two_sheets_of_two_candidates_that_changed_places_are_told_apart_by_a_person(kind_of: SetUp) -> None:
    """The barcode and the serial are printed: who wrote on another's card bubbles a number that disagrees."""
    kind = kind_of()
    kind.read({kind.serial(0): {"number": B, "Q1": "A", **LAST, "W1": 0.5}, kind.serial(1): {"number": A, "Q1": "B", **LAST, "W1": 0.5}})
    assert [c.kind for c in kind.cases()] == ["facts_disagree"] * 2
    assert [kind.answers(n) for n in (A, B)] == [{}, {}]


def test_blank_sheets_with_a_bubbled_number_wait_for_a_person_and_keep_their_answers(kind_of: SetUp) -> None:
    kind = kind_of(sheet={"number": {"digits": 8, "barcode": "none"}, "personalised": False})
    kind.read(
        {
            kind.serial(0): {"number": B, "Q1": "A", "Q2": "B", **LAST, "W1": 0.5},
            kind.serial(1): {"number": A, "Q1": "D", **LAST, "W1": 0.5},
        }
    )
    cases = kind.cases()
    assert [(c.kind, c.evidence["facts"]) for c in cases] == [
        ("candidate_unknown", {"bubbled": B}),
        ("candidate_unknown", {"bubbled": A}),
    ]
    for case in cases:
        kind.resolve(case, "set_candidate", candidate=case.evidence["facts"]["bubbled"])
    assert [kind.answers(n) for n in (A, B)] == [{"Q1": "D", "Q2": "", **LAST}, {"Q1": "A", "Q2": "B", **LAST}]
    assert {kind.script(n).state for n in (A, B)} == {ScriptState.COMPLETE}


def test_a_number_that_two_candidates_bubbled_makes_no_script_of_both(kind_of: SetUp) -> None:
    kind = kind_of(sheet={"number": {"digits": 8, "barcode": "none"}, "personalised": False})
    kind.read({kind.serial(0): {"number": B, "Q1": "A", **LAST, "W1": 0.5}, kind.serial(1): {"number": B, "Q1": "D", **LAST, "W1": 0.5}})
    first, second = kind.cases()
    kind.resolve(first, "set_candidate", candidate=B)
    with pytest.raises(Exception, match="has this sheet already"):
        kind.resolve(second, "set_candidate", candidate=B)
    assert kind.answers(B) == {"Q1": "A", "Q2": "", **LAST}


def test_an_extra_sheet_waits_for_a_person_and_its_regions_go_to_the_group_that_is_bubbled(kind_of: SetUp) -> None:
    kind = kind_of(written=[group("W1", 60), group("W2", 60)], sheet={"extra_sheets": True})
    card = {"Q1": "A", **LAST, "W1": 0.5, "W2": 0.5}
    kind.read({kind.serial(0): card | {"number": A}, kind.serial(1): card | {"number": B}})
    kind.read({kind.extra(): {"number.extra": B, "extra": "W2"}}, batch="b2")
    (case,) = kind.cases()
    assert (case.kind, case.sheet, case.evidence["facts"]) == ("candidate_unknown", kind.extra(), {"bubbled": B})
    kind.resolve(case, "set_candidate", candidate=B)
    assert kind.script(B).state is ScriptState.COMPLETE
    before, after = kind.groups(A), kind.groups(B)
    assert after[: len(before)] == before
    assert set(after[len(before) :]) == {"W2"}


def test_an_extra_sheet_without_a_bubble_asks_a_person_which_question_goes_on(kind_of: SetUp) -> None:
    kind = kind_of(written=[group("W1", 60), group("W2", 60)], sheet={"extra_sheets": True})
    kind.read({kind.serial(0): {"number": A, "Q1": "A", **LAST, "W1": 0.5, "W2": 0.5}, kind.extra(): {"number.extra": A}})
    (unknown,) = [c for c in kind.cases() if c.kind == "candidate_unknown"]
    kind.resolve(unknown, "set_candidate", candidate=A)
    (case,) = kind.cases()
    assert (case.kind, [i.item for i in case.items], case.items[0].options) == ("choice", ["extra"], ("W1", "W2"))
    assert kind.script(A).state is ScriptState.PRESENT
    kind.resolve(case, "set_answer", values={"extra": "W1|W2"})
    assert kind.script(A).state is ScriptState.COMPLETE
    groups = kind.groups(A)
    assert "extra" not in groups
    assert groups.count("W1") == groups.count("W2") > 1


def test_a_side_of_a_sheet_that_nobody_is_named_on_does_not_lie_there_unseen(kind_of: SetUp) -> None:
    kind = kind_of(written=[group("W1", 60), group("W2", 60)], sheet={"extra_sheets": True})
    kind.read({kind.extra(): {"number.extra": A, "extra": "W1"}}, sides=(4,))
    assert kind.cases() == []
    desk.look_for_missing(kind.site, kind.exam_id, timedelta(0))
    assert [(c.sheet, c.side) for c in kind.cases() if c.kind == "candidate_unknown"] == [(kind.extra(), 4)]
