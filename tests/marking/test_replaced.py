"""When a page is scanned again or changes hands, no mark of another picture counts without somebody's decision."""

import pytest
from sqlalchemy import select

from core.errors import Conflict
from core.states import MarkState, PageState, ResponseState
from core.tables import Batch, FinalMark, Mark, Page, Response, ResponsePicture, Sheet
from marking import intake
from marking.closing import close_marking
from marking.problems import open_problems, resolve_problem
from marking.work import next_tasks
from tests.marking.conftest import OpenHall
from tests.marking.exams import Hall, add_page
from tests.marking.laws import check_rows
from tests.marking.test_submit import get, send


def scan_again(hall: Hall) -> None:
    with hall.site.database.write() as session:
        session.scalars(select(Page)).one().state = PageState.SUPERSEDED
        add_page(session, hall, session.scalars(select(Batch.id)).one(), session.scalars(select(Sheet)).one())
    intake.sweep(hall.site, hall.exam_id)


def states(hall: Hall) -> list[tuple[int, ResponseState, bool]]:
    with hall.site.database.read() as session:
        return [(r.version, r.state, r.current) for r in session.scalars(select(Response).order_by(Response.id))]


def test_an_unmarked_response_is_made_anew(open_anywhere: OpenHall) -> None:
    hall = open_anywhere(scripts=1)
    held = get(hall, hall.person("marker"))
    scan_again(hall)
    assert states(hall) == [(1, ResponseState.SUPERSEDED, False), (2, ResponseState.OPEN, True)]
    late = hall.person("marker")
    assert send(hall, late, held, "5").outcome == "surplus"
    assert get(hall, late).pictures != held.pictures
    with hall.site.database.read() as session:
        assert len(set(session.scalars(select(ResponsePicture.sha256)))) == 2


def marked_then_scanned_again(hall: Hall) -> tuple[int, int]:
    """The leader, and the problem that waits for that person."""
    for user in (hall.person("marker"), hall.person("marker")):
        send(hall, user, get(hall, user), "5")
    scan_again(hall)
    assert states(hall) == [(1, ResponseState.PROBLEM, True)]
    leader = hall.person("leader")
    (waiting,) = open_problems(hall.site, hall.exam_id, leader)
    assert (waiting.reason, waiting.raised_by) == ("replaced", None)
    return leader, waiting.id


def test_a_leader_may_carry_the_marks_over(open_exam: OpenHall) -> None:
    hall = open_exam(scripts=1)
    leader, waiting = marked_then_scanned_again(hall)
    resolve_problem(hall.site, hall.exam_id, leader, waiting, "back", key="carry over")
    hall.site.redis.flushall()
    intake.sweep(hall.site, hall.exam_id)
    assert states(hall) == [(1, ResponseState.AGREED, True)]
    check_rows(hall)


def test_a_leader_may_void_the_marks_and_it_is_marked_anew(open_exam: OpenHall) -> None:
    hall = open_exam(scripts=1)
    leader, waiting = marked_then_scanned_again(hall)
    resolve_problem(hall.site, hall.exam_id, leader, waiting, "void", key="void them")
    hall.site.redis.flushall()
    intake.sweep(hall.site, hall.exam_id)
    assert states(hall) == [(1, ResponseState.SUPERSEDED, False), (2, ResponseState.OPEN, True)]
    assert len(next_tasks(hall.site, hall.exam_id, hall.person("marker")).tasks) == 1
    with hall.site.database.read() as session:
        assert set(session.scalars(select(Mark.state))) == {MarkState.VOID}
        assert session.scalars(select(FinalMark.current)).all() == [False]


def test_a_doubt_about_another_field_of_the_page_leaves_the_marks_alone(open_exam: OpenHall) -> None:
    hall = open_exam(scripts=1)
    for user in (hall.person("marker"), hall.person("marker")):
        send(hall, user, get(hall, user), "5")
    with hall.site.database.write() as session:
        session.scalars(select(Page)).one().state = PageState.DOUBTFUL
    hall.site.redis.flushall()
    intake.sweep(hall.site, hall.exam_id)
    assert states(hall) == [(1, ResponseState.AGREED, True)]


def give_sheet_away(hall: Hall) -> None:
    with hall.site.database.write() as session:
        for sheet in session.scalars(select(Sheet)):
            sheet.script_id = None
    hall.site.redis.flushall()
    intake.sweep(hall.site, hall.exam_id)


def test_marks_that_were_carried_over_are_asked_about_again_when_the_sheet_becomes_anothers(open_anywhere: OpenHall) -> None:
    hall = open_anywhere(scripts=1)
    leader, waiting = marked_then_scanned_again(hall)
    resolve_problem(hall.site, hall.exam_id, leader, waiting, "back", key="carry over")
    give_sheet_away(hall)
    assert states(hall) == [(1, ResponseState.PROBLEM, True)]
    (again,) = open_problems(hall.site, hall.exam_id, leader)
    with pytest.raises(Conflict, match="Void its marks"):
        resolve_problem(hall.site, hall.exam_id, leader, again.id, "back", key="not these")
    with pytest.raises(Conflict, match="Void its marks"):
        resolve_problem(hall.site, hall.exam_id, leader, again.id, "mark", key="nor these", values={"21": "5"})
    resolve_problem(hall.site, hall.exam_id, leader, again.id, "void", key="void them")
    assert states(hall) == [(1, ResponseState.SUPERSEDED, False)]
    check_rows(hall)


def test_a_page_that_is_scanned_again_after_the_release_is_put_before_a_leader_too(open_exam: OpenHall) -> None:
    hall = open_exam(scripts=1)
    for user in (hall.person("marker"), hall.person("marker")):
        send(hall, user, get(hall, user), "5")
    with hall.site.database.write() as session:
        close_marking(session, hall.exam_id)
    assert states(hall) == [(1, ResponseState.FINAL, True)]
    scan_again(hall)
    assert states(hall) == [(1, ResponseState.PROBLEM, True)]
    leader = hall.person("leader")
    (waiting,) = open_problems(hall.site, hall.exam_id, leader)
    resolve_problem(hall.site, hall.exam_id, leader, waiting.id, "mark", key="my own mark", values={"21": "6"})
    hall.site.redis.flushall()
    intake.sweep(hall.site, hall.exam_id)
    assert states(hall) == [(1, ResponseState.AGREED, True)]
    check_rows(hall)
