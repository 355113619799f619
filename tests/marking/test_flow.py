"""From a read page to an agreed mark, through the functions that the routes call."""

from uuid import uuid4

from sqlalchemy import func, select

from core import ledger
from core.states import ResponseState, TaskState
from core.tables import FinalMark, Response, Task
from marking import intake
from marking.export import task_export
from marking.own import mine
from marking.submit import submit
from marking.work import groups_for, next_tasks
from tests.marking.conftest import OpenHall
from tests.marking.exams import Hall


def mark_next(hall: Hall, user: int, value: object, group: str | None = None) -> str:
    work = next_tasks(hall.site, hall.exam_id, user, group)
    assert len(work.tasks) == 1
    task = work.tasks[0]
    return submit(hall.site, hall.exam_id, user, task.task, str(uuid4()), {task.items[0].id: value}, 3.5).outcome


def test_two_markers_agree_and_the_mean_is_the_mark(open_anywhere: OpenHall) -> None:
    hall = open_anywhere(scripts=3)
    first, second = hall.person("marker"), hall.person("marker")
    for user, value in ((first, "7"), (second, "8")):
        for _ in range(3):
            assert mark_next(hall, user, value) == "counted"
        assert next_tasks(hall.site, hall.exam_id, user).tasks == ()
    with hall.site.database.read() as session:
        finals = session.scalars(select(FinalMark)).all()
        assert [(f.numerator, f.denominator, f.rule) for f in finals] == [(750, 1, "pair")] * 3
        assert set(session.scalars(select(Response.state))) == {ResponseState.AGREED}
        assert set(session.scalars(select(Task.state))) == {TaskState.DONE}
        assert [chain.fault for chain in ledger.verify(session, hall.exam_id)] == ["", ""]
        assert [row.ordinal for row in task_export(session, hall.exam_id)] == [1, 2] * 3
    assert groups_for(hall.site, hall.exam_id, first)[0].done_by_me == 3


def test_a_disagreement_goes_to_the_leader_who_sees_both_marks(open_anywhere: OpenHall) -> None:
    hall = open_anywhere(scripts=1)
    first, second, leader = hall.person("marker"), hall.person("marker"), hall.person("leader")
    mark_next(hall, first, "3")
    assert next_tasks(hall.site, hall.exam_id, leader).tasks == ()
    mark_next(hall, second, "9")
    (task,) = next_tasks(hall.site, hall.exam_id, leader).tasks
    assert task.level == "leader"
    assert task.shown is not None
    assert sorted(str(shown.marks["21"]) for shown in task.shown) == ["3", "9"]
    submit(hall.site, hall.exam_id, leader, task.task, str(uuid4()), {"21": 4})
    with hall.site.database.read() as session:
        (final,) = session.scalars(select(FinalMark))
        assert (final.numerator, final.rule, len(final.mark_ids)) == (400, "leader", 1)
    (own,) = mine(hall.site, hall.exam_id, leader)
    assert (own.marks, own.can_revise) == ({"21": "4"}, True)
    assert not mine(hall.site, hall.exam_id, first)[0].can_revise


def test_a_second_sweep_makes_nothing(open_anywhere: OpenHall) -> None:
    hall = open_anywhere(scripts=2)
    hall.site.redis.flushall()
    assert intake.sweep(hall.site, hall.exam_id) == 0
    with hall.site.database.read() as session:
        assert session.scalar(select(func.count()).select_from(Task)) == 4
