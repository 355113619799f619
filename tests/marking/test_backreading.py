"""A leader looks over marked work: whose it is stays untold, each mark is looked at once, and looking has its price."""

import pytest
from sqlalchemy import select

from core.errors import Conflict, Forbidden, NotFound
from core.states import MarkState, ResponseState, TaskPurpose
from core.tables import Check, FinalMark, Mark, Response, Task
from marking import backreading
from marking.back_rates import rates
from marking.backreading import Look
from tests.marking.conftest import OpenHall
from tests.marking.exams import PAIR, Hall, one_group
from tests.marking.laws import check_redis, check_rows
from tests.marking.watching_room import marks_of, watched, work

PLACE = ("M", "W21")
BLIND_LEADER = "{name: 1+1+1, tolerance: {marks: 1}}"


def next_look(hall: Hall, leader: int, marker: int | None = None) -> Look:
    look = backreading.next_look(hall.site, hall.exam_id, leader, *PLACE, marker)
    assert look is not None
    return look


def test_a_confirmed_mark_is_looked_at_once(open_anywhere: OpenHall) -> None:
    hall = open_anywhere(one_group("'1'"), scripts=2)
    marker, leader, other = hall.person("marker"), hall.person("leader"), hall.person("leader")
    work(hall, marker, 2, "4")
    look = next_look(hall, leader)
    assert (look.marks, look.pictures, look.marker) == ({"21": "4"}, 1, None)
    second = next_look(hall, other, marker)
    while second.mark != look.mark:
        second = next_look(hall, other, marker)
    assert second.marker == marker
    backreading.confirm(hall.site, hall.exam_id, leader, look.mark, "good")
    with pytest.raises(Conflict, match="another leader"):
        backreading.send_back(hall.site, hall.exam_id, other, look.mark)
    assert {next_look(hall, leader).mark for _ in range(5)} == {m.id for m in marks_of(hall, marker)} - {look.mark}
    check_rows(hall)


def test_a_correction_decides_and_is_in_the_ledger_as_what_it_is(open_anywhere: OpenHall) -> None:
    hall = open_anywhere(one_group(PAIR), scripts=1)
    marker, other, leader = hall.person("marker"), hall.person("marker"), hall.person("leader")
    work(hall, marker, 1, "4")
    work(hall, other, 1, "4")
    look = next_look(hall, leader, marker)
    new = backreading.correct(hall.site, hall.exam_id, leader, look.mark, "key of mine", {"21": "6"}, "see the second line")
    assert backreading.correct(hall.site, hall.exam_id, leader, look.mark, "key of mine", {"21": "6"}) == new
    with hall.site.database.read() as session:
        final = session.scalars(select(FinalMark).where(FinalMark.current)).one()
        assert (final.numerator, final.rule, final.mark_ids) == (600, "arbiter", [new])
        check = session.scalars(select(Check)).one()
        assert (check.outcome, check.differences, check.against, check.user_id) == ("corrected", {"21": -200}, new, marker)
        assert session.get_one(Mark, new).shown == [look.mark]
    assert [m.id for m in marks_of(hall, marker, MarkState.SURPLUS)] == [look.mark]
    check_rows(hall)


def test_what_is_sent_back_is_marked_by_somebody_else_and_its_marker_is_told(open_anywhere: OpenHall) -> None:
    hall = open_anywhere(one_group(PAIR), scripts=1)
    marker, other, third, leader = hall.person("marker"), hall.person("marker"), hall.person("marker"), hall.person("leader", "marker")
    work(hall, marker, 1, "4")
    work(hall, other, 1, "4")
    look = next_look(hall, leader, marker)
    backreading.send_back(hall.site, hall.exam_id, leader, look.mark, "the second page was not read")
    assert [m.id for m in marks_of(hall, marker, MarkState.VOID)] == [look.mark]
    with hall.site.database.read() as session:
        assert session.scalars(select(Response.state)).one() is ResponseState.OPEN
    (told,) = backreading.returned(hall.site, hall.exam_id, marker)
    assert (told.marks, told.note) == ({"21": "4"}, "the second page was not read")
    assert backreading.returned(hall.site, hall.exam_id, other) == []
    assert work(hall, marker, 1) == []
    assert work(hall, leader, 1) == []  # who has seen the mark does not mark it blind
    check_redis(hall)
    assert work(hall, third, 1, "5") == [TaskPurpose.LIVE]
    with hall.site.database.read() as session:
        assert session.scalars(select(FinalMark.numerator).where(FinalMark.current)).all() == [450]
    check_rows(hall)


def test_who_has_looked_is_kept_from_the_blind_slot_also_when_redis_forgot(open_exam: OpenHall) -> None:
    hall = open_exam(one_group(BLIND_LEADER), scripts=1)
    first, second, leader, other = hall.person("marker"), hall.person("marker"), hall.person("leader"), hall.person("leader")
    work(hall, first, 1, "1")
    next_look(hall, leader, first)
    work(hall, second, 1, "9")
    assert work(hall, leader, 1) == []
    hall.site.redis.flushall()
    assert work(hall, leader, 1) == []
    assert work(hall, other, 1) == [TaskPurpose.LIVE]


def test_a_leader_sees_no_own_work_no_excluded_school_and_nothing_elsewhere(open_exam: OpenHall) -> None:
    hall = open_exam(one_group("'1'"), scripts=4, schools=("S1", "S2"))
    marker, leader = hall.person("marker"), hall.person("leader", "marker", school="S1")
    work(hall, leader, 1)
    work(hall, marker, 9)
    for _ in range(6):
        look = next_look(hall, leader)
        with hall.site.database.read() as session:
            mark = session.get_one(Mark, look.mark)
            assert mark.marker_id == marker
            assert session.get_one(Response, mark.response_id).school_code == "S2"
    nobody = hall.person("leader", scope="M/W99")
    with pytest.raises(Forbidden):
        next_look(hall, nobody)
    with pytest.raises(Forbidden):
        next_look(hall, marker)


def test_only_who_was_shown_a_mark_decides_about_it_and_sees_its_picture(open_exam: OpenHall) -> None:
    hall = open_exam(one_group("'1'"), scripts=1)
    marker, leader, other = hall.person("marker"), hall.person("leader"), hall.person("leader")
    work(hall, marker, 1)
    look = next_look(hall, leader)
    assert len(backreading.picture(hall.site, hall.exam_id, leader, look.mark, 0)) == 64
    for call in (backreading.confirm, backreading.send_back):
        with pytest.raises(NotFound):
            call(hall.site, hall.exam_id, other, look.mark)
    with pytest.raises(NotFound):
        backreading.picture(hall.site, hall.exam_id, other, look.mark, 0)
    with pytest.raises(NotFound):
        backreading.picture(hall.site, hall.exam_id, leader, look.mark, 1)


def test_the_looks_reach_every_markers_share_of_the_day(open_anywhere: OpenHall) -> None:
    hall = open_anywhere(watched("{back_reading: {share: 0.2}}", "'1'"), scripts=30)
    many, few, leader = hall.person("marker"), hall.person("marker"), hall.person("leader")
    work(hall, many, 20)
    work(hall, few, 10)
    assert {r.marker: (r.today, r.missing) for r in rates(hall.site, hall.exam_id, leader, *PLACE)} == {many: (20, 4), few: (10, 2)}
    looked: list[int] = []
    for _ in range(6):
        look = next_look(hall, leader)
        backreading.confirm(hall.site, hall.exam_id, leader, look.mark)
        with hall.site.database.read() as session:
            looked.append(session.get_one(Mark, look.mark).marker_id)
    assert (looked[:2], sorted(looked)) == ([many, many], sorted([many] * 4 + [few] * 2))
    assert {r.marker: (r.looked_today, r.missing, r.confirmed) for r in rates(hall.site, hall.exam_id, leader, *PLACE)} == {
        many: (4, 0, 4),
        few: (2, 0, 2),
    }


def test_a_mark_that_counts_no_more_is_not_decided_about(open_exam: OpenHall) -> None:
    from marking.submit import revise

    hall = open_exam(one_group("'1'"), scripts=1)
    marker, leader = hall.person("marker"), hall.person("leader")
    work(hall, marker, 1, "4")
    look = next_look(hall, leader)
    with hall.site.database.read() as session:
        token = session.scalars(select(Task.token).where(Task.purpose == TaskPurpose.LIVE)).one()
    revise(hall.site, hall.exam_id, marker, token, "another key", {"21": "5"})
    with pytest.raises(Conflict):
        backreading.confirm(hall.site, hall.exam_id, leader, look.mark)
    assert next_look(hall, leader).marks == {"21": "5"}
