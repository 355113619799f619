"""Two cards that are the same sheet of one candidate: one takes the other's place, or they are merged, and back."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import select

from core.errors import Conflict
from core.states import ScriptState
from core.tables import AnswerRow, CandidateDetails, Page, Script, Sheet
from omr import desk
from tests.omr.hall import Hall, open_hall, without_ink

BLANK = {"sheet": {"personalised": False, "number": {"barcode": "sticker"}}}


@pytest.fixture
def hall(database_url: str, redis_url: str, tmp_path: Path) -> Iterator[Hall]:
    opened = open_hall(database_url, redis_url, tmp_path, changes=BLANK)
    yield opened
    opened.site.close()


def first_candidates(hall: Hall, fields: dict[str, str] | None = None) -> dict[str, str]:
    return {"barcode": hall.numbers[0], "number": hall.numbers[0]} | (fields or {})


def send(hall: Hall, card: int, front: dict[str, str], *, front_ink: bool = True, back_ink: bool = True) -> None:
    """A blank card that the first candidate has put the own number on."""
    sides = [(hall.reading(card, 1, first_candidates(hall, front)), front_ink), (hall.reading(card, 2), back_ink)]
    for reading, ink in sides:
        hall.send(reading if ink else without_ink(reading))
    hall.read()


def script(hall: Hall) -> tuple[ScriptState, dict[str, str], list[tuple[str, int | None]]]:
    """Of the first candidate: state, answers that count, and (sheet, side) of the pages that stand."""
    with hall.site.database.read() as session:
        found = session.scalars(
            select(Script)
            .join(CandidateDetails, CandidateDetails.candidate_id == Script.candidate_id)
            .where(CandidateDetails.number == hall.numbers[0])
        ).one()
        answers = select(AnswerRow).where(AnswerRow.script_id == found.id, AnswerRow.current)
        pages = (
            select(Sheet.serial, Page.side).join(Page, Page.sheet_id == Sheet.id).where(Sheet.script_id == found.id, Page.state == "read")
        )
        return (
            found.state,
            {a.item: a.value for a in session.scalars(answers)},
            sorted((serial, side) for serial, side in session.execute(pages)),
        )


def everything(hall: Hall) -> dict[str, Any]:
    with hall.site.database.read() as session:
        return hall.snapshot() | {"places": {p.id: p.sheet_id for p in session.scalars(select(Page))}, "script": script(hall)}


def twice(hall: Hall) -> desk.CaseView:
    case = hall.case("candidate_twice")
    assert case.actions == ("take_this", "merge", "set_candidate", "rescan", "discard")
    return case


def test_the_second_card_takes_the_place_of_the_first_and_back(hall: Hall) -> None:
    send(hall, 0, {"Q1": "A"})
    send(hall, 1, {"Q1": "C"})
    before = everything(hall)
    case = hall.resolve(twice(hall), "take_this", reason="the first card was spoilt")
    assert script(hall) == (ScriptState.COMPLETE, {"Q1": "C", "Q2": "B"}, [(hall.serial(1), 1), (hall.serial(1), 2)])
    assert hall.cases() == []
    assert hall.conservation().states == {"read": 2, "discarded": 2}
    assert {e["reason"] for e in hall.entries("sheet") if e["by"] == "user:7"} == {"the first card was spoilt"}
    hall.undo(case)
    assert _without_void(everything(hall)) == _without_void(before)
    hall.resolve(twice(hall), "take_this", reason="the first card was spoilt")
    assert script(hall)[1]["Q1"] == "C"


def test_a_front_on_one_card_and_a_back_on_the_other_are_one_script(hall: Hall) -> None:
    send(hall, 0, {"Q1": "A"}, back_ink=False)
    send(hall, 1, {"Q1": "", "Q2": ""}, front_ink=False)
    before = everything(hall)
    case = hall.resolve(twice(hall), "merge")
    assert script(hall) == (ScriptState.COMPLETE, {"Q1": "A", "Q2": "B"}, [(hall.serial(0), 1), (hall.serial(0), 2)])
    assert hall.conservation().states == {"read": 2, "discarded": 2}
    hall.undo(case)
    assert _without_void(everything(hall)) == _without_void(before)
    hall.resolve(twice(hall), "merge")
    assert script(hall)[0] is ScriptState.COMPLETE


def test_a_doubt_on_a_side_that_moves_goes_with_it(hall: Hall) -> None:
    send(hall, 0, {"Q1": "", "Q2": ""}, front_ink=False)
    send(hall, 1, {"Q1": "D?"}, back_ink=False)
    hall.resolve(twice(hall), "merge")
    assert script(hall)[0] is ScriptState.PRESENT
    hall.resolve(hall.case("doubt"), "set_answer", values={"Q1": "D"})
    assert script(hall)[:2] == (ScriptState.COMPLETE, {"Q1": "D", "Q2": "B"})


def test_two_cards_with_something_on_the_same_side_are_not_merged(hall: Hall) -> None:
    send(hall, 0, {"Q1": "A"})
    send(hall, 1, {"Q1": "C"})
    before = everything(hall)
    with pytest.raises(Conflict, match="both cards have something on side 1"):
        hall.resolve(twice(hall), "merge")
    assert everything(hall) == before


def _without_void(found: dict[str, Any]) -> dict[str, Any]:
    """A voided answer is none, and an assignment that was undone is a person's word: what counts is the same."""
    return found | {"answers": {k: v for k, v in found["answers"].items() if v[1] != "voided"}}
