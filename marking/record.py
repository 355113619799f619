"""A response with all that adjudication needs, locked for one transaction; and what a change to it means for Redis."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import datetime

from sqlalchemy import select
from sqlalchemy.orm import Session

from core.errors import NotFound
from core.exam import ItemGroup
from core.ids import new_token
from core.ledger import group_shard
from core.states import MarkState, TaskLevel, TaskPurpose, TaskState
from core.tables import Mark, Response, Task
from marking.adjudicate import ResponseMark
from marking.definitions import item_group
from marking.handout import Steps, Waiting


@dataclass(slots=True)
class Record:
    """The live slots and marks of one response. Its row is locked, so nothing of it changes but by us."""

    session: Session
    response: Response
    group: ItemGroup
    tasks: list[Task]  # in the order of their slots
    marks: list[Mark]  # every live one, of any state, in the order they came
    now: datetime
    hints: Steps = field(default_factory=Steps)  # for Redis, after the commit

    @property
    def shard(self) -> str:
        return group_shard(self.response.paper, self.response.group)

    @property
    def ordinals(self) -> dict[int, int]:
        return {task.id: task.ordinal for task in self.tasks}

    def counted(self) -> list[Mark]:
        """The marks that adjudication sees, in the order of their slots."""
        ordinals = self.ordinals
        return sorted((m for m in self.marks if m.state is MarkState.COUNTED), key=lambda m: ordinals[m.task_id])

    def task(self, task_id: int) -> Task:
        return next(task for task in self.tasks if task.id == task_id)

    def of(self, user_id: int) -> list[Mark]:
        return [mark for mark in self.marks if mark.marker_id == user_id]

    def open_tasks(self) -> list[Task]:
        return [task for task in self.tasks if task.state is TaskState.OPEN]

    def add_task(self, level: TaskLevel, shuffle: int, *, state: TaskState = TaskState.OPEN, marker_id: int | None = None) -> Task:
        """A new slot after all that there ever were."""
        response = self.response
        task = Task(
            exam_id=response.exam_id,
            response_id=response.id,
            paper=response.paper,
            group=response.group,
            purpose=TaskPurpose.LIVE,
            level=level,
            ordinal=max((t.ordinal for t in self.tasks), default=0) + 1,
            state=state,
            priority=0,
            shuffle=shuffle,
            token=new_token(),
            marker_id=marker_id,
            made_at=self.now,
            done_at=self.now if state is TaskState.DONE else None,
        )
        self.session.add(task)
        self.tasks.append(task)
        return task

    def waiting(self, task: Task) -> Waiting:
        return waiting_of(task, self.response.school_code)


def waiting_of(task: Task, school: str) -> Waiting:
    return Waiting(task.id, task.response_id, task.paper, task.group, task.level, school, task.shuffle, task.priority)


def as_response_marks(marks: Iterable[Mark]) -> list[ResponseMark]:
    return [ResponseMark(mark.id, mark.level, mark.values) for mark in marks]


def lock_task(session: Session, exam_id: int, token: str, now: datetime) -> tuple[Task, Record]:
    """The task of this token, and its response's record, locked."""
    query = (
        select(Task, Response)
        .join(Response, Response.id == Task.response_id)
        .where(Task.token == token, Task.exam_id == exam_id)
        .with_for_update(of=Response)
    )
    row = session.execute(query).one_or_none()
    if row is None:
        raise NotFound("there is no such task in this exam.", where="task", remedy="Ask for the next one.")
    record = _load(session, row[1], now)
    return record.task(row[0].id), record


def lock_response(session: Session, exam_id: int, response_id: int, now: datetime) -> Record:
    query = select(Response).where(Response.id == response_id, Response.exam_id == exam_id).with_for_update()
    response = session.scalar(query)
    if response is None:
        raise NotFound("there is no such response in this exam.", where="response")
    return _load(session, response, now)


def _load(session: Session, response: Response, now: datetime) -> Record:
    # Read again after the lock: what was joined to the locked row may be from before it was ours.
    query = (
        select(Task, Mark)
        .outerjoin(Mark, Mark.task_id == Task.id)
        .where(Task.response_id == response.id, Task.purpose == TaskPurpose.LIVE)
        .order_by(Task.ordinal, Mark.id)
        .execution_options(populate_existing=True)
    )
    rows = session.execute(query).all()
    group = item_group(session, response.exam_id, response.definition_version, response.paper, response.group)
    tasks = list({task.id: task for task, _ in rows}.values())
    marks = sorted((mark for _, mark in rows if mark is not None), key=lambda m: m.id)
    return Record(session, response, group, tasks, marks, now)
