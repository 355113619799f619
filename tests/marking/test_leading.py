"""What the leaders' page is told: the groups that are one's own, what waits in them, who is stopped, what a stop would do by the hour."""

import pytest
from sqlalchemy import select

from core.errors import Conflict, Forbidden, NotFound
from core.quality import PutBack
from core.tables import Task
from marking import backreading, leading, problems, seeds, stopping
from marking.back_rates import rates
from tests.marking.conftest import OpenHall
from tests.marking.exams import Hall, one_group
from tests.marking.tallies import Made
from tests.marking.test_stopping import ALL, PLACE, shown, stop
from tests.marking.watched_exam import write_marks
from tests.marking.watching_room import ask, make_seeds, stops_of, watched, work

BLIND_ARBITER = (
    "{name: own, tolerance: {marks: 1}, table: {rows: [{when: no B, ask: marker}, "
    '{when: A near B, take: "mean(A, B)", rule: pair}, {when: otherwise, ask: arbiter, shown: none}]}}'
)
HALF = "{rounds: {trial: {responses: 1}}, back_reading: {share: 0.5}, put_back: {since: hours, hours: 3}}"


def _a_task(hall: Hall) -> tuple[int, int]:
    with hall.site.database.read() as session:
        task = session.scalars(select(Task).order_by(Task.id)).first()
        assert task is not None
        return task.response_id, task.id


def test_a_leader_sees_his_groups_and_what_waits_in_them(open_anywhere: OpenHall) -> None:
    hall = open_anywhere(watched(HALF, "'1'"), scripts=8)
    chief, leader, elsewhere = hall.person("arbiter"), hall.person("leader", scope="M/W21"), hall.person("leader", scope="M/W99")
    marker = hall.person("marker")
    make_seeds(hall, chief, "trial", 1)
    work(hall, marker, 6, "4")  # one of them the trial
    (of_leader,) = leading.led(hall.site, hall.exam_id, leader)
    assert (of_leader.agrees, of_leader.corrects, of_leader.rounds, of_leader.share) == (False, True, ("trial",), "0.5")
    assert (of_leader.since, of_leader.hours, of_leader.looks, of_leader.problems, of_leader.stopped) == ("hours", 3, 3, 0, 0)
    assert [(item.id, item.full) for item in of_leader.items] == [("21", "10")]
    (of_chief,) = leading.led(hall.site, hall.exam_id, chief)
    assert of_chief.agrees
    assert leading.led(hall.site, hall.exam_id, elsewhere) == []
    assert leading.led(hall.site, hall.exam_id, marker) == []
    look = backreading.next_look(hall.site, hall.exam_id, leader, *PLACE)
    assert look is not None
    backreading.confirm(hall.site, hall.exam_id, leader, look.mark)
    task = ask(hall, marker)
    assert task is not None
    problems.problem(hall.site, hall.exam_id, marker, task.task, "key of mine", "illegible")
    stop(hall, leader, marker, shown(hall, leader, marker))
    (now_so,) = leading.led(hall.site, hall.exam_id, leader)
    assert (now_so.looks, now_so.problems, now_so.stopped) == (2, 1, 1)
    (rate,) = rates(hall.site, hall.exam_id, leader, *PLACE)
    assert rate.missing == now_so.looks  # of one marker both count the same


def test_nobody_is_offered_to_correct_where_an_arbiter_decides_blind(open_exam: OpenHall) -> None:
    hall = open_exam(one_group(BLIND_ARBITER), scripts=1)
    marker, leader = hall.person("marker"), hall.person("leader")
    (group,) = leading.led(hall.site, hall.exam_id, leader)
    assert not group.corrects
    work(hall, marker, 1, "4")
    look = backreading.next_look(hall.site, hall.exam_id, leader, *PLACE)
    assert look is not None
    with pytest.raises(Conflict, match="blind"):
        backreading.correct(hall.site, hall.exam_id, leader, look.mark, "a key of mine", {"21": "5"})


def test_people_are_those_who_may_mark_there_and_where_they_stand(open_anywhere: OpenHall) -> None:
    hall = open_anywhere(watched(HALF, "'1'"), scripts=4)
    leader, first, other = hall.person("leader"), hall.person("marker", scope="M"), hall.person("marker", scope="M/W99")
    assert [(p.id, p.state) for p in leading.people(hall.site, hall.exam_id, leader, *PLACE)] == [(first, "trial")]
    stop(hall, leader, other, shown(hall, leader, other))  # he may have had the role before
    found = leading.people(hall.site, hall.exam_id, leader, *PLACE)
    assert [(p.id, p.state) for p in found] == [(first, "trial"), (other, "suspended")]
    gone = hall.person()
    assert [p.id for p in leading.people(hall.site, hall.exam_id, leader, *PLACE, gone)] == [first, other]
    write_marks(hall, [Made(1, *_a_task(hall), gone, {"21": 500}, "live", "counted", 0)])  # who was a marker, and is none any more
    assert [p.id for p in leading.people(hall.site, hall.exam_id, leader, *PLACE, gone)] == [first, other, gone]
    for asks in (first, other):
        with pytest.raises(Forbidden):
            leading.people(hall.site, hall.exam_id, asks, *PLACE)
        with pytest.raises(Forbidden):
            leading.stops(hall.site, hall.exam_id, asks, *PLACE)
    with pytest.raises(NotFound):
        leading.people(hall.site, hall.exam_id, leader, "M", "W98")


def test_stops_say_who_and_why_and_those_that_stand_come_first(open_anywhere: OpenHall) -> None:
    hall = open_anywhere(one_group("'1'"), scripts=4)
    leader, first, second = hall.person("leader"), hall.person("marker"), hall.person("marker")
    work(hall, first, 2)
    stop(hall, leader, first, shown(hall, leader, first))
    stopping.stop(hall.site, hall.exam_id, second, *PLACE, rule="seeds", reason="failed twice", by="rule:seeds")
    stopping.lift(hall.site, hall.exam_id, leader, second, *PLACE)
    found = leading.stops(hall.site, hall.exam_id, leader, *PLACE)
    name = leading.people(hall.site, hall.exam_id, leader, *PLACE)[0].name
    assert [(s.marker, s.rule, s.by, s.put_back, bool(s.lifted_at), s.lifted_by) for s in found] == [
        (first, "person", "U 0", 2, False, ""),
        (second, "seeds", "", 0, True, "U 0"),
    ]
    assert (found[0].reason, found[0].name) == ("marks without reading", name)


def test_what_goes_back_is_shown_by_the_hour_and_sums_up_to_what_happens(open_anywhere: OpenHall) -> None:
    hall = open_anywhere(one_group("'1'"), scripts=6)
    marker, leader = hall.person("marker"), hall.person("leader")
    work(hall, marker, 2, "4")
    hall.clock.pass_by(hours=2)
    work(hall, marker, 1, "9")
    work(hall, marker, 2, "3")
    seen = shown(hall, leader, marker)
    assert [(h.marks, h.reopened, h.means) for h in seen.hours] == [(2, 2, {"21": "4.00"}), (3, 3, {"21": "5.00"})]
    assert (seen.hours[1].hour - seen.hours[0].hour).total_seconds() == 7200
    assert (sum(h.marks for h in seen.hours), sum(h.reopened for h in seen.hours)) == (seen.marks, seen.reopened)
    latest = shown(hall, leader, marker, PutBack(since="hours", hours=1))
    assert [h.marks for h in latest.hours] == [3]
    assert shown(hall, leader, marker, PutBack(since="never")).hours == ()
    stop(hall, leader, marker, seen, ALL)
    assert len(stops_of(hall, marker)[0].put_back) == 5


def test_how_markers_fared_on_a_seed_is_told_to_who_agrees_marks(open_anywhere: OpenHall) -> None:
    hall = open_anywhere(watched("{seeds: {first_of_day: true, stop_after: 5}}"), scripts=5)
    chief, leader, near, far = hall.person("arbiter"), hall.person("leader"), hall.person("marker"), hall.person("marker")
    make_seeds(hall, chief, "live", 1, "5")
    work(hall, near, 1, "6")
    work(hall, far, 1, "1.00")
    (seed,) = seeds.listed(hall.site, hall.exam_id, chief, *PLACE)
    assert (seed.given, seed.failed, seed.pictures) == (2, 1, 1)
    found = seeds.fared(hall.site, hall.exam_id, chief, seed.id)
    assert [(f.marker, f.marks, f.differences, f.within) for f in found] == [
        (far, {"21": "1"}, {"21": "-4"}, False),
        (near, {"21": "6"}, {"21": "+1"}, True),
    ]
    with pytest.raises(Forbidden):
        seeds.fared(hall.site, hall.exam_id, leader, seed.id)
    with pytest.raises(NotFound):
        seeds.fared(hall.site, hall.exam_id, chief, 999)
