"""Responses are made once, from what stands, and only for what the candidate was asked."""

from threading import Thread

import pytest
from redis import Redis
from redis.backoff import NoBackoff
from redis.retry import Retry
from sqlalchemy import func, select

from core.states import PageState, ScriptState, SheetState, TaskState
from core.tables import Page, Response, ResponsePicture, Script, Sheet, Task
from marking import intake
from marking.export import task_export
from marking.handout import prefix
from marking.work import next_tasks
from tests.marking.conftest import OpenHall
from tests.marking.exams import Hall, one_group, read_all

CHOICE = one_group(group="W1", items='[{id: "1", marks: 10}]') + one_group(group="W2", items='[{id: "2", marks: 10}]')
CHOICE += "    choices: [{id: either, among: [W1, W2]}]\n"


def groups(hall: Hall) -> list[str]:
    with hall.site.database.read() as session:
        return list(session.scalars(select(Response.group).where(Response.current).order_by(Response.id)))


def test_a_response_is_made_when_its_page_is_read_and_only_once(open_exam: OpenHall) -> None:
    hall = open_exam(sweep=False, scripts=3)
    assert intake.sweep(hall.site, hall.exam_id) == 0
    read_all(hall, only=[0])
    assert intake.sweep(hall.site, hall.exam_id) == 1
    assert intake.sweep(hall.site, hall.exam_id) == 0
    read_all(hall, only=[1, 2])
    assert intake.sweep(hall.site, hall.exam_id) == 2


def test_two_sweeps_at_once_make_each_response_once(open_anywhere: OpenHall) -> None:
    hall = open_anywhere(sweep=False, scripts=30)
    read_all(hall)
    made: list[int] = []
    threads = [Thread(target=lambda: made.append(intake.sweep(hall.site, hall.exam_id))) for _ in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sum(made) == 30
    with hall.site.database.read() as session:
        assert session.scalar(select(func.count()).select_from(Task)) == 60
        assert session.scalar(select(func.count()).select_from(ResponsePicture)) == 30
        assert len({row.script for row in task_export(session, hall.exam_id)}) == 30


@pytest.mark.parametrize("state", [ScriptState.EXPECTED, ScriptState.ABSENT])
def test_who_is_not_present_has_no_response(open_exam: OpenHall, state: ScriptState) -> None:
    hall = open_exam(sweep=False, scripts=1)
    read_all(hall)
    with hall.site.database.write() as session:
        session.scalars(select(Script)).one().state = state
    assert intake.sweep(hall.site, hall.exam_id) == 0


def test_a_doubtful_page_or_a_sheet_of_nobody_makes_none(open_exam: OpenHall) -> None:
    hall = open_exam(sweep=False, scripts=2)
    read_all(hall)
    with hall.site.database.write() as session:
        session.scalars(select(Page).order_by(Page.id)).all()[0].state = PageState.DOUBTFUL
        session.scalars(select(Sheet).order_by(Sheet.id)).all()[-1].state = SheetState.UNASSIGNED
    assert intake.sweep(hall.site, hall.exam_id) == 0


def test_only_the_chosen_group_is_marked(open_exam: OpenHall) -> None:
    hall = open_exam(CHOICE, sweep=False, scripts=1)
    read_all(hall)
    intake.sweep(hall.site, hall.exam_id)
    assert groups(hall) == []
    with hall.site.database.write() as session:
        session.scalars(select(Script)).one().chosen = {"either": "W2"}
    hall.site.redis.flushall()
    intake.sweep(hall.site, hall.exam_id)
    assert groups(hall) == ["W2"]


def test_a_sweep_with_redis_gone_still_makes_the_responses(open_exam: OpenHall) -> None:
    hall = open_exam(sweep=False, scripts=1)
    read_all(hall)
    real = hall.site.redis
    hall.site.__dict__["redis"] = Redis(unix_socket_path="/nowhere/at/all.sock", retry=Retry(NoBackoff(), 0))
    assert intake.sweep(hall.site, hall.exam_id) == 1
    hall.site.redis.close()
    hall.site.__dict__["redis"] = real
    with hall.site.database.read() as session:
        assert set(session.scalars(select(Task.state))) == {TaskState.OPEN}


def test_a_choice_that_is_changed_after_all_gets_its_response(open_anywhere: OpenHall) -> None:
    hall = open_anywhere(CHOICE, sweep=False, scripts=1)
    for chosen in ("W2", "W1"):
        if chosen == "W2":
            read_all(hall, chosen={"either": chosen})
        else:
            with hall.site.database.write() as session:
                session.scalars(select(Script)).one().chosen = {"either": chosen}
        hall.site.redis.flushall()
        intake.sweep(hall.site, hall.exam_id)
    assert groups(hall) == ["W2", "W1"]


def test_tasks_whose_commit_took_long_are_offered_though_newer_ones_were_before(open_exam: OpenHall) -> None:
    hall = open_exam(sweep=False, scripts=1)
    intake.sweep(hall.site, hall.exam_id)
    read_all(hall)
    hall.site.redis.set(f"{prefix(hall.exam_id)}offered", 1_000_000)  # another process has offered all up to here
    assert intake.sweep(hall.site, hall.exam_id) == 1
    assert len(next_tasks(hall.site, hall.exam_id, hall.person("marker")).tasks) == 1
