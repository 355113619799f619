"""The exceptions desk: what opens a case, and what each decision does to the records."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from sqlalchemy import select

from core.errors import BadInput, Conflict, NotFound
from core.pictures import keep_rows
from core.states import CaseState, ReceiptState, ScriptState
from core.tables import Event, SheetAssignment
from omr import desk
from tests.omr.hall import Hall, open_hall, without_ink

R, S = ReceiptState, ScriptState


@pytest.fixture
def hall(database_url: str, redis_url: str, tmp_path: Path) -> Iterator[Hall]:
    opened = open_hall(database_url, redis_url, tmp_path)
    yield opened
    opened.site.close()


def test_a_clean_card_needs_nobody(hall: Hall) -> None:
    receipts = hall.scan((0, None))
    assert hall.cases() == []
    assert {hall.state(r) for r in receipts} == {R.READ}
    assert hall.script(0).state is S.COMPLETE
    assert hall.answers(0) == {"Q1": ("A", "readers"), "Q2": ("B", "readers")}
    assert [e["values"]["Q1"] for e in hall.entries("answers")] == [{"value": "A", "version": 1, "how": "readers"}]
    assert [e["state"] for e in hall.entries("script") if e["by"] == "readers"] == ["complete"]


def test_a_sheet_becomes_its_candidates_by_two_facts_that_are_kept_without_numbers(hall: Hall) -> None:
    hall.scan((0, None))
    (entry,) = [e for e in hall.entries("sheet") if e["by"] == "readers"]
    assert (entry["sheet"], entry["version"], entry["facts"]) == (hall.serial(0), 2, ["barcode", "bubbled", "printed"])
    with hall.site.database.read() as session:
        (kept,) = session.scalars(select(SheetAssignment).where(SheetAssignment.by == "readers"))
    assert hall.numbers[0] not in str(kept.facts)


def test_faces_in_the_other_order_make_no_difference(hall: Hall) -> None:
    hall.send(hall.reading(0, 2))
    hall.read()
    assert hall.answers(0) == {}
    hall.send(hall.reading(0, 1))
    hall.read()
    assert hall.script(0).state is S.COMPLETE


def test_a_doubtful_answer_waits_for_a_person_and_counts_only_then(hall: Hall) -> None:
    front, back = hall.scan((0, {"Q1": "A?"}))
    assert (hall.state(front), hall.state(back), hall.script(0).state) == (R.WAITING, R.READ, S.PRESENT)
    case = hall.case("doubt")
    assert [(i.item, i.options, i.why) for i in case.items] == [("Q1", ("A", "B", "C", "D"), "too faint to be sure")]
    assert (case.candidate, case.sheet, case.side) == (hall.numbers[0], hall.serial(0), 1)
    assert hall.answers(0)["Q1"] == ("A", "doubtful")
    hall.resolve(case, "set_answer", values={"Q1": "B"})
    assert hall.answers(0)["Q1"] == ("B", "person")
    assert (hall.state(front), hall.script(0).state) == (R.READ, S.COMPLETE)
    (entry,) = hall.entries("answer")
    assert (entry["item"], entry["value"], entry["version"], entry["by"]) == ("Q1", "B", 2, "user:7")


@pytest.mark.parametrize(
    ("values", "wrong"),
    [({}, "Q1 is not given"), ({"Q1": "A", "Q9": "A"}, "Q9 is not asked"), ({"Q1": "X"}, "no answer to Q1"), ({"Q1": "B|A"}, "no answer")],
)
def test_an_answer_that_the_sheet_does_not_have_is_refused(hall: Hall, values: dict[str, str], wrong: str) -> None:
    hall.scan((0, {"Q1": "A?"}))
    with pytest.raises(BadInput, match=wrong):
        hall.resolve(hall.case("doubt"), "set_answer", values=values)
    assert hall.case("doubt").version == 1


def test_of_two_clerks_the_second_is_told(hall: Hall) -> None:
    hall.scan((0, {"Q1": "A?"}))
    seen = hall.case("doubt")
    hall.resolve(seen, "set_answer", values={"Q1": "B"})
    with pytest.raises(Conflict, match="already"):
        hall.resolve(seen, "set_answer", values={"Q1": "C"})
    assert hall.answers(0)["Q1"] == ("B", "person")


def test_an_old_view_of_a_case_decides_nothing(hall: Hall) -> None:
    hall.scan((0, {"Q1": "A?"}))
    seen = hall.case("doubt")
    hall.resolve(seen, "rescan")
    with pytest.raises(Conflict, match="meanwhile"):
        hall.resolve(seen, "set_answer", values={"Q1": "C"})


def test_an_action_that_does_not_fit_is_refused_with_those_that_do(hall: Hall) -> None:
    hall.scan((0, {"Q1": "A?"}))
    with pytest.raises(BadInput, match="set_answer, accept, rescan, discard"):
        hall.resolve(hall.case("doubt"), "mark_absent")
    with pytest.raises(NotFound):
        desk.get_case(hall.site, hall.exam_id, 999)


def test_the_bubbled_number_against_barcode_and_print_waits_and_no_answer_moves(hall: Hall) -> None:
    hall.scan((0, {"number": hall.numbers[1]}))
    case = hall.case("facts_disagree")
    assert case.evidence["facts"] == {"printed": "", "barcode": hall.numbers[0], "bubbled": hall.numbers[1]}
    assert (hall.answers(0), hall.answers(1)) == ({}, {})
    hall.resolve(case, "set_candidate", candidate=hall.numbers[0])
    assert (hall.script(0).state, hall.script(1).state) == (S.COMPLETE, S.EXPECTED)


def test_a_doubtful_or_blank_number_is_no_fact_and_no_case_where_two_others_agree(hall: Hall) -> None:
    hall.scan((0, {"number": "2026?"}), (1, {"number": ""}))
    assert hall.cases() == []
    assert {hall.script(0).state, hall.script(1).state} == {S.COMPLETE}


def test_one_fact_alone_is_not_enough(hall: Hall) -> None:
    hall.scan((0, {"number": "", "barcode": "?"}))
    assert hall.case("candidate_unknown").candidate == hall.numbers[0]


def test_the_sheet_of_one_candidate_can_be_given_to_another_but_not_twice(hall: Hall) -> None:
    hall.scan((0, {"number": hall.numbers[1]}), (1, None))
    with pytest.raises(Conflict, match="has this sheet already"):
        hall.resolve(hall.case("facts_disagree"), "set_candidate", candidate=hall.numbers[1])
    with pytest.raises(BadInput, match="nobody of the roster"):
        hall.resolve(hall.case("facts_disagree"), "set_candidate", candidate="99")
    hall.resolve(hall.case("facts_disagree"), "set_candidate", candidate=hall.numbers[2])
    assert (hall.script(2).state, hall.answers(2)["Q1"]) == (S.COMPLETE, ("A", "readers"))


def test_a_second_scan_that_says_the_same_needs_nobody(hall: Hall) -> None:
    first = hall.scan((0, None))
    second = hall.scan((0, None))
    assert [hall.state(r) for r in second] == [R.DUPLICATE, R.DUPLICATE]
    assert [hall.snapshot()["receipts"][r][1] for r in second] == first
    assert hall.cases() == []


def test_a_second_scan_that_says_something_else_is_asked_about_and_the_first_stands_meanwhile(hall: Hall) -> None:
    hall.scan((0, None))
    hall.scan((0, {"Q1": "C"}))
    case = hall.case("page_twice")
    assert case.evidence["differs"] == {"Q1": ["A", "C"]}
    assert hall.answers(0)["Q1"] == ("A", "readers")
    hall.resolve(case, "take_this")
    assert hall.answers(0)["Q1"] == ("C", "readers")
    assert hall.script(0).state is S.COMPLETE


def test_which_scan_stands_is_a_persons_word_and_whose_the_sheet_is_the_facts(hall: Hall) -> None:
    hall.scan((0, {"number": "", "barcode": "?"}))
    hall.scan((0, {"Q1": "C"}))
    hall.resolve(hall.case("page_twice"), "take_this")
    assert hall.script(0).state is S.COMPLETE
    with hall.site.database.read() as session:
        latest = session.scalars(select(SheetAssignment).order_by(SheetAssignment.id.desc()).limit(1)).one()
    assert (latest.by, sorted(latest.facts)) == ("readers", ["barcode", "bubbled", "printed"])


def test_a_second_scan_on_which_a_region_is_empty_is_asked_about(hall: Hall) -> None:
    hall.scan((0, None))
    hall.send(without_ink(hall.reading(0, 2)))
    hall.read()
    assert hall.case("page_twice").side == 2


def test_a_second_scan_that_doubts_what_the_first_did_not_is_asked_about(hall: Hall) -> None:
    hall.scan((0, None))
    hall.scan((0, {"Q1": "A?"}))
    assert hall.case("page_twice").side == 1


def test_a_page_of_another_exam_is_set_aside_with_its_reason(hall: Hall) -> None:
    receipt = hall.send({"kind": "foreign", "reason": "the page belongs to another form (exam X)"})
    hall.read()
    case = hall.case("foreign")
    assert case.evidence["reason"] == "the page belongs to another form (exam X)"
    with pytest.raises(BadInput, match="reason only"):
        hall.resolve(case, "discard")
    hall.resolve(case, "discard", reason="a question paper")
    assert hall.state(receipt) is R.DISCARDED


def test_a_serial_that_was_never_printed_is_foreign(hall: Hall) -> None:
    strange = hall.reading(0, 1)["code"]
    hall.send(hall.reading(0, 1, code=type(strange)("T1", "P", "1", "019999991", 1)))
    hall.read()
    assert "not printed for this exam" in hall.case("foreign").evidence["reason"]


def test_a_frame_without_a_code_is_read_again_as_what_a_person_says(hall: Hall) -> None:
    front = hall.send(hall.reading(0, 1, code=None, kind="code_unknown", reason="the page code cannot be read"))
    hall.send(hall.reading(0, 2))
    hall.read()
    case = hall.case("code_unknown")
    assert case.evidence["likely"] == {"sheet": hall.serial(0), "side": 1}
    with pytest.raises(BadInput, match="no sheet"):
        hall.resolve(case, "set_page", sheet=hall.serial(0), side=7)
    hall.resolve(case, "set_page", sheet=hall.serial(0), side=1)
    assert hall.state(front) is R.RECEIVED
    hall.told[front] = type(hall.told[front])(receipt_id=front, **hall.reading(0, 1))
    hall.read()
    assert (hall.state(front), hall.script(0).state) == (R.READ, S.COMPLETE)


def test_a_rescan_that_was_asked_for_takes_the_place_and_closes_the_case_by_itself(hall: Hall) -> None:
    front, _ = hall.scan((0, {"Q1": "A?"}))
    case = hall.resolve(hall.case("doubt"), "rescan")
    assert case.state is CaseState.OPEN
    (asked,) = desk.rescans(hall.site, hall.exam_id)
    assert (asked.sheet, asked.side, asked.station, asked.number, asked.seat) == (hall.serial(0), 1, "A", hall.numbers[0], "0")
    again = hall.send(hall.reading(0, 1, {"Q1": "D"}), batch="b2")
    hall.read()
    assert (hall.state(front), hall.state(again)) == (R.SUPERSEDED, R.READ)
    assert (hall.answers(0)["Q1"], hall.script(0).state) == (("D", "readers"), S.COMPLETE)
    assert (hall.cases(), desk.rescans(hall.site, hall.exam_id)) == ([], [])
    assert desk.get_case(hall.site, hall.exam_id, case.id).resolved_by == "readers"


def test_a_side_that_could_not_be_read_is_settled_by_a_clean_scan_that_nobody_asked_for(hall: Hall) -> None:
    torn = hall.send(hall.reading(0, 1, kind="registration", reason="a corner is torn off", fields={}))
    hall.send(hall.reading(0, 2))
    hall.read()
    assert hall.case("registration").sheet == hall.serial(0)
    hall.send(hall.reading(0, 1), batch="b2")
    hall.read()
    assert (hall.state(torn), hall.cases(), hall.script(0).state) == (R.SUPERSEDED, [], S.COMPLETE)


def test_an_unreadable_frame_is_placed_by_the_other_face_of_its_card(hall: Hall) -> None:
    hall.send(hall.reading(0, 1))
    hall.send({"kind": "unreadable", "reason": "the JPEG breaks off"})
    hall.read()
    case = hall.case("unreadable")
    assert (case.sheet, case.side, case.candidate) == (hall.serial(0), 2, hall.numbers[0])
    hall.resolve(case, "rescan")
    hall.send(hall.reading(0, 2), batch="b2")
    hall.read()
    assert (hall.cases(), hall.script(0).state) == ([], S.COMPLETE)


def test_a_rescan_of_an_unknown_side_needs_the_side(hall: Hall) -> None:
    hall.send({"kind": "unreadable", "reason": "no picture"})
    hall.read()
    with pytest.raises(BadInput, match="Say the sheet and the side"):
        hall.resolve(hall.case("unreadable"), "rescan")
    hall.resolve(hall.case("unreadable"), "rescan", sheet=hall.serial(1), side=2)
    assert [r.sheet for r in desk.rescans(hall.site, hall.exam_id)] == [hall.serial(1)]


def test_absent_and_nothing_written_is_absent_and_needs_nobody(hall: Hall) -> None:
    empty = {"Q1": "", "Q2": "", "absent": "1"}
    hall.send(without_ink(hall.reading(0, 1, empty)))
    hall.send(without_ink(hall.reading(0, 2)))
    hall.read()
    assert (hall.cases(), hall.script(0).state) == ([], S.ABSENT)


@pytest.mark.parametrize(
    ("absent", "q1", "ink", "kind", "action", "state"),
    [
        ("1", "A", False, "absent_but_answered", "mark_present", S.COMPLETE),
        ("1", "", True, "absent_but_answered", "mark_absent", S.ABSENT),
        ("", "", False, "blank_but_present", "mark_absent", S.ABSENT),
        ("", "", False, "blank_but_present", "mark_present", S.COMPLETE),
    ],
)
def test_absence_that_the_paper_leaves_open_is_a_persons_word(
    hall: Hall, absent: str, q1: str, ink: bool, kind: str, action: str, state: ScriptState
) -> None:
    front = hall.reading(0, 1, {"absent": absent, "Q1": q1, "Q2": ""})
    hall.send(front if ink else without_ink(front))
    hall.send(without_ink(hall.reading(0, 2)))
    hall.read()
    before = hall.snapshot()
    assert hall.script(0).state is S.PRESENT
    case = hall.resolve(hall.case(kind), action)
    assert hall.script(0).state is state
    hall.undo(case)
    assert hall.snapshot() == before


def test_missing_sides_and_scripts_are_asked_about_once_and_answered_by_what_comes(hall: Hall) -> None:
    hall.send(hall.reading(0, 1))
    hall.read()
    assert hall.look_for_missing() == 3
    assert desk.look_for_missing(hall.site, hall.exam_id) == 0
    kinds = sorted((c.kind, c.candidate, c.side) for c in hall.cases())
    assert kinds == [
        ("page_missing", hall.numbers[0], 2),
        ("script_missing", hall.numbers[1], None),
        ("script_missing", hall.numbers[2], None),
    ]
    hall.send(hall.reading(0, 2))
    hall.scan((1, None))
    assert [(c.kind, c.candidate) for c in hall.cases()] == [("script_missing", hall.numbers[2])]
    case = hall.resolve(hall.case("script_missing"), "mark_absent", reason="the room's record")
    assert hall.script(2).state is S.ABSENT
    hall.undo(case)
    assert hall.script(2).state is S.EXPECTED


@pytest.mark.parametrize(("word", "state"), [("mark_present", S.COMPLETE), ("mark_absent", S.ABSENT)])
def test_when_a_script_that_was_called_absent_comes_all_the_same_a_person_says_which(hall: Hall, word: str, state: ScriptState) -> None:
    hall.scan((0, None), (1, None))
    hall.look_for_missing()
    hall.resolve(hall.case("script_missing"), "mark_absent", reason="the room's record")
    hall.scan((2, None))
    case = hall.case("absent_but_answered")
    assert "called this candidate absent" in case.evidence["reason"]
    hall.resolve(case, word, reason="the room's record, read again")
    assert hall.script(2).state is state


def test_a_lost_side_that_a_person_accepts_leaves_the_script_incomplete(hall: Hall) -> None:
    hall.send(hall.reading(0, 1))
    hall.read()
    hall.look_for_missing()
    with pytest.raises(BadInput, match="needs a reason"):
        hall.resolve(hall.case("page_missing"), "accept")
    hall.resolve(hall.case("page_missing"), "accept", reason="burnt")
    assert hall.script(0).state is S.INCOMPLETE


def test_all_sides_of_a_missing_script_can_be_asked_for(hall: Hall) -> None:
    hall.scan((0, None), (1, None))
    hall.look_for_missing()
    hall.resolve(hall.case("script_missing"), "rescan")
    assert [(r.sheet, r.side) for r in desk.rescans(hall.site, hall.exam_id)] == [(hall.serial(2), 1), (hall.serial(2), 2)]
    hall.scan((2, None))
    assert (hall.cases(), desk.rescans(hall.site, hall.exam_id), hall.script(2).state) == ([], [], S.COMPLETE)


def test_pictures_are_shown_and_their_hashes_are_not(hall: Hall) -> None:
    jpeg = b"\xff\xd8\xff a picture"
    kept = hall.site.store.put_pack([b"small", b"cut"])
    with hall.site.database.write() as session:
        keep_rows(session, kept, "image/jpeg", hall.site.now())
    preview, crop = (one.sha256 for one in kept)
    reading = hall.reading(0, 1, {"Q1": "A?"}, evidence={"preview": preview, "crops": {"Q1": crop}})
    hall.send(reading, data=jpeg)
    hall.send({"kind": "foreign", "reason": "strange"}, data=jpeg + b"2")
    hall.read()
    case, other = hall.case("doubt"), hall.case("foreign")
    assert case.picture
    assert case.items[0].picture
    assert preview not in str(case)
    assert crop not in str(case)
    assert desk.case_picture(hall.site, hall.exam_id, case.id) == (b"small", "image/jpeg")
    assert desk.item_picture(hall.site, hall.exam_id, case.id, "Q1") == (b"cut", "image/jpeg")
    assert desk.case_picture(hall.site, hall.exam_id, other.id) == (jpeg + b"2", "image/jpeg")


def test_every_step_is_told_to_whoever_watches(hall: Hall) -> None:
    hall.scan((0, {"Q1": "A?"}))
    hall.resolve(hall.case("doubt"), "accept")
    with hall.site.database.read() as session:
        told = [(e.body["case_kind"], e.body["state"]) for e in session.scalars(select(Event).where(Event.kind == "case"))]
    assert told == [("doubt", "open"), ("doubt", "resolved")]
