"""A mark is kept once, exactly, in its slot or beside it; and its marker may think again for a while."""

from collections.abc import Callable
from threading import Barrier, Thread
from typing import Any
from uuid import uuid4

import pytest
from sqlalchemy import select

from core.errors import BadInput, Conflict, Forbidden, MarkhallError, NotFound
from core.states import MarkState, ResponseState, TaskState
from core.tables import FinalMark, Mark, Response, Task
from marking import seeds
from marking.batch import Saved
from marking.handout import prefix
from marking.own import mine
from marking.submit import revise, submit
from marking.work import TaskView, next_tasks
from tests.marking.conftest import OpenHall
from tests.marking.exams import Hall, one_group
from tests.marking.laws import check_rows

ALONE = "{name: '1', tolerance: {marks: 0}}"
STEPS = '[{id: "23", marks: 16, step: 0.5, steps: [{id: 23a, title: x, marks: 6}, {id: 23b, title: y, marks: 10}]}]'


def get(hall: Hall, user: int) -> TaskView:
    (task,) = next_tasks(hall.site, hall.exam_id, user).tasks
    return task


def send(hall: Hall, user: int, task: TaskView, value: object, key: str = "") -> Saved:
    return submit(hall.site, hall.exam_id, user, task.task, key or str(uuid4()), {task.items[0].id: value})


def both_at_once(*calls: Callable[[], Saved]) -> list[Saved | MarkhallError]:
    """What each call gave, all begun in the same moment."""
    gate, results = Barrier(len(calls)), dict[int, Saved | MarkhallError]()

    def run(i: int, call: Callable[[], Saved]) -> None:
        gate.wait()
        try:
            results[i] = call()
        except MarkhallError as e:
            results[i] = e

    threads = [Thread(target=run, args=(i, call)) for i, call in enumerate(calls)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return [results[i] for i in range(len(calls))]


def end_leases(hall: Hall) -> None:
    redis: Any = hall.site.redis
    for task in redis.hkeys(f"{prefix(hall.exam_id)}holders"):
        redis.zadd(f"{prefix(hall.exam_id)}leases", {task: 1})


def test_the_same_key_again_gives_the_same_answer(open_exam: OpenHall) -> None:
    hall = open_exam(scripts=1)
    user = hall.person("marker")
    task = get(hall, user)
    first = send(hall, user, task, "7", "the same key")
    assert send(hall, user, task, "2", "the same key") == first
    with hall.site.database.read() as session:
        assert [mark.values for mark in session.scalars(select(Mark))] == [{"21": 700}]


def test_a_mark_that_was_overruled_since_gets_the_answer_that_it_got(open_anywhere: OpenHall) -> None:
    hall = open_anywhere(scripts=1)
    user, other, chief = hall.person("marker"), hall.person("marker"), hall.person("arbiter")
    task, late = get(hall, user), get(hall, other)
    assert send(hall, user, task, "5", "the first key").outcome == "counted"
    with hall.site.database.read() as session:
        (response,) = session.scalars(select(Response.id))
    seeds.propose(hall.site, hall.exam_id, chief, response, "live", {"21": "6"})
    with hall.site.database.read() as session:
        assert session.scalars(select(Mark.state).where(Mark.marker_id == user)).all() == [MarkState.SURPLUS]
    assert send(hall, user, task, "5", "the first key").outcome == "counted"
    assert send(hall, other, late, "5", "the second key").outcome == "surplus"
    assert send(hall, other, late, "5", "the second key").outcome == "surplus"


def test_two_people_with_one_slot_at_once_make_one_counted_and_one_surplus_mark(open_anywhere: OpenHall) -> None:
    hall = open_anywhere(one_group(ALONE), scripts=1)
    first, second = hall.person("marker"), hall.person("marker")
    task = get(hall, first)
    end_leases(hall)
    assert get(hall, second) == task
    saved = both_at_once(lambda: send(hall, first, task, "5"), lambda: send(hall, second, task, "5"))
    assert sorted(s.outcome for s in saved if isinstance(s, Saved)) == ["counted", "surplus"]
    check_rows(hall)


def test_two_retries_at_once_make_one_mark(open_anywhere: OpenHall) -> None:
    hall = open_anywhere(scripts=1)
    user = hall.person("marker")
    task = get(hall, user)
    saved = both_at_once(*[lambda: send(hall, user, task, "5", "one key for both")] * 4)
    assert len(set(saved)) == 1
    with hall.site.database.read() as session:
        assert len(session.scalars(select(Mark)).all()) == 1


def test_a_marker_in_two_browsers_counts_once(open_anywhere: OpenHall) -> None:
    hall = open_anywhere(scripts=1)
    user = hall.person("marker")
    task = get(hall, user)
    assert get(hall, user) == task
    saved = both_at_once(lambda: send(hall, user, task, "5"), lambda: send(hall, user, task, "6"))
    assert [type(s) for s in saved if not isinstance(s, Saved)] == [Conflict]
    check_rows(hall)


def test_two_slots_of_an_answer_marked_at_once_settle_it_once(open_anywhere: OpenHall) -> None:
    hall = open_anywhere(scripts=1)
    first, second = hall.person("marker"), hall.person("marker")
    tasks = get(hall, first), get(hall, second)
    saved = both_at_once(lambda: send(hall, first, tasks[0], "5"), lambda: send(hall, second, tasks[1], "5"))
    assert [s.outcome for s in saved if isinstance(s, Saved)] == ["counted", "counted"]
    check_rows(hall)
    with hall.site.database.read() as session:
        assert session.scalars(select(Response.state)).one() is ResponseState.AGREED


def test_a_mark_after_its_lease_fills_the_slot_that_is_still_open(open_exam: OpenHall) -> None:
    hall = open_exam(one_group(ALONE), scripts=1)
    late, other = hall.person("marker"), hall.person("marker")
    task = get(hall, late)
    end_leases(hall)
    again = get(hall, other)
    assert send(hall, late, task, "5").outcome == "counted"
    assert send(hall, other, again, "9").outcome == "surplus"
    assert next_tasks(hall.site, hall.exam_id, other).tasks == ()
    with hall.site.database.read() as session:
        assert session.scalars(select(FinalMark.numerator)).all() == [500]


def test_a_mark_after_redis_was_emptied_is_kept(open_exam: OpenHall) -> None:
    hall = open_exam(scripts=1)
    user = hall.person("marker")
    task = get(hall, user)
    hall.site.redis.flushall()
    assert send(hall, user, task, "5").outcome == "counted"
    assert next_tasks(hall.site, hall.exam_id, user).tasks == ()


@pytest.mark.parametrize(
    ("values", "says"),
    [
        ({"23": {"23a": "4", "23b": "7.25"}}, "step 23b: 7.25 is no whole number of steps of 0.5."),
        ({"23": {"23a": "6.5", "23b": "7"}}, "step 23a: 6.5 is not between 0 and 6."),
        ({"23": {"23a": "-1", "23b": "7"}}, "step 23a: -1 is not between 0 and 6."),
        ({"23": {"23a": "4"}}, "item 23: the mark of step 23b is missing."),
        ({"23": {"23a": "4", "23b": "7", "23c": "1"}}, "item 23: there is no step 23c here."),
        ({"23": "11"}, "item 23: is marked by steps: give a mark for each."),
        ({}, "marks: the mark of item 23 is missing."),
        ({"23": {"23a": "4", "23b": "1e400"}}, "step 23b:"),
        ({"23": {"23a": "4", "23b": "NaN"}}, "step 23b: 'NaN' is not a number of marks."),
        ({"23": {"23a": True, "23b": "1"}}, "step 23a: a number of marks is expected."),
        ([1], "marks: the marks are no table of items."),
    ],
)
def test_marks_that_cannot_be_are_refused_in_a_sentence(open_exam: OpenHall, values: object, says: str) -> None:
    hall = open_exam(one_group(ALONE, STEPS), scripts=1)
    user = hall.person("marker")
    task = get(hall, user)
    with pytest.raises(BadInput) as refused:
        submit(hall.site, hall.exam_id, user, task.task, "a good key", values)
    assert str(refused.value).startswith(says)
    assert send(hall, user, task, {"23a": "4", "23b": 7.5}).outcome == "counted"


def test_who_has_no_role_or_the_wrong_one_is_refused(open_exam: OpenHall) -> None:
    hall = open_exam(scripts=1)
    task = get(hall, hall.person("marker"))
    for stranger in (hall.person(), hall.person("leader"), hall.person("marker", scope="M/W99")):
        with pytest.raises(Forbidden):
            send(hall, stranger, task, "5")
    with pytest.raises(NotFound):
        submit(hall.site, hall.exam_id, hall.person("marker"), "no such token", "a good key", {"21": 1})


def test_a_marker_of_the_candidates_school_is_refused_even_with_the_token(open_exam: OpenHall) -> None:
    hall = open_exam(scripts=1)
    task = get(hall, hall.person("marker"))
    with pytest.raises(Conflict, match="school"):
        send(hall, hall.person("marker", school="S1"), task, "5")


# Thinking again.


def test_a_lone_mark_is_revised_and_the_old_one_is_kept(open_exam: OpenHall) -> None:
    hall = open_exam(scripts=1)
    user = hall.person("marker")
    task = get(hall, user)
    send(hall, user, task, "5")
    assert mine(hall.site, hall.exam_id, user)[0].can_revise
    assert revise(hall.site, hall.exam_id, user, task.task, "second thought", {"21": "6"}).outcome == "revised"
    assert revise(hall.site, hall.exam_id, user, task.task, "second thought", {"21": "1"}).outcome == "revised"
    with hall.site.database.read() as session:
        kept = session.execute(select(Mark.values, Mark.state, Mark.revision).order_by(Mark.id)).all()
    assert [tuple(row) for row in kept] == [({"21": 500}, MarkState.REVISED, 1), ({"21": 600}, MarkState.COUNTED, 2)]
    assert mine(hall.site, hall.exam_id, user)[0].marks == {"21": "6"}


def test_a_revision_can_undo_an_agreement_and_make_it_again(open_anywhere: OpenHall) -> None:
    hall = open_anywhere(scripts=1)
    first, second, leader = hall.person("marker"), hall.person("marker"), hall.person("leader")
    send(hall, first, get(hall, first), "5")
    task = get(hall, second)
    send(hall, second, task, "5")
    revise(hall.site, hall.exam_id, second, task.task, "key number one", {"21": "9"})
    asked = get(hall, leader)
    revise(hall.site, hall.exam_id, second, task.task, "key number two", {"21": "6"})
    assert next_tasks(hall.site, hall.exam_id, leader).tasks == ()
    assert send(hall, leader, asked, "1").outcome == "surplus"
    check_rows(hall)
    with hall.site.database.read() as session:
        finals = session.execute(select(FinalMark.version, FinalMark.numerator, FinalMark.current).order_by(FinalMark.version)).all()
        assert [tuple(row) for row in finals] == [(1, 500, False), (2, 550, True)]
        assert TaskState.VOID in set(session.scalars(select(Task.state)))


def test_nothing_is_revised_once_somebody_has_marked_because_of_it(open_exam: OpenHall) -> None:
    hall = open_exam(scripts=1)
    first, second, leader = hall.person("marker"), hall.person("marker"), hall.person("leader")
    task = get(hall, first)
    send(hall, first, task, "1")
    send(hall, second, get(hall, second), "9")
    send(hall, leader, get(hall, leader), "5")
    assert not mine(hall.site, hall.exam_id, first)[0].can_revise
    with pytest.raises(Conflict, match="after you"):
        revise(hall.site, hall.exam_id, first, task.task, "too late now", {"21": "9"})


def test_nothing_is_revised_after_the_grace_period_nor_by_another(open_exam: OpenHall) -> None:
    hall = open_exam(scripts=1)
    user, other = hall.person("marker"), hall.person("marker")
    task = get(hall, user)
    send(hall, user, task, "1")
    with pytest.raises(Conflict, match="no counted mark"):
        revise(hall.site, hall.exam_id, other, task.task, "not my mark", {"21": "9"})
    hall.clock.pass_by(minutes=9)
    revise(hall.site, hall.exam_id, user, task.task, "just in time", {"21": "2"})
    hall.clock.pass_by(minutes=2)
    with pytest.raises(Conflict, match="10 minutes"):
        revise(hall.site, hall.exam_id, user, task.task, "too late now", {"21": "9"})
    assert not mine(hall.site, hall.exam_id, user)[0].can_revise
