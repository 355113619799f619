"""Reconciliation: every seat of every room counts once, a room is closed by a person, and what changes afterwards is seen."""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import event, update

from core.errors import BadInput, Conflict, NotFound
from core.states import ScriptState
from core.tables import Candidate, CandidateDetails
from omr.desk.rooms import Counts, Room, rooms
from omr.desk.rooms_closing import close_room, open_room
from omr.desk.rooms_seats import seats, unsettled
from tests.omr.hall import Hall, open_hall, without_ink

CANDIDATES = 9


@pytest.fixture
def hall(database_url: str, redis_url: str, tmp_path: Path) -> Iterator[Hall]:
    """Two rooms: R1 has the first five seats, R2 the other four."""
    opened = open_hall(database_url, redis_url, tmp_path, candidates=CANDIDATES)
    with opened.site.database.write() as session:
        second = update(CandidateDetails).where(CandidateDetails.number >= opened.numbers[5])
        session.execute(second.values(room="R2"))
    yield opened
    opened.site.close()


def room(hall: Hall, name: str = "R1") -> Room:
    with hall.site.database.read() as session:
        (found,) = [r for r in rooms(session, hall.exam_id) if r.room == name]
        return found


def of_seats(hall: Hall, name: str) -> Counter[str]:
    with hall.site.database.read() as session:
        return Counter(s.stand for s in seats(session, hall.exam_id, "P", "S", name))


def everybody(hall: Hall) -> None:
    """One of each kind in R1, and R2 is whole."""
    hall.scan((0, None), (5, None), (6, None), (7, None), (8, None))
    hall.send(without_ink(hall.reading(1, 1, {"absent": "1", "Q1": "", "Q2": ""})))
    hall.send(without_ink(hall.reading(1, 2)))
    hall.send(hall.reading(2, 1))
    hall.scan((3, {"number": hall.numbers[4]}))


def test_every_seat_counts_once_and_says_why(hall: Hall) -> None:
    everybody(hall)
    assert room(hall, "R2").counts == Counts(expected=4, complete=4)
    assert room(hall, "R2").counts.balances
    first = room(hall).counts
    assert first == Counts(expected=5, complete=1, absent_box=1, arriving=1, unclear=1, missing=1, waiting=1)
    assert not first.balances
    hall.look_for_missing()
    assert room(hall).counts == Counts(expected=5, complete=1, absent_box=1, arriving=1, unclear=1, missing=1, waiting=3)
    hall.resolve(hall.case("script_missing"), "mark_absent", reason="the room's record")
    hall.resolve(hall.case("page_missing"), "accept", reason="burnt")
    hall.resolve(hall.case("facts_disagree"), "set_candidate", candidate=hall.numbers[3])
    assert room(hall).counts == Counts(expected=5, complete=2, absent_box=1, absent_person=1, incomplete=1)
    assert room(hall).counts.balances


def test_seats_say_what_rooms_count(hall: Hall) -> None:
    everybody(hall)
    hall.look_for_missing()
    for name in ("R1", "R2"):
        counts = room(hall, name).counts.as_json()
        assert of_seats(hall, name) == Counter({k: n for k, n in counts.items() if n and k not in ("expected", "waiting", "extra")})
    with hall.site.database.read() as session:
        by_seat = {s.seat: s for s in seats(session, hall.exam_id, "P", "S", "R1")}
        open_seats = {s.seat for s in unsettled(session, hall.exam_id)}
    assert open_seats == {"2", "3", "4"}
    assert [s.sides for s in by_seat["0"].sheets] == [(1, 2)]
    assert ([s.sides for s in by_seat["2"].sheets], [c.kind for c in by_seat["2"].cases]) == ([(1,)], ["page_missing"])
    assert ([c.kind for c in by_seat["3"].cases], by_seat["4"].sheets) == (["facts_disagree"], ())


def test_a_lost_script_that_a_person_accepts_stays_missing(hall: Hall) -> None:
    hall.scan(*((i, None) for i in range(4)))
    hall.look_for_missing()
    case = next(c for c in hall.cases() if c.candidate == hall.numbers[4])
    hall.resolve(case, "accept", reason="the envelope was empty")
    assert hall.script(4).state is ScriptState.INCOMPLETE
    assert room(hall).counts == Counts(expected=5, complete=4, missing=1)


def test_a_sheet_of_another_candidate_is_named_at_the_seat(hall: Hall) -> None:
    hall.scan((3, {"number": hall.numbers[4], "barcode": hall.numbers[4]}))
    hall.resolve(hall.case("facts_disagree"), "set_candidate", candidate=hall.numbers[4])
    with hall.site.database.read() as session:
        by_seat = {s.seat: s for s in seats(session, hall.exam_id, "P", "S", "R1")}
    assert [(s.serial, s.other) for s in by_seat["4"].sheets] == [(hall.serial(3), hall.numbers[3])]


def test_paper_that_nobody_accounts_for_is_counted_where_it_lay(hall: Hall) -> None:
    hall.scan((5, None))
    stranger = hall.reading(0, 1) | {"code": None, "kind": "foreign", "fields": {}, "regions": []}
    hall.send(stranger)
    hall.send(hall.reading(0, 2) | {"code": None, "kind": "blank", "fields": {}, "regions": []})
    hall.scan((6, None), (7, None), (8, None))
    found = room(hall, "R2").counts
    assert (found.complete, found.waiting, found.extra, found.balances) == (4, 2, 1, False)
    hall.resolve(hall.case("foreign"), "discard", reason="of another exam")
    hall.resolve(hall.case("blank"), "discard", reason="white")
    assert room(hall, "R2").counts.balances


def test_paper_with_no_known_neighbour_stands_under_no_room(hall: Hall) -> None:
    hall.send(hall.reading(0, 1) | {"code": None, "kind": "foreign", "fields": {}, "regions": []})
    hall.read()
    assert room(hall, "").counts == Counts(waiting=1, extra=1)


def test_a_room_that_balances_is_closed_and_what_changes_then_is_seen(hall: Hall) -> None:
    everybody(hall)
    closed = close_room(hall.site, hall.exam_id, "P", "S", "R2", by="user:7")
    assert (closed.closed, closed.changed) == (True, False)
    again = close_room(hall.site, hall.exam_id, "P", "S", "R2", by="user:8")
    assert again.closing == closed.closing
    hall.send(hall.reading(5, 1, {"Q1": "C"}))
    hall.read()
    assert room(hall, "R2").changed
    hall.resolve(hall.case("page_twice"), "keep_other")
    assert not room(hall, "R2").changed
    with pytest.raises(BadInput, match="needs a reason"):
        open_room(hall.site, hall.exam_id, "P", "S", "R2", by="user:7", reason="")
    assert not open_room(hall.site, hall.exam_id, "P", "S", "R2", by="user:7", reason="a sheet was found").closed
    with pytest.raises(Conflict, match="not closed"):
        open_room(hall.site, hall.exam_id, "P", "S", "R2", by="user:7", reason="again")
    assert [(e["closed"], e["version"], e["by"]) for e in hall.entries("room")] == [(True, 1, "user:7"), (False, 2, "user:7")]


def test_a_room_that_does_not_balance_is_refused_by_name_and_closed_only_by_the_office_with_a_reason(hall: Hall) -> None:
    everybody(hall)
    for office, reason in ((False, ""), (True, ""), (False, "it is late"), (True, "  ")):
        with pytest.raises(Conflict, match="1 missing, 1 whose sheet may wait on the desk, 1 with sides still to come, 1 open"):
            close_room(hall.site, hall.exam_id, "P", "S", "R1", by="user:7", office=office, reason=reason)
    assert close_room(hall.site, hall.exam_id, "P", "S", "R1", by="user:7", office=True, reason="the school burnt down").closed
    (entry,) = hall.entries("room")
    assert (entry["reason"], entry["counts"]["missing"]) == ("the school burnt down", 1)


def test_a_room_that_the_roster_does_not_have_is_not_found(hall: Hall) -> None:
    for paper, school, name in (("P", "S", "R9"), ("P", "X", "R1"), ("Q", "S", "R1"), ("P", "S", "")):
        with pytest.raises(NotFound, match="no room"):
            close_room(hall.site, hall.exam_id, paper, school, name, by="user:7")


def test_whatever_happens_seats_and_rooms_agree_and_all_seats_are_counted(hall: Hall) -> None:
    chance = random.Random(4)
    for _ in range(9):
        candidate = chance.randrange(CANDIDATES)
        number = hall.numbers[chance.randrange(CANDIDATES) if chance.random() < 0.2 else candidate]
        for side in chance.choice([(1, 2), (1,), (2,)]):
            fields = {"number": number, "absent": chance.choice(["", "", "1"])} if side == 1 else None
            reading = hall.reading(candidate, side, fields)
            hall.send(without_ink(reading) if chance.random() < 0.3 else reading)
        hall.read()
        if chance.random() < 0.5:
            hall.look_for_missing()
        for case in hall.cases():
            if chance.random() < 0.4:
                fitting = [a for a in case.actions if a in ("mark_absent", "mark_present", "accept", "discard", "keep_other", "take_this")]
                if fitting:
                    hall.resolve(case, chance.choice(fitting), reason="as seen")
        for name in ("R1", "R2"):
            counts = room(hall, name).counts
            stands = {k: n for k, n in counts.as_json().items() if n and k not in ("expected", "waiting", "extra")}
            assert of_seats(hall, name) == stands
            assert counts.expected == sum(stands.values()) == counts.present + counts.absent + counts.missing + counts.unclear
        with hall.site.database.read() as session:
            cases = sum(r.counts.waiting for r in rooms(session, hall.exam_id))
            assert cases == len(hall.cases())


def test_a_school_without_a_code_is_a_school_of_its_own(hall: Hall) -> None:
    hall.scan((0, {"Q1": "A?"}))
    with hall.site.database.write() as session:
        session.execute(update(Candidate).where(Candidate.row > 5).values(school_code=""))
    with hall.site.database.read() as session:
        found = rooms(session, hall.exam_id, paper="P", school="")
        assert [(r.school, r.room, r.counts.expected, r.counts.waiting) for r in found] == [("", "R2", 4, 0)]


def test_the_seats_of_a_room_are_asked_for_in_parts_however_many_they_are(hall: Hall, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("omr.desk.rooms_seats._AT_ONCE", 2)
    everybody(hall)
    sizes: list[int] = []

    def count(_connection: Any, _cursor: Any, statement: str, parameters: Any, *_: Any) -> None:
        if statement.startswith("SELECT sheets.script_id"):
            sizes.append(len(parameters))

    event.listen(hall.site.database._reader, "before_cursor_execute", count)
    assert sum(of_seats(hall, "R1").values()) == 5
    assert (len(sizes), max(sizes)) == (3, 3)  # two scripts, and a page's state


def test_what_cannot_be_closed_or_opened_says_what_to_do(hall: Hall) -> None:
    place = (hall.exam_id, "P", "S")
    with pytest.raises(NotFound) as unknown:
        close_room(hall.site, *place, "R9", by="user:1")
    with pytest.raises(Conflict) as not_closed:
        open_room(hall.site, *place, "R1", by="user:1", reason="why")
    close_room(hall.site, *place, "R1", by="user:1", reason="why", office=True)
    with pytest.raises(BadInput) as without_reason:
        open_room(hall.site, *place, "R1", by="user:1", reason=" ")
    assert all(told.value.remedy for told in (unknown, not_closed, without_reason))
