"""What cannot be marked as it is goes to a leader, and nobody gives it a free mark."""

import pytest
from sqlalchemy import select

from core.errors import BadInput, Conflict, Forbidden
from core.states import ResponseState, TaskPurpose, TaskState
from core.tables import FinalMark, Problem, Response, Task
from marking.problems import open_problems, problem, resolve_problem
from marking.work import next_tasks
from tests.marking.conftest import OpenHall
from tests.marking.exams import Hall
from tests.marking.laws import check_redis, check_rows
from tests.marking.test_submit import get, send
from tests.marking.watching_room import make_seeds, watched


def raised(hall: Hall, user: int) -> int:
    return problem(hall.site, hall.exam_id, user, get(hall, user).task, "the key of it", "illegible", "too faint")


def test_a_problem_takes_the_answer_out_of_marking(open_anywhere: OpenHall) -> None:
    hall = open_anywhere(scripts=1)
    user, other, leader = hall.person("marker"), hall.person("marker"), hall.person("leader")
    held = get(hall, other)
    raised(hall, user)
    assert next_tasks(hall.site, hall.exam_id, user).tasks == ()
    assert send(hall, other, held, "5").outcome == "surplus"
    (waiting,) = open_problems(hall.site, hall.exam_id, leader)
    assert (waiting.reason, waiting.note, waiting.raised_by, len(waiting.pictures)) == ("illegible", "too faint", user, 1)
    check_rows(hall)


def test_the_same_key_raises_one_problem(open_exam: OpenHall) -> None:
    hall = open_exam(scripts=1)
    user = hall.person("marker")
    task = get(hall, user).task
    first = problem(hall.site, hall.exam_id, user, task, "the same key", "other")
    assert problem(hall.site, hall.exam_id, user, task, "the same key", "other") == first
    with pytest.raises(Conflict):
        problem(hall.site, hall.exam_id, user, task, "another key", "other")
    with hall.site.database.read() as session:
        assert len(session.scalars(select(Problem)).all()) == 1


def test_a_problem_on_a_seed_is_resolved_once(open_anywhere: OpenHall) -> None:
    hall = open_anywhere(watched("{seeds: {first_of_day: true}}"), scripts=2)
    chief, user, leader = hall.person("arbiter"), hall.person("marker"), hall.person("leader")
    make_seeds(hall, chief, "live", 1)
    number = raised(hall, user)
    resolve_problem(hall.site, hall.exam_id, leader, number, "back", key="leader key 1", note="it can be read")
    resolve_problem(hall.site, hall.exam_id, leader, number, "back", key="leader key 1")
    with pytest.raises(Conflict, match="already"):
        resolve_problem(hall.site, hall.exam_id, chief, number, "void", key="leader key 2")
    with hall.site.database.read() as session:
        found = session.get_one(Problem, number)
        assert session.get_one(Task, found.task_id).purpose is TaskPurpose.SEED
        assert (found.resolved_by, found.resolution["key"], found.resolution["note"]) == (
            f"user:{leader}",
            "leader key 1",
            "it can be read",
        )


def test_back_to_marking_counts_what_was_counted_and_asks_for_the_rest(open_exam: OpenHall) -> None:
    hall = open_exam(scripts=1)
    first, user, leader = hall.person("marker"), hall.person("marker"), hall.person("leader")
    send(hall, first, get(hall, first), "5")
    number = raised(hall, user)
    resolve_problem(hall.site, hall.exam_id, leader, number, "back", key="leader key 1")
    resolve_problem(hall.site, hall.exam_id, leader, number, "back", key="leader key 1")
    with pytest.raises(Conflict):
        resolve_problem(hall.site, hall.exam_id, leader, number, "back", key="leader key 2")
    with hall.site.database.read() as session:
        assert [t.ordinal for t in session.scalars(select(Task).where(Task.state == TaskState.OPEN))] == [3]
    check_redis(hall)
    send(hall, user, get(hall, user), "6")
    with hall.site.database.read() as session:
        assert session.scalars(select(FinalMark.numerator)).all() == [550]
    check_rows(hall)


def test_a_leaders_own_mark_is_the_last_word_and_records_what_was_shown(open_exam: OpenHall) -> None:
    hall = open_exam(scripts=1)
    first, user, leader = hall.person("marker"), hall.person("marker"), hall.person("leader")
    send(hall, first, get(hall, first), "5")
    number = raised(hall, user)
    with pytest.raises(Forbidden):
        resolve_problem(hall.site, hall.exam_id, user, number, "mark", key="marker key 1", values={"21": 3})
    with pytest.raises(BadInput):
        resolve_problem(hall.site, hall.exam_id, leader, number, "mark", key="leader key 1", values={"21": 11})
    resolve_problem(hall.site, hall.exam_id, leader, number, "mark", key="leader key 1", values={"21": 3})
    with hall.site.database.read() as session:
        final = session.scalars(select(FinalMark)).one()
        assert (final.numerator, final.rule) == (300, "arbiter")
        assert session.scalars(select(Response.state)).one() is ResponseState.AGREED
    check_rows(hall)


def test_a_leader_who_has_marked_the_answer_leaves_it_to_another(open_exam: OpenHall) -> None:
    hall = open_exam(scripts=1)
    both, user = hall.person("marker", "leader"), hall.person("marker")
    send(hall, both, get(hall, both), "5")
    number = raised(hall, user)
    with pytest.raises(Conflict, match="mark of yours"):
        resolve_problem(hall.site, hall.exam_id, both, number, "mark", key="leader key 1", values={"21": 3})


def test_a_key_that_was_used_for_another_answer_hides_no_problem_and_loses_no_task(open_exam: OpenHall) -> None:
    hall = open_exam(scripts=2)
    user = hall.person("marker")
    problem(hall.site, hall.exam_id, user, get(hall, user).task, "one key for two", "other")
    second = get(hall, user).task
    with pytest.raises(Conflict, match="another problem"):
        problem(hall.site, hall.exam_id, user, second, "one key for two", "other")
    assert get(hall, user).task == second
    check_redis(hall)
