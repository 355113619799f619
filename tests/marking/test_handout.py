"""Who is handed what: at random, blind, never twice, never one's own school, and again when a lease ends."""

from uuid import uuid4

import pytest
from sqlalchemy import select, update

from core.errors import Forbidden
from core.states import TaskState
from core.tables import Conflict, Task
from marking import handout, intake, recover
from marking.submit import submit
from marking.work import next_tasks, release, release_everywhere
from tests.marking.conftest import OpenHall
from tests.marking.exams import Hall, one_group
from tests.marking.laws import check_redis
from tests.marking.test_submit import end_leases


def tokens(hall: Hall, user: int, hold: int = 1, group: str | None = None) -> list[str]:
    return [task.task for task in next_tasks(hall.site, hall.exam_id, user, group, hold).tasks]


def test_held_tasks_come_first_and_no_answer_twice(open_exam: OpenHall) -> None:
    hall = open_exam(scripts=3)
    user = hall.person("marker")
    held = tokens(hall, user, 2)
    assert tokens(hall, user, 5)[:2] == held
    assert len(tokens(hall, user, 5)) == 3  # three answers, though six slots are open
    check_redis(hall)


def test_a_school_of_ones_own_or_a_declared_one_is_never_handed_out(open_exam: OpenHall) -> None:
    hall = open_exam(scripts=4, schools=("S1", "S2"))
    own, declared = hall.person("marker", school="S1"), hall.person("marker")
    with hall.site.database.write() as session:
        session.add_all([Conflict(user_id=declared, school_code="S1"), Conflict(user_id=declared, school_code="S2")])
    assert len(tokens(hall, own, 5)) == 2
    assert tokens(hall, declared, 5) == []


def test_a_lease_that_ends_goes_to_another_and_activity_renews_it(open_exam: OpenHall) -> None:
    hall = open_exam(one_group("{name: '1', tolerance: {marks: 0}}"), scripts=1)
    first, second = hall.person("marker"), hall.person("marker")
    (token,) = tokens(hall, first)
    assert tokens(hall, second) == []
    end_leases(hall)
    assert tokens(hall, first) == [token]
    end_leases(hall)
    assert tokens(hall, second) == [token]
    assert tokens(hall, first) == []


def test_sign_out_gives_everything_back(open_exam: OpenHall) -> None:
    hall = open_exam(one_group("{name: '1', tolerance: {marks: 0}}"), scripts=3)
    first, second = hall.person("marker"), hall.person("marker")
    held = tokens(hall, first, 3)
    assert release_everywhere(hall.site, first) == 3
    assert release(hall.site, hall.exam_id, first) == 0
    assert sorted(tokens(hall, second, 3)) == sorted(held)


def test_the_order_is_not_that_of_the_scripts(open_exam: OpenHall) -> None:
    hall = open_exam(one_group("{name: '1', tolerance: {marks: 0}}"), scripts=40)
    user = hall.person("marker")
    order = []
    for _ in range(40):
        (token,) = tokens(hall, user)
        submit(hall.site, hall.exam_id, user, token, str(uuid4()), {"21": 1})
        order.append(token)
    with hall.site.database.read() as session:
        ids = dict(session.execute(select(Task.token, Task.id)).all())
    assert [ids[t] for t in order] != sorted(ids.values())


def test_a_task_that_is_done_in_the_database_is_never_shown_whatever_redis_says(open_exam: OpenHall) -> None:
    hall = open_exam(scripts=2)
    user = hall.person("marker")
    with hall.site.database.write() as session:
        done = session.scalars(select(Task.id).order_by(Task.id).limit(2)).all()
        session.execute(update(Task).where(Task.id.in_(done)).values(state=TaskState.VOID))
    assert len(tokens(hall, user, 5)) == 1
    assert tokens(hall, user, 5) == tokens(hall, user, 1)


def test_what_a_marker_has_marked_is_not_handed_out_again_when_redis_forgot_it(open_exam: OpenHall) -> None:
    hall = open_exam(scripts=1)
    user = hall.person("marker")
    (token,) = tokens(hall, user)
    submit(hall.site, hall.exam_id, user, token, str(uuid4()), {"21": 1})
    hall.site.redis.flushall()
    hall.site.redis.set(f"{handout.prefix(hall.exam_id)}epoch", "as if it were whole")
    with hall.site.database.read() as session:
        task = session.scalars(select(Task).where(Task.state == TaskState.OPEN)).one()
    waiting = handout.Waiting(task.id, task.response_id, "M", "W21", task.level, "S1", task.shuffle)
    handout.apply(hall.site, hall.exam_id, handout.Steps().offer([waiting]))
    assert tokens(hall, user) == []
    assert len(tokens(hall, hall.person("marker"))) == 1


def test_an_emptied_redis_fills_itself_at_the_next_request(open_exam: OpenHall) -> None:
    hall = open_exam(scripts=3)
    user = hall.person("marker")
    hall.site.redis.flushall()
    assert len(tokens(hall, user, 5)) == 3


def test_recovery_beside_marking_changes_nothing(open_exam: OpenHall) -> None:
    hall = open_exam(scripts=3)
    user = hall.person("marker")
    held = tokens(hall, user, 2)
    assert recover.recover(hall.site, hall.exam_id) == 6
    check_redis(hall)
    assert tokens(hall, user, 2) == held


def test_a_task_that_nobody_announced_is_offered_by_the_sweep(open_exam: OpenHall) -> None:
    hall = open_exam(scripts=1)
    redis = hall.site.redis
    (queue,) = redis.keys(f"{handout.prefix(hall.exam_id)}queue:*")
    redis.delete(queue)
    intake.sweep(hall.site, hall.exam_id)
    check_redis(hall)


def test_a_long_search_goes_on_where_it_stopped(open_exam: OpenHall, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(handout, "LONGEST_SEARCH", 16)
    hall = open_exam(one_group("{name: '1', tolerance: {marks: 0}}"), scripts=60, schools=("S1",) * 59 + ("S2",))
    user = hall.person("marker", school="S1")
    found = [tokens(hall, user) for _ in range(6)]
    assert any(found)
    other = [tokens(hall, hall.person("marker", school="S2")) for _ in range(2)]
    assert all(other)


def test_the_slots_of_one_answer_look_alike(open_exam: OpenHall) -> None:
    hall = open_exam(scripts=1)
    views = [next_tasks(hall.site, hall.exam_id, hall.person("marker")).tasks[0] for _ in range(2)]
    assert views[0].task != views[1].task
    assert views[0].pictures[0].token != views[1].pictures[0].token
    assert (views[0].items, views[0].title, views[0].level, views[0].shown) == (views[1].items, views[1].title, views[1].level, None)


def test_roles_reach_as_far_as_their_scope(open_exam: OpenHall) -> None:
    hall = open_exam(one_group(group="W1") + one_group(group="W2", items='[{id: "22", marks: 10}]'), scripts=1)
    one = hall.person("marker", scope="M/W1")
    assert {t.group for t in next_tasks(hall.site, hall.exam_id, one, hold=5).tasks} == {"W1"}
    assert {t.group for t in next_tasks(hall.site, hall.exam_id, hall.person("marker", scope="M"), hold=5).tasks} == {"W1", "W2"}
    with pytest.raises(Forbidden):
        next_tasks(hall.site, hall.exam_id, one, "M/W2")
    with pytest.raises(Forbidden):
        next_tasks(hall.site, hall.exam_id, hall.person("clerk"))
