"""What counts as wrong: an answer or a candidate given without a doubt that is not the one that was told."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from benchmarks.judging import Judgement, Known, Tally, wrong_bubbles
from core.ids import PageCode
from core.template import Bubble, Grid
from omr.answers import FieldReading
from omr.reading import PageReading

GRIDS = {
    "Q1": Grid(name="Q", fields=("Q1",), values=tuple("ABCD"), origin=(0, 0), value_step=(6, 0), bubble=Bubble(width=4, height=3)),
    "number": Grid(
        name="number", role="candidate", fields=("number",), values=tuple("0123456789"), origin=(0, 0), value_step=(0, 5),
        field_step=(6, 0), joined=True, lines=3, bubble=Bubble(width=4, height=3),
    ),
}  # fmt: skip
NORMAL = {"file": "scans/1.jpg", "sheet": "010000011", "side": "1", "event": "normal", "trouble": ""}


def said(value: str, *, doubt: bool = False) -> FieldReading:
    return FieldReading(value=value, first=value, second=value, doubt=doubt, p_wrong=0.0, why="it is faint" if doubt else "")


def judged(truth: dict[str, str], reading: PageReading, *, frame: dict[str, str] = NORMAL, told: dict[str, str] | None = None) -> Tally:
    sheet = frame["sheet"]
    known = Known(
        Path("seed-1000"), (frame,), {(sheet, "1"): truth}, {(sheet, name): v for name, v in (told or truth).items()}, {sheet: "123"}
    )
    total = Tally()
    Judgement(total, known, frame, GRIDS).count(reading)
    return total


def test_a_right_answer_counts_its_bubbles() -> None:
    total = judged({"Q1": "A", "number": "123"}, PageReading("ok", fields={"Q1": said("A"), "number": said("123")}))
    assert (total.positions, total.wrong_positions, total.wrong_sides, total.silent) == (34, 0, 0, [])


@pytest.mark.parametrize("read", ["", "B", "A|B"])
def test_an_answer_that_is_not_what_was_told_is_wrong_in_silence(read: str) -> None:
    total = judged({"Q1": "A"}, PageReading("ok", fields={"Q1": said(read)}))
    assert (total.wrong_sides, len(total.silent)) == (1, 1)


def test_a_doubt_is_never_wrong_but_its_bubbles_do_not_count() -> None:
    total = judged({"Q1": "A"}, PageReading("review", kind="doubt", fields={"Q1": said("B", doubt=True)}))
    assert (total.positions, total.wrong_positions, total.for_marks, total.for_marks_ambiguous) == (0, 0, 1, 0)


def test_ink_without_one_meaning_that_is_read_is_told_and_is_no_answer_that_counts() -> None:
    total = judged({"Q1": "ambiguous"}, PageReading("ok", fields={"Q1": said("")}), told={"Q1": "A"})
    assert (total.ambiguous, total.ambiguous_read, total.ambiguous_wrong, total.positions, total.silent) == (1, 1, 1, 0, [])


def test_another_sheets_code_or_barcode_is_a_wrong_candidate() -> None:
    other = PageCode("E", "P", "1", "010000021", 1)
    assert judged({}, PageReading("ok", code=other)).wrong_candidates == 1
    assert judged({}, PageReading("ok", barcode="124")).wrong_candidates == 1
    assert judged({}, PageReading("review", kind="doubt", barcode="123")).wrong_candidates == 0


def test_a_strange_page_that_is_taken_for_a_sheet_is_a_wrong_candidate() -> None:
    foreign = NORMAL | {"sheet": "", "side": "", "event": "foreign"}
    assert judged({}, PageReading("ok"), frame=foreign).wrong_candidates == 1
    assert judged({}, PageReading("rejected", kind="foreign"), frame=foreign).wrong_candidates == 0


def test_a_mark_that_an_event_added_is_left_out() -> None:
    total = judged({"number": "123"}, PageReading("ok", fields={"number": said("124")}), frame=NORMAL | {"event": "wrong_number"})
    assert (total.answers, total.silent) == (0, [])


@pytest.mark.parametrize(
    ("truth", "value", "joined", "bubbles"),
    [("A", "", False, 1), ("A", "B", False, 2), ("A|C", "A", False, 1), ("12", "13", True, 2), ("12", "1", True, 1), ("", "1", True, 1)],
)
def test_bubbles_are_counted_not_answers(truth: str, value: str, joined: bool, bubbles: int) -> None:
    assert wrong_bubbles(truth, value, joined=joined) == bubbles


def test_a_tally_goes_to_a_file_and_back_and_sums() -> None:
    one = judged({"Q1": "A"}, PageReading("review", kind="doubt", fields={"Q1": said("B", doubt=True)}))
    back = Tally.from_json(json.loads(json.dumps(one.to_json())))
    assert back == one
    back.add(one)
    assert (back.for_marks, back.why["it is faint"], len(back.doubts)) == (2, 2, 2)
