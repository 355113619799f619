"""A stop does what was shown and nothing else, is carried out whatever dies, and its marks are marked again by others."""

import pytest
from sqlalchemy import select

from core.errors import BadInput, Conflict, Forbidden, NotFound
from core.quality import PutBack
from core.states import MarkState, ResponseState, StandingState, TaskState
from core.tables import FinalMark, Mark, Response, Stop, Task
from marking import backreading, stopping
from tests.marking.conftest import OpenHall
from tests.marking.exams import PAIR, Hall, one_group
from tests.marking.laws import check_redis, check_rows
from tests.marking.watching_room import ask, marks_of, send, standing_of, stops_of, watched, work

ALL = PutBack(since="hours", hours=1000)
PLACE = ("M", "W21")


def shown(hall: Hall, leader: int, user: int, choose: PutBack = ALL) -> stopping.Preview:
    return stopping.what_would_happen(hall.site, hall.exam_id, leader, user, *PLACE, choose)


def stop(hall: Hall, leader: int, user: int, seen: stopping.Preview, choose: PutBack = ALL) -> stopping.Stopped:
    return stopping.stop_as_shown(
        hall.site, hall.exam_id, leader, user, *PLACE, choose, "marks without reading", (seen.newest, seen.digest)
    )


def pair_at_work(open_exam: OpenHall, scripts: int = 4, scheme: str = PAIR) -> tuple[Hall, int, int, int]:
    """Two have marked everything; the exam has no rules."""
    hall = open_exam(one_group(scheme), scripts=scripts)
    careless, good, leader = hall.person("marker"), hall.person("marker"), hall.person("leader")
    work(hall, careless, scripts, "5")
    work(hall, good, scripts, "5")
    return hall, careless, good, leader


def test_what_was_shown_is_what_happens(open_anywhere: OpenHall) -> None:
    hall, careless, good, leader = pair_at_work(open_anywhere)
    seen = shown(hall, leader, careless)
    assert (seen.marks, seen.reopened, seen.kept) == (4, 4, 0)
    done = stop(hall, leader, careless, seen)
    assert (done.put_back, done.since) == (4, 0)
    assert (len(marks_of(hall, careless)), len(marks_of(hall, careless, MarkState.VOID)), len(marks_of(hall, good))) == (0, 4, 4)
    with hall.site.database.read() as session:
        assert set(session.scalars(select(Response.state))) == {ResponseState.OPEN}
        assert session.scalars(select(FinalMark).where(FinalMark.current)).all() == []
        assert len(session.scalars(select(Task).where(Task.state == TaskState.OPEN)).all()) == 4
    assert standing_of(hall, careless).state is StandingState.SUSPENDED
    check_rows(hall)
    check_redis(hall)
    third = hall.person("marker")
    work(hall, third, 4, "6")
    with hall.site.database.read() as session:
        assert session.scalars(select(FinalMark.numerator).where(FinalMark.current)).all() == [550] * 4
    check_rows(hall)


@pytest.mark.parametrize("choose", [ALL, PutBack(since="never")])
def test_the_same_order_again_makes_no_second_stop(open_anywhere: OpenHall, choose: PutBack) -> None:
    hall, careless, _, leader = pair_at_work(open_anywhere, scripts=2)
    seen = shown(hall, leader, careless, choose)
    first = stop(hall, leader, careless, seen, choose)
    assert stop(hall, leader, careless, seen, choose) == first
    assert len(stops_of(hall, careless)) == 1
    stopping.lift(hall.site, hall.exam_id, leader, careless, *PLACE)
    again = shown(hall, leader, careless, choose)
    assert stop(hall, leader, careless, again, choose).stop != first.stop
    check_rows(hall)


def test_a_stopped_marker_gets_nothing_and_what_he_holds_is_refused_and_goes_to_others(open_exam: OpenHall) -> None:
    hall = open_exam(one_group("'1'"), scripts=1)
    careless, other, leader = hall.person("marker"), hall.person("marker"), hall.person("leader")
    held = ask(hall, careless)
    assert held is not None
    stop(hall, leader, careless, shown(hall, leader, careless))
    with pytest.raises(Forbidden, match="stopped"):
        send(hall, careless, held)
    with pytest.raises(Forbidden, match="stopped"):
        ask(hall, careless)
    assert len(work(hall, other, 3)) == 1
    check_rows(hall)


def test_nobody_who_marked_gets_it_again(open_exam: OpenHall) -> None:
    hall, careless, good, leader = pair_at_work(open_exam, 2)
    stop(hall, leader, careless, shown(hall, leader, careless))
    assert work(hall, good, 1) == []
    stopping.lift(hall.site, hall.exam_id, leader, careless, *PLACE)
    assert work(hall, careless, 1) == []


def test_a_digest_that_is_not_of_now_stops_nobody(open_exam: OpenHall) -> None:
    hall, careless, _, leader = pair_at_work(open_exam, 2)
    seen = shown(hall, leader, careless)
    look = backreading.next_look(hall.site, hall.exam_id, leader, *PLACE, careless)
    assert look is not None
    backreading.confirm(hall.site, hall.exam_id, leader, look.mark)
    with pytest.raises(Conflict, match="has changed meanwhile"):
        stop(hall, leader, careless, seen)
    assert stops_of(hall, careless) == []
    seen = shown(hall, leader, careless)
    assert (seen.marks, seen.kept) == (1, 1)
    stop(hall, leader, careless, seen)
    assert [m.id for m in marks_of(hall, careless)] == [look.mark]
    check_rows(hall)


def test_marks_that_came_after_the_preview_stay_and_are_told(open_exam: OpenHall) -> None:
    hall = open_exam(one_group("'1'"), scripts=3)
    careless, leader = hall.person("marker"), hall.person("leader")
    work(hall, careless, 1)
    seen = shown(hall, leader, careless)
    work(hall, careless, 2)
    done = stop(hall, leader, careless, seen)
    assert (done.put_back, done.since, len(marks_of(hall, careless))) == (1, 2, 2)
    again = shown(hall, leader, careless)
    assert again.marks == 2
    stop(hall, leader, careless, again)
    assert marks_of(hall, careless) == []


def test_the_last_hours_today_or_nothing(open_exam: OpenHall) -> None:
    hall = open_exam(one_group("'1'"), scripts=6)
    careless, leader = hall.person("marker"), hall.person("leader")
    hall.clock.at = hall.clock.at.replace(hour=10)  # 18:00 in Shanghai
    work(hall, careless, 1)
    hall.clock.pass_by(hours=10)  # 04:00
    work(hall, careless, 2)
    hall.clock.pass_by(hours=2)
    work(hall, careless, 1)
    counts = [
        shown(hall, leader, careless, choose).marks
        for choose in (PutBack(since="hours", hours=1), PutBack(since="today"), PutBack(), PutBack(since="never"))
    ]
    assert counts == [1, 3, 4, 0]


def test_what_a_leader_decided_stays(open_exam: OpenHall) -> None:
    hall = open_exam(one_group(PAIR), scripts=1)
    careless, good, leader = hall.person("marker"), hall.person("marker"), hall.person("leader")
    work(hall, careless, 1, "0")
    work(hall, good, 1, "8")
    work(hall, leader, 1, "7")
    assert shown(hall, leader, careless).marks == 0


def test_a_stop_that_was_begun_is_carried_out_by_the_next_sweep(open_anywhere: OpenHall, monkeypatch: pytest.MonkeyPatch) -> None:
    hall, careless, _, leader = pair_at_work(open_anywhere, 3)
    with monkeypatch.context() as patched:
        patched.setattr(stopping, "finish", lambda *_: 0)  # the process dies between the stop and carrying it out
        stop(hall, leader, careless, shown(hall, leader, careless))
    assert len(marks_of(hall, careless)) == 3
    assert stopping.sweep(hall.site, hall.exam_id) == 3
    assert stopping.sweep(hall.site, hall.exam_id) == 0
    assert marks_of(hall, careless) == []
    check_rows(hall)


def test_a_lifted_marker_goes_on_and_the_old_stop_says_who_lifted_it(open_exam: OpenHall) -> None:
    hall = open_exam(watched("{limits: {a_day: 99}}", "'1'"), scripts=3)
    careless, leader = hall.person("marker"), hall.person("leader")
    work(hall, careless, 1)
    stopping.stop(hall.site, hall.exam_id, careless, *PLACE, rule="careless", reason="exact < 40 %", by="rule:careless")
    assert stopping.stop(hall.site, hall.exam_id, careless, *PLACE, rule="careless", reason="again", by="rule:careless") is None
    assert standing_of(hall, careless).state is StandingState.STOPPED
    with pytest.raises(BadInput):
        stopping.lift(hall.site, hall.exam_id, leader, careless, *PLACE, to="first")
    with pytest.raises(Forbidden):
        stopping.lift(hall.site, hall.exam_id, careless, careless, *PLACE)
    stopping.lift(hall.site, hall.exam_id, leader, careless, *PLACE)
    assert stops_of(hall, careless)[0].lifted_by == f"user:{leader}"
    with pytest.raises(Conflict):
        stopping.lift(hall.site, hall.exam_id, leader, careless, *PLACE)
    assert len(work(hall, careless, 9)) == 2


def test_only_a_leader_of_the_group_stops_with_a_reason_and_somebody_who_is_there(open_exam: OpenHall) -> None:
    hall, careless, good, leader = pair_at_work(open_exam, 1)
    elsewhere = hall.person("leader", scope="M/W99")
    site, exam_id = hall.site, hall.exam_id
    for nobody in (good, elsewhere):
        with pytest.raises(Forbidden):
            stopping.what_would_happen(site, exam_id, nobody, careless, *PLACE, ALL)
    with pytest.raises(NotFound):
        stopping.what_would_happen(site, exam_id, leader, 9999, *PLACE, ALL)
    with pytest.raises(NotFound):
        stopping.what_would_happen(site, exam_id, leader, careless, "M", "W22", ALL)
    seen = shown(hall, leader, careless)
    with pytest.raises(BadInput):
        stopping.stop_as_shown(site, exam_id, leader, careless, *PLACE, ALL, " ", (seen.newest, seen.digest))


def test_a_problem_keeps_its_state_when_a_mark_on_it_goes_back(open_exam: OpenHall) -> None:
    from marking.problems import problem, resolve_problem

    hall = open_exam(one_group(PAIR), scripts=1)
    careless, other, leader = hall.person("marker"), hall.person("marker"), hall.person("leader")
    work(hall, careless, 1)
    task = ask(hall, other)
    assert task is not None
    number = problem(hall.site, hall.exam_id, other, task.task, "the key of it", "illegible")
    stop(hall, leader, careless, shown(hall, leader, careless))
    with hall.site.database.read() as session:
        assert session.scalars(select(Response.state)).one() is ResponseState.PROBLEM
    resolve_problem(hall.site, hall.exam_id, leader, number, "back", key="leader key 1")
    check_rows(hall)
    with hall.site.database.read() as session:
        assert len(session.scalars(select(Task).where(Task.state == TaskState.OPEN)).all()) == 2


def test_the_ledger_says_who_was_stopped_and_why(open_exam: OpenHall) -> None:
    from core import ledger

    hall, careless, _, leader = pair_at_work(open_exam, 2)
    stop(hall, leader, careless, shown(hall, leader, careless))
    stopping.lift(hall.site, hall.exam_id, leader, careless, *PLACE)
    with hall.site.database.read() as session:
        entries = [e for e in ledger.entries(session, hall.exam_id) if e["kind"] in ("stop", "stop-lifted", "mark-state")]
        put_back = session.scalars(select(Stop.put_back)).one()
        assert session.scalars(select(Mark.id).where(Mark.state == MarkState.VOID).order_by(Mark.id)).all() == put_back
    assert [e["kind"] for e in entries] == ["stop", "mark-state", "mark-state", "stop-lifted"]
    assert (entries[0]["marker"], entries[0]["by"], entries[0]["reason"]) == (f"user:{careless}", f"user:{leader}", "marks without reading")
    assert {e["mark"] for e in entries if e["kind"] == "mark-state"} == set(put_back)
