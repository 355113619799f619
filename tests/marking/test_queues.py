"""Redis holds the first tasks of a queue; whoever marks meets every task of it all the same, each once."""

from __future__ import annotations

from uuid import uuid4

import pytest
from sqlalchemy import select, update

from core.states import TaskLevel, TaskState
from core.tables import Mark, Response, Task
from marking import handout, queues, recover
from marking.handout import Steps, place_for, prefix
from marking.submit import submit
from marking.work import groups_for, next_tasks
from tests.marking.conftest import OpenHall
from tests.marking.exams import Hall, one_group
from tests.marking.laws import check_redis, check_rows

ALONE = "{name: '1', tolerance: {marks: 0}}"
QUEUE = "M/W21/marker"


@pytest.fixture(autouse=True)
def small_windows(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(handout, "WINDOW", 6)
    monkeypatch.setattr(queues, "WINDOW", 6)
    monkeypatch.setattr(handout, "LOW", 2)
    monkeypatch.setattr(handout, "MOST_WAITING", 24)


def mark_all(hall: Hall, *users: int) -> int:
    """Everybody marks in turn until nobody is given anything; how many marks that was."""
    count, idle = 0, 0
    while idle < len(users):
        user = users[count % len(users)] if not idle else users[(count + idle) % len(users)]
        tasks = next_tasks(hall.site, hall.exam_id, user).tasks
        if not tasks:
            idle += 1
            continue
        idle = 0
        submit(hall.site, hall.exam_id, user, tasks[0].task, str(uuid4()), {"21": 1})
        count += 1
    return count


def in_window(hall: Hall) -> int:
    return int(hall.site.redis.zcard(f"{prefix(hall.exam_id)}queue:{QUEUE}"))


def test_every_task_is_handed_out_though_the_window_is_small(open_anywhere: OpenHall) -> None:
    hall = open_anywhere(scripts=40)
    first, second = hall.person("marker"), hall.person("marker")
    assert mark_all(hall, first, second) == 80
    check_rows(hall)
    with hall.site.database.read() as session:
        assert len(set(session.execute(select(Mark.response_id, Mark.marker_id)).all())) == 80


def test_redis_holds_no_more_than_the_window_however_many_wait(open_exam: OpenHall) -> None:
    hall = open_exam(one_group(ALONE), scripts=60)
    recover.recover(hall.site, hall.exam_id)
    assert in_window(hall) == 6
    user = hall.person("marker")
    for _ in range(20):
        (task,) = next_tasks(hall.site, hall.exam_id, user).tasks
        submit(hall.site, hall.exam_id, user, task.task, str(uuid4()), {"21": 1})
        assert in_window(hall) <= 12
    check_redis(hall)


def test_what_waits_beyond_the_window_is_counted_for_who_asks(open_exam: OpenHall) -> None:
    hall = open_exam(one_group(ALONE), scripts=30)
    recover.recover(hall.site, hall.exam_id)
    queues.count_beyond(hall.site, hall.exam_id)
    user = hall.person("marker")
    assert [g.open for g in groups_for(hall.site, hall.exam_id, user)] == [30]
    (task,) = next_tasks(hall.site, hall.exam_id, user).tasks
    submit(hall.site, hall.exam_id, user, task.task, str(uuid4()), {"21": 1})
    assert [g.open for g in groups_for(hall.site, hall.exam_id, user)] == [29]


def test_a_window_that_grows_too_large_is_cut_and_nothing_of_it_is_lost(open_exam: OpenHall) -> None:
    hall = open_exam(one_group(ALONE), scripts=50)  # offered one by one to a window that held all there was, none
    assert in_window(hall) <= 24
    assert mark_all(hall, hall.person("marker")) == 50


def test_a_task_offered_while_a_window_is_filled_is_in_it(open_exam: OpenHall) -> None:
    hall = open_exam(one_group(ALONE), scripts=20)
    redis = hall.site.redis
    redis.flushall()
    handout.begin_filling(hall.site, hall.exam_id, QUEUE)
    with hall.site.database.read() as session:
        task = session.scalars(select(Task).order_by(Task.shuffle.desc())).first()
    assert task is not None
    late = handout.Waiting(task.id, task.response_id, "M", "W21", TaskLevel.MARKER, "S1", task.shuffle)
    handout.apply(hall.site, hall.exam_id, Steps().offer([late]))
    assert in_window(hall) == 1
    handout.end_filling(hall.site, hall.exam_id, QUEUE, None, "5", ())
    handout.apply(hall.site, hall.exam_id, Steps().offer([late]))
    assert in_window(hall) == 1  # beyond the reach and offered in peace: left to the database


def test_of_two_who_fill_at_once_one_is_refused(open_exam: OpenHall) -> None:
    hall = open_exam(one_group(ALONE), scripts=20)
    hall.site.redis.flushall()
    before = handout.begin_filling(hall.site, hall.exam_id, QUEUE)
    assert before is None
    assert handout.end_filling(hall.site, hall.exam_id, QUEUE, before, "7", ())
    assert not handout.end_filling(hall.site, hall.exam_id, QUEUE, before, "9", ())


def test_equal_places_are_all_reached(open_anywhere: OpenHall) -> None:
    hall = open_anywhere(one_group(ALONE), scripts=30)
    with hall.site.database.write() as session:
        session.execute(update(Task).values(shuffle=7))
    hall.site.redis.flushall()
    assert mark_all(hall, hall.person("marker")) == 30


def test_who_may_have_nothing_of_the_window_is_served_from_beyond_it(open_anywhere: OpenHall) -> None:
    hall = open_anywhere(one_group(ALONE), scripts=30, schools=("S1",) * 29 + ("S2",))
    with hall.site.database.write() as session:
        others = select(Response.id).where(Response.school_code == "S2")
        session.execute(update(Task).where(Task.response_id.in_(others)).values(shuffle=(1 << 48) - 1))
    recover.recover(hall.site, hall.exam_id)
    user = hall.person("marker", school="S1")
    (task,) = next_tasks(hall.site, hall.exam_id, user).tasks
    submit(hall.site, hall.exam_id, user, task.task, str(uuid4()), {"21": 1})
    assert next_tasks(hall.site, hall.exam_id, user).tasks == ()


def test_what_blocks_completion_goes_before_what_nobody_has_begun(open_exam: OpenHall) -> None:
    places = sorted((place_for(1) for _ in range(50)), reverse=True)
    assert places[0] < min(place_for() for _ in range(50))
    hall = open_exam(one_group(ALONE), scripts=3)
    with hall.site.database.write() as session:
        last = session.scalars(select(Task.id).order_by(Task.shuffle.desc())).first()
        session.execute(update(Task).where(Task.id == last).values(shuffle=place_for(1)))
    recover.recover(hall.site, hall.exam_id)
    (task,) = next_tasks(hall.site, hall.exam_id, hall.person("marker")).tasks
    with hall.site.database.read() as session:
        assert session.scalar(select(Task.id).where(Task.token == task.task)) == last


@pytest.mark.parametrize(("share", "first"), [("0", False), ("1", True)])
def test_a_slot_that_marks_ask_for_goes_first_where_the_exam_says_so(open_exam: OpenHall, share: str, first: bool) -> None:
    three = "{name: 2+1+1, tolerance: {marks: 0}}"
    hall = open_exam(one_group(three).replace("}\n", f", quality: {{blocking_first: '{share}'}}}}\n"), scripts=1)
    for value in (1, 9):
        user = hall.person("marker")
        (task,) = next_tasks(hall.site, hall.exam_id, user).tasks
        submit(hall.site, hall.exam_id, user, task.task, str(uuid4()), {"21": value})
    with hall.site.database.read() as session:
        assert (session.scalars(select(Task.shuffle).where(Task.state == TaskState.OPEN)).one() < 0) is first


def test_a_task_for_one_alone_is_given_to_no_other_and_before_all_others(open_anywhere: OpenHall) -> None:
    hall = open_anywhere(one_group(ALONE), scripts=5)
    user, other = hall.person("marker"), hall.person("marker")
    with hall.site.database.write() as session:
        mine = session.scalars(select(Task).order_by(Task.shuffle.desc())).first()
        assert mine is not None
        session.execute(update(Task).where(Task.id == mine.id).values(marker_id=user))
    hall.site.redis.flushall()
    assert len(next_tasks(hall.site, hall.exam_id, other, hold=5).tasks) == 4
    with hall.site.database.read() as session:
        assert [task.id for task in queues.own_tasks(session, hall.exam_id)] == [mine.id]
        assert session.scalar(select(Task.state).where(Task.id == mine.id)) is TaskState.OPEN
