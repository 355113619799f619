"""An exam whose markers are watched, for the tests: rules, seeds, people at work."""

from __future__ import annotations

from typing import Any
from uuid import uuid4

from sqlalchemy import select

from core.errors import Forbidden
from core.states import MarkState, ResponseState, TaskPurpose
from core.tables import Check, Mark, Response, Standing, Stop, Task
from marking import seeds
from marking.batch import Saved
from marking.giving import give
from marking.submit import submit
from marking.work import TaskView, next_tasks
from tests.marking.exams import PAIR, Hall

ITEMS = '[{id: "21", marks: 10}]'


def watched(quality: str, scheme: str = PAIR, items: str = ITEMS) -> str:
    return f"      - {{id: W21, title: Question, items: {items}, scheme: {scheme}, quality: {quality}}}\n"


def open_responses(hall: Hall) -> list[int]:
    with hall.site.database.read() as session:
        query = select(Response.id).where(Response.state == ResponseState.OPEN).order_by(Response.id)
        return list(session.scalars(query))


def make_seeds(hall: Hall, chief: int, use: str, n: int, value: Any = "5") -> list[int]:
    """The first open responses become seeds."""
    chosen = open_responses(hall)[:n]
    for response in chosen:
        seeds.propose(hall.site, hall.exam_id, chief, response, use, {"21": value}, "as agreed")
    return chosen


def ask(hall: Hall, user: int) -> TaskView | None:
    return next(iter(next_tasks(hall.site, hall.exam_id, user).tasks), None)


def send(hall: Hall, user: int, task: TaskView, value: Any = "5", seconds: float = 30.0) -> Saved:
    return submit(hall.site, hall.exam_id, user, task.task, str(uuid4()), {"21": value}, seconds)


def purpose_of(hall: Hall, view: TaskView) -> TaskPurpose:
    with hall.site.database.read() as session:
        found = session.scalar(select(Task.purpose).where(Task.token == view.task))
        assert found is not None
        return found


def work(hall: Hall, user: int, n: int, value: Any = "5", *, on_seeds: Any = None) -> list[TaskPurpose]:
    """Mark the next `n` tasks; the purpose of each. What is due is given before each, as the sweeper does it."""
    met: list[TaskPurpose] = []
    for _ in range(n):
        give(hall.site, hall.exam_id)
        try:
            task = ask(hall, user)
        except Forbidden:
            break
        if task is None:
            break
        met.append(purpose_of(hall, task))
        send(hall, user, task, on_seeds if on_seeds is not None and met[-1] is TaskPurpose.SEED else value)
    return met


def standing_of(hall: Hall, user: int) -> Standing:
    with hall.site.database.read() as session:
        return session.scalars(select(Standing).where(Standing.user_id == user)).one()


def checks_of(hall: Hall, user: int) -> list[Check]:
    with hall.site.database.read() as session:
        return list(session.scalars(select(Check).where(Check.user_id == user).order_by(Check.id)))


def stops_of(hall: Hall, user: int) -> list[Stop]:
    with hall.site.database.read() as session:
        return list(session.scalars(select(Stop).where(Stop.user_id == user).order_by(Stop.id)))


def marks_of(hall: Hall, user: int, state: MarkState = MarkState.COUNTED) -> list[Mark]:
    with hall.site.database.read() as session:
        query = select(Mark).where(Mark.marker_id == user, Mark.state == state, Mark.purpose == TaskPurpose.LIVE)
        return list(session.scalars(query.order_by(Mark.id)))
