"""Nobody marks live before the rounds are passed; limits; and what a marker may see of it."""

import pytest
from sqlalchemy import select

from core.errors import BadInput, Conflict, Forbidden
from core.states import StandingState, TaskPurpose, TaskState
from core.tables import Response, Task
from marking import qualify
from tests.marking.conftest import OpenHall
from tests.marking.exams import Hall
from tests.marking.laws import check_rows
from tests.marking.watching_room import ask, checks_of, make_seeds, send, standing_of, watched, work

ROUNDS = "{rounds: {trial: {responses: 1}, first: {responses: 4, within: 0.75, big: 0}, second: {responses: 2, within: 1, big: 0}}}"
SECOND_CHANCE = "{rounds: {first: {responses: 2, within: 1, big: 0}, second: {responses: 2, within: 1}, second_for: failed}}"


def exam(open_exam: OpenHall, rules: str = ROUNDS, each: int = 4) -> tuple[Hall, int, int]:
    hall = open_exam(watched(rules), scripts=3 * each + 3)
    chief, marker = hall.person("arbiter"), hall.person("marker")
    for use in ("trial", "first", "second"):
        make_seeds(hall, chief, use, each)
    return hall, chief, marker


def state(hall: Hall, marker: int) -> str:
    return str(standing_of(hall, marker).state)


def test_trial_first_second_and_then_live(open_anywhere: OpenHall) -> None:
    hall, _, marker = exam(open_anywhere)
    assert work(hall, marker, 1, "6") == [TaskPurpose.TRIAL]
    assert state(hall, marker) == "first"
    assert work(hall, marker, 4) == [TaskPurpose.TRIAL] * 4
    assert state(hall, marker) == "second"
    assert work(hall, marker, 2) == [TaskPurpose.TRIAL] * 2
    assert state(hall, marker) == "live"
    assert work(hall, marker, 9) == [TaskPurpose.LIVE] * 3
    assert [c.use for c in checks_of(hall, marker)] == ["trial"] + ["first"] * 4 + ["second"] * 2
    with hall.site.database.read() as session:
        met = session.scalars(select(Task.response_id).where(Task.marker_id == marker)).all()
    assert len(set(met)) == len(met) == 10
    check_rows(hall)


def test_too_few_within_the_tolerance_fails_and_a_leader_decides(open_anywhere: OpenHall) -> None:
    hall, chief, marker = exam(open_anywhere, each=8)
    work(hall, marker, 1)
    work(hall, marker, 2, "3")
    work(hall, marker, 2, "5")
    assert state(hall, marker) == "failed"
    with pytest.raises(Forbidden, match="not been admitted"):
        ask(hall, marker)
    leader, site, exam_id = hall.person("leader"), hall.site, hall.exam_id
    with pytest.raises(Forbidden):
        qualify.admit(site, exam_id, marker, marker, "M", "W21")
    qualify.again(site, exam_id, leader, marker, "M", "W21", "first")
    assert work(hall, marker, 4) == [TaskPurpose.TRIAL] * 4
    assert state(hall, marker) == "second"
    (row,) = qualify.table(site, exam_id, leader, "M", "W21")
    assert (row.state, row.done, row.asked) == ("second", 0, 2)
    qualify.admit(site, exam_id, leader, marker, "M", "W21")
    assert work(hall, marker, 1) == [TaskPurpose.LIVE]
    with hall.site.database.read() as session:
        waiting = select(Task).where(Task.marker_id == marker, Task.state == TaskState.OPEN)
        assert session.scalars(waiting).all() == []
    check_rows(hall)
    assert chief


def test_one_big_miss_is_too_many_where_none_is_allowed(open_exam: OpenHall) -> None:
    hall, _, marker = exam(open_exam)
    work(hall, marker, 4)
    assert work(hall, marker, 1, "9") == [TaskPurpose.TRIAL]  # 4 of 10 marks off: more than a quarter
    assert state(hall, marker) == "failed"


def test_a_small_miss_is_within_the_share(open_exam: OpenHall) -> None:
    hall, _, marker = exam(open_exam)
    work(hall, marker, 4)
    work(hall, marker, 1, "7")
    assert state(hall, marker) == "second"


def test_the_second_round_may_be_a_second_chance(open_exam: OpenHall) -> None:
    hall, _, marker = exam(open_exam, SECOND_CHANCE)
    good = hall.person("marker")
    work(hall, marker, 2, "1")
    assert state(hall, marker) == "second"
    work(hall, marker, 2)
    assert state(hall, marker) == "live"
    work(hall, good, 2)
    assert {s.state for s in qualify.own(hall.site, hall.exam_id, good)} == {"live"}


def test_with_too_few_seeds_a_round_waits(open_exam: OpenHall) -> None:
    hall, _, marker = exam(open_exam, each=3)
    assert len(work(hall, marker, 9)) == 4
    (mine,) = qualify.own(hall.site, hall.exam_id, marker)
    assert (mine.state, mine.done, mine.asked, mine.within) == ("first", 3, 4, 3)


def test_after_a_trial_the_agreed_marks_are_shown_and_after_a_round_they_are_not(open_exam: OpenHall) -> None:
    hall, _, marker = exam(open_exam)
    work(hall, marker, 2, "9")
    (tried,) = qualify.trials(hall.site, hall.exam_id, marker)
    assert (tried.mine, tried.agreed, tried.note, tried.within) == ({"21": "9"}, {"21": "5"}, "as agreed", False)
    assert qualify.trials(hall.site, hall.exam_id, hall.person("marker")) == []


def test_a_round_that_the_exam_has_not_is_refused(open_exam: OpenHall) -> None:
    hall, _, marker = exam(open_exam, "{rounds: {first: {responses: 2}}}")
    leader = hall.person("leader")
    work(hall, marker, 1)
    for name in ("trial", "second", "live", "failed"):
        with pytest.raises(BadInput):
            qualify.again(hall.site, hall.exam_id, leader, marker, "M", "W21", name)


def test_a_stopped_marker_is_not_admitted_by_the_way(open_exam: OpenHall) -> None:
    from marking import stopping

    hall, _, marker = exam(open_exam)
    work(hall, marker, 1)
    stopping.stop(hall.site, hall.exam_id, marker, "M", "W21", rule="careless", reason="x", by="rule:careless")
    with pytest.raises(Conflict):
        qualify.admit(hall.site, hall.exam_id, hall.person("leader"), marker, "M", "W21")


def test_a_leader_marks_without_rounds(open_exam: OpenHall) -> None:
    hall, _, _ = exam(open_exam, "{rounds: {first: {responses: 2}}, limits: {a_day: 1}}")
    leader = hall.person("leader")
    assert ask(hall, leader) is None
    with hall.site.database.read() as session:
        assert session.scalars(select(Response.id)).first() is not None


def test_a_days_number_is_reached_and_tomorrow_it_goes_on(open_anywhere: OpenHall) -> None:
    hall = open_anywhere(watched("{limits: {a_day: 2, in_all: 5}}"), scripts=9)
    marker = hall.person("marker")
    work(hall, marker, 2)
    with pytest.raises(Forbidden, match="today's 2 of M/W21; thank you"):
        ask(hall, marker)
    for _ in range(2):
        hall.clock.pass_by(hours=24)
        work(hall, marker, 2)
    with pytest.raises(Forbidden, match="your 5 of M/W21; thank you"):
        ask(hall, marker)
    assert standing_of(hall, marker).marks == 5


def no_task(hall: Hall, marker: int) -> bool:
    try:
        return ask(hall, marker) is None
    except Forbidden:
        return True


def test_what_is_held_over_the_limit_is_taken(open_exam: OpenHall) -> None:
    from marking.work import next_tasks

    hall = open_exam(watched("{limits: {a_day: 1}}"), scripts=9)
    marker = hall.person("marker")
    first, second = next_tasks(hall.site, hall.exam_id, marker, hold=2).tasks
    send(hall, marker, first)
    assert send(hall, marker, second).outcome == "counted"
    assert no_task(hall, marker)


def test_a_mark_that_comes_too_fast_is_refused_where_the_exam_says_so(open_exam: OpenHall) -> None:
    hall = open_exam(watched("{limits: {refuse_faster_than: 4}}"), scripts=2)
    marker = hall.person("marker")
    task = ask(hall, marker)
    assert task is not None
    with pytest.raises(Forbidden, match="after 2 seconds; an answer of M/W21 takes at least 4"):
        send(hall, marker, task, seconds=2)
    assert send(hall, marker, task, seconds=4).outcome == "counted"
    assert standing_of(hall, marker).state is StandingState.LIVE
