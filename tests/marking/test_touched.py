"""A look at what was touched finds what a look at everything would; what it cannot find, the next look at all does."""

from __future__ import annotations

from sqlalchemy import func, select

from api.sweeper import Looks
from core.states import PageState, ResponseState
from core.tables import Batch, Page, Response, Script, Sheet, SheetAssignment
from marking import intake
from marking.touched import Mark, newest, touched
from tests.marking.conftest import OpenHall
from tests.marking.exams import Hall, add_page, read_all

START = Mark(0, 0)


def responses(hall: Hall) -> int:
    with hall.site.database.read() as session:
        return session.scalar(select(func.count(Response.id)).where(Response.current)) or 0


def scripts(hall: Hall) -> list[int]:
    with hall.site.database.read() as session:
        return list(session.scalars(select(Script.id).order_by(Script.id)))


def touched_since(hall: Hall, mark: Mark) -> list[int]:
    with hall.site.database.read() as session:
        return touched(session, hall.exam_id, mark)


def test_each_look_makes_what_was_read_since_the_last(open_anywhere: OpenHall) -> None:
    hall = open_anywhere(sweep=False, scripts=4)
    seen = intake.sweep_touched(hall.site, hall.exam_id, START)
    assert responses(hall) == 0
    for only, made in (([0], 1), ([2, 3], 3), ([], 3), ([1], 4)):
        read_all(hall, only=only)
        seen = intake.sweep_touched(hall.site, hall.exam_id, seen)
        assert responses(hall) == made
    assert intake.sweep(hall.site, hall.exam_id) == 0


def test_only_what_is_newer_is_looked_at(open_exam: OpenHall) -> None:
    hall = open_exam(sweep=False, scripts=3)
    read_all(hall, only=[0, 1])
    with hall.site.database.read() as session:
        mark = newest(session, hall.exam_id)
    read_all(hall, only=[2])
    first, second, third = scripts(hall)
    assert touched_since(hall, mark) == [third]
    assert touched_since(hall, START) == [first, second, third]


def test_a_sheet_that_goes_to_another_touches_both(open_anywhere: OpenHall) -> None:
    hall = open_anywhere(sweep=False, scripts=2)
    read_all(hall)
    mine, other = scripts(hall)
    seen = intake.sweep_touched(hall.site, hall.exam_id, START)
    assign(hall, other)
    assert touched_since(hall, seen) == [mine, other]
    intake.sweep_touched(hall.site, hall.exam_id, seen)
    with hall.site.database.read() as session:
        held = session.execute(select(Response.script_id, Response.current, Response.state).order_by(Response.id)).all()
    assert (mine, False, ResponseState.SUPERSEDED) in held


def assign(hall: Hall, script: int) -> None:
    with hall.site.database.write() as session:
        sheet = session.scalars(select(Sheet).order_by(Sheet.id)).first()
        assert sheet is not None
        sheet.script_id = script
        said = {"facts": {}, "by": "clerk", "at": hall.clock()}
        session.add(SheetAssignment(exam_id=hall.exam_id, sheet_id=sheet.id, version=2, script_id=script, **said))


def test_a_second_scan_makes_the_response_anew(open_exam: OpenHall) -> None:
    hall = open_exam(scripts=1)
    with hall.site.database.read() as session:
        seen = newest(session, hall.exam_id)
    with hall.site.database.write() as session:
        session.scalars(select(Page)).one().state = PageState.SUPERSEDED
        add_page(session, hall, session.scalars(select(Batch.id)).one(), session.scalars(select(Sheet)).one())
    intake.sweep_touched(hall.site, hall.exam_id, seen)
    with hall.site.database.read() as session:
        found = [(r.version, r.state) for r in session.scalars(select(Response).order_by(Response.id))]
    assert found == [(1, ResponseState.SUPERSEDED), (2, ResponseState.OPEN)]


def test_what_no_row_tells_is_found_by_the_next_look_at_all(open_exam: OpenHall) -> None:
    hall = open_exam(sweep=False, scripts=1)
    now = iter(range(1000))
    looks = Looks(hall.site, hall.exam_id, clock=lambda: float(next(now)))  # a look at all takes a second
    looks.look()
    read_all(hall)
    with hall.site.database.write() as session:
        session.scalars(select(Page)).one().state = PageState.DOUBTFUL
    looks.look()
    with hall.site.database.write() as session:
        session.scalars(select(Page)).one().state = PageState.READ  # a case was the last, and nothing else came
    hall.site.redis.flushall()
    turns = 0
    while not responses(hall):
        looks.look()
        turns += 1
    assert 20 < turns < 40
